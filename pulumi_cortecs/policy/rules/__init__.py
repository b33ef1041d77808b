"""The rules, one module per family: each is data and a pure function, and knows nothing of pulumi."""
