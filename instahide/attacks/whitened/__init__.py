"""Private images from public photos of the same kind: four stages, see docs/whitened.md."""
