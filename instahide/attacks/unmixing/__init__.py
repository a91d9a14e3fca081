"""Attacks that unmix rows: what they mix is found by statistics, see docs/whitened.md."""
