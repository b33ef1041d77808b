"""How a machine without a pulumi CLI gets the real one. `get.py` is the way in, `ladder.py` the order."""
