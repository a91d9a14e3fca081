"""Sweeps: one challenge or training over grids of its settings, expanded into ordinary ones."""
