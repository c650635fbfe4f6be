"""A run as text for the terminal: the headline, a row for each verdict, and what a reader must know beside them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import replace

import pandas as pd

from boundcheck.report.tables import claims_table, is_text, population_table
from boundcheck.report.words import headline, not_tested, self_checks, title, to_decide, warnings_in_short, where
from boundcheck.runs import Run


def summary_text(run: Run, width: int | None = None) -> str:
    """The headline, the verdicts claim by claim, and the warnings.

    Args:
        run: The run.
        width: Columns at which sentences are folded (tables have their own, fewer than 80 in most runs); None folds
            none, for files and pipes.
    """
    tilde = run.claims["reliable"].eq(False).any()
    known = population_table(run)
    limits = [] if known.empty else ["", "Exact limits of the population (nats)", "", *_aligned(known)]
    notes = ["~ an interval that is not to be relied on"] if tilde else []
    notes += [f"to decide {name}: {remedy}" for name, remedy in to_decide(run)]
    warnings = [f"warning: {warning}" for warning in warnings_in_short(run)]
    parts = [
        *_folded([headline(run), where(run)], width),
        "",
        *_verdicts(run, width),
        "",
        *_folded([*self_checks(run), *not_tested(run), *notes], width),
        *limits,
        *([""] if warnings else []),
        *_folded(warnings, width),
    ]
    return "\n".join(parts) + "\n"


def _verdicts(run: Run, width: int | None) -> list[str]:
    """A table of what was tested about a population, each claim's rows below its id and title."""
    tested = run.claims[(run.claims["kind"] != "exact") & (run.claims["verdict"] != "inapplicable")]
    table = claims_table(replace(run, claims=tested))
    several = ["Q"] if tested["q"].nunique() > 1 else []
    shown = table[["Hardening", *several, "Gap (nats)", "Premise met", "Verdict"]]
    header, rule, *rows = (f"  {line}" for line in _aligned(shown))
    lines = [header, rule]
    for claim, row, before in zip(table["Claim"], rows, ["", *table["Claim"]], strict=False):
        heading = [] if claim == before else _folded([f"{claim}: {title(run, claim)}"], width)
        lines += [*heading, row]
    return lines


def _folded(lines: Iterable[str], width: int | None) -> list[str]:
    """Lines that are too long go on below, indented; empty ones are left out."""
    said = [line for line in lines if line]
    if width is None:
        return said
    return [part for line in said for part in textwrap.wrap(line, width, subsequent_indent="  ")]


def _aligned(table: pd.DataFrame) -> list[str]:
    """The lines of a table of text, columns padded."""
    rows = [list(table.columns), *table.to_numpy().tolist()]
    widths = [max(len(row[i]) for row in rows) for i in range(len(table.columns))]
    rows.insert(1, ["-" * width for width in widths])
    return [
        "  ".join(
            cell.ljust(width) if is_text(name) else cell.rjust(width)
            for cell, width, name in zip(row, widths, table.columns, strict=True)
        ).rstrip()
        for row in rows
    ]
