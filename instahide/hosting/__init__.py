"""Handing a challenge to others: bundles for platforms, metadata for search, the disclosure."""
