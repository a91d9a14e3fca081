"""What leaks from one's own images: read, encrypt, attack them, and say it in words."""
