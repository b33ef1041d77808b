"""The real pulumi CLI for a machine without one: `get.py` is the script, `resolver.py` the order of the sources."""
