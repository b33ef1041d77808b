"""Reviewing the money in a pull request: what a preview would cost, as a report for people and machines."""
