"""The saved record of an atlas: one row per data set, encoder, temperature, claim, hardening, Q and shots."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from boundcheck.runs import read_manifest, read_table, save_directory, typed, write_manifest, write_table

ATLAS_COLUMNS = [
    "data", "modality", "encoder", "n", "views", "d", "classes", "duplicates", "close", "design", "temperature",
    "claim", "kind", "hardening", "beta", "q", "shots", "lhs", "lhs_low", "lhs_high", "rhs", "gap", "ci_low", "ci_high",
    "premise_share", "premise_low", "premise_high", "premise_reliable", "critical_beta", "critical_low",
    "critical_high", "ess", "vacuous",
    "informative", "reliable", "verdict", "reason", "configuration",
]  # fmt: skip
SETS = ["data", "modality", "encoder"]
"""What tells one embedding set of an atlas from another."""
FILE = "atlas.csv"


@dataclass(frozen=True, eq=False)
class AtlasRecord:
    """An atlas, as it is saved and as it is reported.

    Args:
        frame: `ATLAS_COLUMNS`. Rows of bounds on few-shot error (claims `error_...`) have shots and no temperature;
            exact claims have one row per temperature, the gravest.
        manifest: what made it: command, config, versions, platform, sets, what is left out, cost, catalogue.
    """

    frame: pd.DataFrame
    manifest: Mapping[str, Any] = field(repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "frame", typed(self.frame, ATLAS_COLUMNS))

    def to_frame(self) -> pd.DataFrame:
        """The table."""
        return self.frame.copy()


def save_atlas(
    record: AtlasRecord,
    directory: str | os.PathLike[str],
    overwrite: bool = False,
    also: Sequence[Callable[[AtlasRecord, Path], object]] = (),
) -> Path:
    """Save an atlas as one directory that appears whole or not at all; arguments and errors as of `save_run`."""

    def write_all(folder: Path) -> None:
        write_table(record.frame, folder / FILE)
        write_manifest(record.manifest, folder)
        for write in also:
            write(record, folder)

    return save_directory(directory, overwrite, write_all)


def is_atlas(directory: Path) -> bool:
    """Whether a saved run is an atlas."""
    return (directory / FILE).is_file()


def load_atlas(directory: str | os.PathLike[str]) -> AtlasRecord:
    """Load what `save_atlas` saved.

    Raises:
        FileError: it is not an atlas, or one of its files is missing or damaged.
    """
    source = Path(directory)
    manifest = read_manifest(source)
    return AtlasRecord(read_table(source / FILE, ATLAS_COLUMNS, manifest), manifest)
