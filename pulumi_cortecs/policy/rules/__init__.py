"""The rules, one module per family. Each rule is data and a pure function, independent of pulumi."""
