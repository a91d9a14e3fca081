"""How private images become what is released: one protocol, and the encodings."""
