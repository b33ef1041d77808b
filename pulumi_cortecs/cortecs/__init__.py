"""Cortecs: all that is its own."""
