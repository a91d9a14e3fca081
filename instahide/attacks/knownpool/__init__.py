"""Private images where the pool is known: decoding its images, see docs/pool.md."""
