"""The errors of data sources, in a module that costs a program nothing to import."""

from __future__ import annotations

import pulumi


class DataSourceError(pulumi.RunError):
    """Cortecs could not be asked, or did not answer. A RunError: Pulumi shows its text, and no traceback."""


class UnknownIdError(DataSourceError, LookupError):
    """Cortecs has nothing of this id. The text names the nearest id that there is."""
