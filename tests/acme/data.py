"""The data sources of Acme: its plans by name."""

from tests.acme.client import plans as get_plans

__all__ = ["get_plans"]
