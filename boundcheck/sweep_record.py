"""The saved record of a sweep: the tables of many runs in one, each row with its encoder and temperature."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from boundcheck.runs import (
    ASSUMPTION_COLUMNS,
    CLAIM_COLUMNS,
    LOSS_COLUMNS,
    read_manifest,
    read_table,
    save_directory,
    typed,
    write_manifest,
    write_table,
)

WHERE = ["encoder", "temperature"]
SWEEP_COLUMNS = {
    "claims": [*WHERE, *CLAIM_COLUMNS],
    "losses": [*WHERE, *(name for name in LOSS_COLUMNS if name != "temperature")],
    "assumption": [*WHERE, *ASSUMPTION_COLUMNS],
}
_FILES = {"claims": "sweep.csv", "losses": "losses.csv", "assumption": "assumption.csv"}


@dataclass(frozen=True, eq=False)
class SweepRecord:
    """A sweep, as it is saved and as it is reported.

    Args:
        claims: One row per encoder, temperature, claim, hardening and Q: `CLAIM_COLUMNS` behind `WHERE`; `p_holm` is
            adjusted over all of them.
        losses: `LOSS_COLUMNS` behind `WHERE`.
        assumption: `ASSUMPTION_COLUMNS` behind `WHERE`.
        manifest: What made the sweep: command, config, versions, platform, encoders, cells, cost, warnings, catalogue.
    """

    claims: pd.DataFrame
    losses: pd.DataFrame
    assumption: pd.DataFrame
    manifest: Mapping[str, Any] = field(repr=False)

    def __post_init__(self) -> None:
        for name, columns in SWEEP_COLUMNS.items():
            object.__setattr__(self, name, typed(getattr(self, name), columns))


def save_sweep(
    record: SweepRecord,
    directory: str | os.PathLike[str],
    overwrite: bool = False,
    also: Sequence[Callable[[SweepRecord, Path], object]] = (),
) -> Path:
    """Save a sweep as one directory that appears whole or not at all; arguments and errors as of `save_run`."""

    def write_all(folder: Path) -> None:
        for name, file in _FILES.items():
            write_table(getattr(record, name), folder / file)
        write_manifest(record.manifest, folder)
        for write in also:
            write(record, folder)

    return save_directory(directory, overwrite, write_all)


def is_sweep(directory: Path) -> bool:
    """Whether a saved run is a sweep."""
    return (directory / _FILES["claims"]).is_file()


def load_sweep(directory: str | os.PathLike[str]) -> SweepRecord:
    """Load what `save_sweep` saved.

    Raises:
        FileError: It is not a sweep, or one of its files is missing or damaged.
    """
    source = Path(directory)
    manifest = read_manifest(source)
    tables = {name: read_table(source / file, SWEEP_COLUMNS[name], manifest) for name, file in _FILES.items()}
    return SweepRecord(**tables, manifest=manifest)
