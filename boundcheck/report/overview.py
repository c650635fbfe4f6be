"""Verdicts at a glance: one line per claim, one column per hardening."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from boundcheck.hardening import hardening_label
from boundcheck.report.words import SYMBOL, reading_of, title
from boundcheck.runs import Run, about_population, of_own, records
from boundcheck.verdicts import GRAVEST_FIRST, contradicts, is_met, is_unmet

NO_HARDNESS = "overall"  # the column of claims that are about no hardening


@dataclass(frozen=True)
class Mark:
    """A verdict to show: the word, its symbol, what it says of the theory, and a style class.

    What is met and could not have been otherwise is of style "vacuous".
    """

    verdict: str
    symbol: str
    reading: str
    style: str


def mark(row: Any) -> Mark:
    """The mark of one row of claims.csv; a violation that contradicts nothing has a style of its own."""
    kind, verdict, premise_share = row.kind, row.verdict, row.premise_share
    said = reading_of(row)
    style = "vacuous" if said == "vacuous" else _style(verdict, contradicts(kind, verdict, premise_share))
    symbol = f"({SYMBOL[verdict]})" if verdict == "violated" and style == "harmless" else SYMBOL[verdict]
    return Mark(verdict, symbol, said, style)


def _style(verdict: str, contradiction: bool) -> str:
    """The class that colours it: what is met, what is not and contradicts something or nothing, what is neither."""
    if is_met(verdict):
        return "holds"
    if is_unmet(verdict):
        return "violated" if verdict == "fails" or contradiction else "harmless"
    return verdict


def overview(run: Run) -> tuple[list[str], list[tuple[str, list[Mark | None]]]]:
    """Columns (hardenings), and for each claim about a population, in the run's configuration, its title and marks.

    A mark is the gravest over Q, and None where nothing was tested.
    """
    tested = about_population(of_own(run.claims))
    places = sorted({place(row) for row in records(tested)})
    lines = []
    for claim, rows in tested.groupby("claim", sort=False):
        marks: dict[tuple[int, float, str], list[Mark]] = {}
        for row in records(rows):
            marks.setdefault(place(row), []).append(mark(row))
        lines.append((title(run, str(claim)), [gravest(marks[at]) if at in marks else None for at in places]))
    return [place_label(at) for at in places], lines


def place(row: Any) -> tuple[int, float, str]:
    """A hardening's place among the columns: eta = 1, the betas ascending, other hardenings, none at all."""
    rank = {"constant": 0, "exp": 1, "": 3}.get(row.hardening, 2)
    return rank, row.beta if row.hardening == "exp" and not math.isnan(row.beta) else 0.0, row.hardening


def place_label(at: tuple[int, float, str]) -> str:
    """The column's heading."""
    _, beta, name = at
    return hardening_label(name, beta) if name else NO_HARDNESS


def gravest(marks: list[Mark]) -> Mark:
    """The mark that a reader must not miss."""
    order: tuple[str, ...] = GRAVEST_FIRST
    return min(marks, key=lambda m: (order.index(m.verdict), m.style == "harmless"))
