"""The errors of data sources, in a module that is cheap to import."""

from __future__ import annotations

import pulumi


class DataSourceError(pulumi.RunError):
    """A request to Cortecs failed. A RunError: Pulumi shows its text without a traceback."""


class UnknownIdError(DataSourceError, LookupError):
    """Cortecs does not have this id. The text names the most similar one."""
