"""Gcore Everywhere Inference: deployments that scale, in many regions."""
