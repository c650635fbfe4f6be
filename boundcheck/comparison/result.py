"""What `compare` found, as tables, text and one folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from boundcheck.comparison.figure import draw_classes, draw_comparison
from boundcheck.comparison.words import comparison_text
from boundcheck.report.figures.saving import save_figure
from boundcheck.runs import save_directory, write_manifest, write_table


@dataclass(frozen=True, eq=False)
class Comparison:
    """Methods beside each other.

    Attributes:
        frame: one row per method (`against` is empty) or difference to the first (`against` names it), class (empty:
            all anchors), quantity, hardening and Q (`table.COLUMNS`; nats).
        members: one row per encoder and quantity.
        notes: what limits it: what is not paired and why, what was left out.
        manifest: the encoders, the options, versions and platform.
    """

    frame: pd.DataFrame
    members: pd.DataFrame
    notes: tuple[str, ...]
    manifest: dict[str, Any] = field(repr=False)

    def to_frame(self, *, by_class: bool = False) -> pd.DataFrame:
        """The rows over all anchors, or those of every class, with the columns of comparison.csv."""
        rows = (self.frame["class"] != "") == by_class
        return self.frame[rows].reset_index(drop=True)

    def save(
        self, directory: str | os.PathLike[str], overwrite: bool = False, command: Sequence[str] | None = None
    ) -> Path:
        """Write comparison.csv, classes.csv, encoders.csv, comparison.txt, run.json and figures/ as one directory.

        It appears whole or not at all.

        Args:
            directory: where.
            overwrite: replace a run that is already there.
            command: the command line to record.

        Raises:
            FileError: the directory is in use or cannot be written.
        """

        def write(folder: Path) -> None:
            write_table(self.to_frame(), folder / "comparison.csv")
            if len(classes := self.to_frame(by_class=True)):
                write_table(classes, folder / "classes.csv")
            write_table(self.members, folder / "encoders.csv")
            (folder / "comparison.txt").write_text(str(self), encoding="utf-8")
            said = {} if command is None else {"command": list(command)}
            write_manifest({**self.manifest, **said, "notes": list(self.notes)}, folder)
            figures = folder / "figures"
            figures.mkdir()
            drawn = {"comparison": draw_comparison(self.frame, self.members), "classes": draw_classes(self.frame)}
            for name, found in drawn.items():
                if found is not None:
                    save_figure(*found, figures, name)

        return save_directory(directory, overwrite, write)

    def __str__(self) -> str:
        return comparison_text(self.frame, self.notes, self.manifest)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return str(self.to_frame().to_html(index=False, float_format="{:.4f}".format, na_rep=""))
