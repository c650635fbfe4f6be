"""A run as an aligned text table for the terminal."""

from __future__ import annotations

import pandas as pd

from boundcheck.report.tables import claims_table, is_text, population_table
from boundcheck.report.words import headline
from boundcheck.runs import Run


def summary_text(run: Run) -> str:
    """The headline, one line per verdict, and the warnings, for a terminal.

    Args:
        run: The run.
    """
    table = claims_table(run)[["Claim", "Hardening", "Q", "Gap (nats)", "Premise met", "Verdict"]]
    table["Claim"] = table["Claim"].mask(table["Claim"].duplicated(), "")
    known = population_table(run)
    limits = [] if known.empty else ["", "Exact limits of the population (nats)", "", *_aligned(known)]
    warnings = [f"warning: {warning}" for warning in run.manifest.get("warnings", [])]
    return "\n".join([headline(run), "", *_aligned(table), *limits, *([""] if warnings else []), *warnings]) + "\n"


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
