"""A stand-in for /var/lib/pulumi-cortecs. The shipped package has no such switch: a folder is replaced, in
the processes that a test starts, by Python that they run before anything else."""

from __future__ import annotations

from pathlib import Path


def elsewhere(folder: Path) -> str:
    """Python after which a provider notes under a folder of the test's what the machine's processes share."""
    return (
        "from pathlib import Path\n"
        "from pulumi_cortecs.lifecycle import state_directory\n"
        f"state_directory.MACHINE_DIRECTORY = Path({str(folder)!r})\n"
    )


def elsewhere_under_limits(folder: Path) -> str:
    """The same for every Python that an engine starts: only providers that have limits are touched."""
    lines = "".join(f"    {line}\n" for line in elsewhere(folder).splitlines())
    return f"import os, sys\nif 'pulumi.dynamic' in sys.orig_argv and 'PULUMI_CORTECS_LIMITS' in os.environ:\n{lines}"
