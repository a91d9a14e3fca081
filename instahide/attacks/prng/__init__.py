"""Private images through the generator of 2020: its seed, see docs/prng.md."""
