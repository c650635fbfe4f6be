"""A run as text for the terminal: the headline, a row for each verdict, and what a reader must know beside them."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from boundcheck.report.cautions import warnings_in_short
from boundcheck.report.spelling import as_flags, spelt
from boundcheck.report.tables import claims_table, is_text, population_table
from boundcheck.report.words import elsewhere, headline, not_tested, self_checks, title, to_decide, where
from boundcheck.runs import Run, about_population, of_own, records


def summary_text(run: Run) -> str:
    """The headline, the verdicts claim by claim, and the warnings.

    Args:
        run: The run.
    """
    run = spelt(run, as_flags)
    tilde = run.claims["reliable"].eq(False).any()
    known = population_table(run)
    limits = [] if known.empty else ["", "Exact limits of the population (nats)", "", *aligned(known)]
    notes = ["~ an interval that is not to be relied on; words: boundcheck glossary"] if tilde else []
    notes += [f"to decide {name}: {remedy}" for name, remedy in to_decide(run)]
    warnings = [f"warning: {warning}" for warning in warnings_in_short(run)]
    parts = [
        headline(run),
        *([where(run)] if where(run) else []),
        "",
        *_verdicts(run),
        "",
        *elsewhere(run),
        *self_checks(run),
        *map(as_flags, not_tested(run)),
        *notes,
        *limits,
        *([""] if warnings else []),
        *warnings,
    ]
    return "\n".join(parts) + "\n"


def _verdicts(run: Run) -> list[str]:
    """A table of what was tested in the run's configuration, each claim's rows below its id and title."""
    tested = about_population(of_own(run.claims))
    table = claims_table(replace(run, claims=tested))
    several = ["Q"] if tested["q"].nunique() > 1 else []
    shown = table[["Hardening", *several, "Gap (nats)", "Premise met", "Verdict"]]
    header, rule, *rows = (f"  {line}" for line in aligned(shown))
    lines = [header, rule]
    before = None
    for of, row in zip(records(tested), rows, strict=True):
        if of.claim != before:
            lines.append(f"{of.claim}: {title(run, of.claim)}")
        before = of.claim
        lines.append(row)
    return lines


def aligned(table: pd.DataFrame) -> list[str]:
    """The lines of a table of text, columns padded; text reads from the left, see `is_text`."""
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
