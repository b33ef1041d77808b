"""Cortecs: all that is about this cloud and about no other."""
