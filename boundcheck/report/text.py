"""A run as an aligned text table for the terminal."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from boundcheck.report.tables import claims_table, is_text, population_table
from boundcheck.report.words import headline, not_tested, self_checks, to_decide, where
from boundcheck.runs import Run


def summary_text(run: Run) -> str:
    """The headline, one line per verdict, and the warnings, for a terminal.

    Args:
        run: The run.
    """
    tested = run.claims[(run.claims["kind"] != "exact") & (run.claims["verdict"] != "inapplicable")]
    table = claims_table(replace(run, claims=tested))[
        ["Claim", "Hardening", "Q", "Gap (nats)", "Premise met", "Verdict"]
    ]
    table["Claim"] = table["Claim"].mask(table["Claim"].duplicated(), "")
    known = population_table(run)
    limits = [] if known.empty else ["", "Exact limits of the population (nats)", "", *_aligned(known)]
    warnings = [f"warning: {warning}" for warning in run.manifest.get("warnings", [])]
    what = f"{where(run)}\n" if where(run) else ""
    remedies = ["~ an interval that is not to be relied on"] if "~" in "".join(table["Gap (nats)"]) else []
    remedies += [f"to decide {name}: {remedy}" for name, remedy in to_decide(run)]
    others = ["", *self_checks(run), *not_tested(run), *remedies]
    parts = [headline(run), what, *_aligned(table), *others, *limits, *([""] if warnings else []), *warnings]
    return "\n".join(parts) + "\n"


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
