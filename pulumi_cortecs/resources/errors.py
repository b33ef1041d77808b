"""What a data source raises, in a module that a program can import for nothing."""

from __future__ import annotations

import pulumi


class DataSourceError(pulumi.RunError):
    """Cortecs could not be asked, or did not answer. A RunError: Pulumi shows its text, and no traceback."""


class UnknownIdError(DataSourceError, LookupError):
    """Cortecs has nothing of this id. The text names the nearest id that there is."""
