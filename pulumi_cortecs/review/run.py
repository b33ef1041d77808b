"""A preview by the `pulumi` CLI, its events read while they come. Nothing is bought, and nothing is written."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

from pulumi_cortecs.lifecycle.pulumi_cli import without_credentials
from pulumi_cortecs.review.events import Preview, read_preview

_MAX_ERRORS: Final = 2**16
_VARIABLES: Final = {"PULUMI_ENABLE_STREAMING_JSON_PREVIEW": "true", "PULUMI_CORTECS_REVIEW": "1"}


@dataclass(frozen=True)
class PreviewCommand:
    """A preview of a stack ("" for the selected one) in a directory. `packs` are paths, `pack_configs` their
    configurations in the same order; `refresh`: read the resources from their vendors before; `config_file`: the
    stack's file, None for the project's own."""

    executable: str
    directory: Path
    stack: str = ""
    packs: Sequence[Path] = ()
    pack_configs: Sequence[Path] = ()
    refresh: bool = False
    config_file: Path | None = None

    @property
    def arguments(self) -> tuple[str, ...]:
        """The arguments of pulumi."""
        return (
            *("preview", "--json", "--non-interactive", "--color=never"),
            f"--refresh={str(self.refresh).lower()}",
            *(("--stack", self.stack) if self.stack else ()),
            *(("--config-file", str(self.config_file)) if self.config_file else ()),
            *(word for pack in self.packs for word in ("--policy-pack", str(pack.absolute()))),
            *(word for config in self.pack_configs for word in ("--policy-pack-config", str(config.absolute()))),
        )

    def run(self, environment: Mapping[str, str] | None = None) -> Preview:
        """The preview, in this environment or that of this process. Raises OSError if the command cannot be started."""
        with (
            TemporaryFile() as errors,
            subprocess.Popen(
                [self.executable, *self.arguments],
                cwd=self.directory,
                env={**(os.environ if environment is None else environment), **_VARIABLES},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
            ) as process,
        ):
            if process.stdout is None:
                raise OSError("pulumi has no output")
            preview = read_preview(process.stdout)
            process.stdout.close()  # a command that writes more than is read must not wait
            code = process.wait()
            errors.seek(0)
            reason = _last_line(errors.read(_MAX_ERRORS).decode(errors="replace"))
        is_refused = any(event.is_mandatory for event in preview.policy_events)
        if preview.problems or (code != 0 and not is_refused):
            why = reason or (f"pulumi preview exited with {code}" if code and not preview.has_error else "")
            return replace(preview, problems=(*filter(None, (why,)), *preview.problems))
        return preview


def _last_line(errors: str) -> str:
    """The last line that pulumi wrote beside the events: without a policy pack or a stack, there is nothing else."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    return without_credentials(lines[-1].removeprefix("error: ")) if lines else ""
