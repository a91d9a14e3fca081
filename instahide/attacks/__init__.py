"""Attacks on a challenge: its released files in, recovered images out."""
