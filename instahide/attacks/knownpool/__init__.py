"""Private images where the pool is known: decoding its images, see docs/pool.md.

A wall to keep: of `instahide.attacks.unmixing` it imports `problem`, `state` and `parts`, and
no stage, so that it does not run again with any of them.
"""
