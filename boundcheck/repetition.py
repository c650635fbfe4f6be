"""Two runs of the same settings on the same data: what moved, by how much, and which promise that breaks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from boundcheck.runs import CSV_COLUMNS, OPTIONAL_COLUMNS, TEXT_COLUMNS, Run

RANKS, OTHERWISE = 4e-6, 5e-5
"""Nats that a loss may move by, as docs/determinism.md promises: with the number of processes, or with the loops that
the machine and its threads decide."""

_KEYS = ("loss", "claim", "hardening", "beta", "q", "k", "quantity", "epsilon")
_UNTOLD = frozenset(["reason", "remedy"])  # sentences, which repeat the numbers
_PROMISED = {"losses": ("estimate", "plugin", "se")}
_MACHINE = ("system", "cpu", "cores", "gpu")


@dataclass(frozen=True)
class Promise:
    """What two runs owe each other.

    Attributes:
        tolerance: nats that a loss and its standard error may differ by; 0 for bit for bit, and then of every number;
            None where nothing is promised.
        because: what changed between them.
    """

    tolerance: float | None
    because: str


@dataclass(frozen=True)
class Moved:
    """One cell that differs.

    Attributes:
        table: of the run, as "losses".
        row: what it is about, as "hscl exp beta=5 q=1".
        column: of the table.
        before: as it was saved.
        now: as it is.
        broken: whether a promise says that it should not have.
    """

    table: str
    row: str
    column: str
    before: float | str
    now: float | str
    broken: bool

    @property
    def by(self) -> float | None:
        """By how much a number moved; None for words, and for what was or is no finite number."""
        if isinstance(self.before, str) or isinstance(self.now, str):
            return None
        change = self.now - self.before
        return change if math.isfinite(change) else None


@dataclass(frozen=True)
class Repetition:
    """What moved between two runs, and what was promised."""

    promise: Promise
    compared: int
    moved: tuple[Moved, ...]

    @property
    def kept(self) -> bool:
        """Whether every promise was kept."""
        return not any(cell.broken for cell in self.moved)

    def largest(self, table: str, column: str) -> float:
        """The largest move of a column's numbers; 0 where none did."""
        return max(
            (abs(c.by) for c in self.moved if (c.table, c.column) == (table, column) and c.by is not None), default=0.0
        )


def compare(before: Run, now: Run) -> Repetition:
    """Holds a run against an earlier one of the same settings and data, cell by cell of every table."""
    promise = promised(before.manifest, now.manifest)
    compared, moved = 0, []
    for table in (*CSV_COLUMNS, *OPTIONAL_COLUMNS):
        count, cells = _of_table(table, getattr(before, table), getattr(now, table), promise.tolerance)
        compared += count
        moved += cells
    return Repetition(promise, compared, tuple(moved))


def promised(before: Mapping[str, Any], now: Mapping[str, Any]) -> Promise:
    """What is promised of two runs, by what their manifests say of the machine and the versions."""
    for name in ("boundcheck", "versions"):
        if before.get(name) != now.get(name):
            return Promise(None, f"{name}: {_told(before.get(name))} before, {_told(now.get(name))} now")
    machines = [manifest.get("platform") or {} for manifest in (before, now)]
    changed = [name for name in _MACHINE if machines[0].get(name) != machines[1].get(name)]
    changed += ["threads"] if before.get("threads") is None or before["threads"] != now.get("threads") else []
    if changed:
        return Promise(OTHERWISE, f"other {', '.join(changed)}")
    if before.get("processes") != now.get("processes"):
        return Promise(RANKS, "another number of processes")
    return Promise(0.0, "the same machine, threads and versions")


def _told(value: object) -> str:
    return ", ".join(f"{key} {item}" for key, item in value.items()) if isinstance(value, dict) else str(value)


def _of_table(table: str, before: pd.DataFrame, now: pd.DataFrame, tolerance: float | None) -> tuple[int, list[Moved]]:
    """Cells compared, and those that differ."""
    keys = [name for name in _KEYS if name in before.columns]
    rows = [" ".join(_named(name, value) for name, value in zip(keys, row, strict=True)) for row in _rows(before, keys)]
    if rows != [" ".join(map(_named, keys, row)) for row in _rows(now, keys)]:
        return 1, [Moved(table, "all", "rows", f"{len(before)} rows", f"{len(now)} other rows", tolerance is not None)]
    columns = [name for name in before.columns if name not in (*keys, *_UNTOLD)]
    moved = []
    for i, row in enumerate(rows):
        for column in columns:
            old, new = _cell(before, column, i), _cell(now, column, i)
            if old != new and not (old != old and new != new):
                broken = _is_broken(table, column, old, new, before.iloc[i], tolerance)
                moved.append(Moved(table, row.strip(), column, old, new, broken))
    return len(rows) * len(columns), moved


def _is_broken(
    table: str, column: str, old: float | str, new: float | str, row: pd.Series, tolerance: float | None
) -> bool:
    """Bit for bit, everything; within a tolerance, losses and their errors, and verdicts that were not on the edge."""
    if not tolerance:
        return tolerance is not None
    if column == "verdict":
        ends = [abs(float(row[name])) for name in ("gap", "ci_low", "ci_high")]
        return not min((end for end in ends if end == end), default=math.inf) <= 2 * tolerance
    if column not in _PROMISED.get(table, ()) or isinstance(old, str) or isinstance(new, str):
        return False
    return not abs(new - old) <= tolerance


def _rows(frame: pd.DataFrame, keys: list[str]) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in frame[keys].itertuples(index=False)]


def _named(name: str, value: Any) -> str:
    if name in TEXT_COLUMNS:
        return str(value)
    return "" if value != value else f"{name}={value:g}"


def _cell(frame: pd.DataFrame, column: str, i: int) -> float | str:
    value = frame[column].iloc[i]
    return str(value) if column in TEXT_COLUMNS else float(value)
