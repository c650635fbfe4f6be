"""What `sweep` found."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from boundcheck.report.sweep import sweep_html, write_sweep_report
from boundcheck.sweep_record import SweepRecord, save_sweep
from boundcheck.verified import failed


@dataclass(frozen=True, eq=False)
class Sweep:
    """The verdicts, losses and assumptions of many encoders and temperatures; `record` holds every number."""

    record: SweepRecord

    def to_frame(self) -> pd.DataFrame:
        """One row per encoder, temperature, claim, hardening and Q, with the columns of sweep.csv."""
        return self.record.claims.copy()

    def __repr__(self) -> str:
        claims = self.record.claims
        encoders, temperatures = (claims[name].drop_duplicates() for name in ("encoder", "temperature"))
        return (
            f"Sweep of {', '.join(encoders)} at temperature {', '.join(f'{tau:g}' for tau in temperatures)}; "
            f"to_frame() has its {len(claims)} rows of verdicts"
        )

    def failed(self, on: str = "violated") -> bool:
        """Whether an exact claim or theorem ended as badly as `on` in any cell, as `Verification.failed`."""
        return failed(self.record.claims, on)

    def save(
        self, directory: str | os.PathLike[str], overwrite: bool = False, command: Sequence[str] | None = None
    ) -> Path:
        """Write numbers, tables, heat maps and report.html as one directory, which appears whole or not at all.

        Args:
            directory: where.
            overwrite: replace a run that is already there.
            command: the command line to record.

        Raises:
            FileError: the directory is in use or cannot be written.
        """
        manifest = dict(self.record.manifest)
        if command is not None:
            manifest["command"] = list(command)
        home, record = Path(directory), replace(self.record, manifest=manifest)
        page = [lambda record, folder: write_sweep_report(record, folder, home)]
        return save_sweep(record, directory, overwrite, also=page)

    def _repr_html_(self) -> str:
        return sweep_html(self.record)
