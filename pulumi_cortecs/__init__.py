"""Rented LLM inference as Pulumi resources."""
