"""The review of a change: what a preview's events say that it would cost, and whether it is allowed."""
