"""Tables for a terminal and for programs: aligned columns, rows in strict JSON."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from boundcheck.cli import terminal

if TYPE_CHECKING:
    import pandas as pd

_LEAST = 20  # columns of text that are worth wrapping


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as lines of columns, each as wide as its longest cell.

    The last column runs free; on a terminal that is too narrow for it, it goes on below itself.
    """
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    before = sum(widths[:-1]) + 2 * (len(widths) - 1)
    room = terminal.width() - before if terminal.is_terminal() else 0
    lines = []
    for row in rows:
        first, *more = (textwrap.wrap(row[-1], room, break_on_hyphens=False) if room >= _LEAST else []) or [row[-1]]
        head = "".join(f"{cell.ljust(width)}  " for cell, width in zip(row[:-1], widths[:-1], strict=True))
        lines += [f"{head}{first}".rstrip(), *(" " * before + part for part in more)]
    return "\n".join(lines)


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """A table's rows in strict JSON: a missing number is null, an infinite one "inf" or "-inf"."""
    return [{str(key): plain(value) for key, value in row.items()} for row in frame.to_dict("records")]


def plain(value: Any) -> Any:
    """A cell in strict JSON."""
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value
