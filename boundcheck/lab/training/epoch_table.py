"""A table that grows by the rows of an epoch, and survives a run that is killed and taken up again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from boundcheck._places import atomic_path

RUN_COLUMNS = ("dataset", "objective", "beta", "seed", "epoch")


class EpochTable:
    """Rows by epoch, in memory and, where a path is given, in a CSV rewritten after every epoch.

    Args:
        columns: those after `RUN_COLUMNS`.
        facts: what every row says of the run: dataset, objective, beta (None: not applicable), seed.
        path: the file; rows that are in it already are taken up.
        text: columns that hold names, not numbers.
    """

    def __init__(
        self, columns: Iterable[str], facts: Mapping[str, Any], path: Path | None = None, text: Iterable[str] = ()
    ) -> None:
        self.columns, self.facts, self.path = [*RUN_COLUMNS, *columns], dict(facts), path
        self.text = ("dataset", "objective", *text)
        self.frame = pd.DataFrame(columns=self.columns)
        if path is not None and path.exists():
            self.frame = read_rows(path, self.text)

    def put(self, epoch: int, rows: Iterable[Mapping[str, Any]]) -> None:
        """Adds the rows of an epoch; rows of this epoch and later ones, from before an interruption, go."""
        new = pd.DataFrame([self.facts | {"epoch": epoch} | dict(row) for row in rows])[self.columns]
        # what does not apply is None in the facts, and NaN in the table
        new = new.astype(dict.fromkeys(new.columns[new.isna().all()], float))
        earlier = self.frame[self.frame["epoch"] < epoch]
        self.frame = new if earlier.empty else pd.concat([earlier, new], ignore_index=True)
        if self.path is not None:
            with atomic_path(self.path) as temporary:
                self.frame.to_csv(temporary, index=False)


def read_rows(path: Path, text: Iterable[str]) -> pd.DataFrame:
    """Reads a CSV: names stay as they are, so that one called "NA" survives; an empty cell of a number is NaN."""
    named = set(text)
    empty = {str(name): [""] for name in pd.read_csv(path, nrows=0) if name not in named}
    return pd.read_csv(path, dtype=dict.fromkeys(named, str), keep_default_na=False, na_values=empty)
