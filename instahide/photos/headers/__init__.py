"""What image files say of themselves, one module for each format."""
