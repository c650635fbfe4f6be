"""A sweep's tables as text, booktabs LaTeX and Markdown, and its summary for a terminal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from boundcheck.report.format import interval, percent
from boundcheck.report.overview import place_label
from boundcheck.report.sweep.grid import Cell, Grid, cell_of, marks
from boundcheck.report.sweep.words import claims_by_standing, sweep_headline
from boundcheck.report.tables import to_markdown, to_tex
from boundcheck.report.words import SYMBOL
from boundcheck.runs import records
from boundcheck.sweep_record import SweepRecord


def assumption_grid(record: SweepRecord) -> pd.DataFrame:
    """Share of anchors that satisfy Assumption 1 by encoder, temperature and hardening, with intervals."""
    rows = record.assumption
    return _laid_out(
        rows,
        {cell_of(r): percent(r.share_holding, r.share_low, r.share_high) for r in records(rows)},
    )


def gap_grid(record: SweepRecord) -> pd.DataFrame:
    """H-UCL - H-SCL in nats by encoder, temperature and hardening, with intervals; of the least Q."""
    rows = record.claims[record.claims["claim"].isin(["scl_le_ucl", "hscl_le_hucl"])]
    first = rows[rows["q"] == rows["q"].min()]
    return _laid_out(first, {cell_of(r): interval(r.gap, r.ci_low, r.ci_high) for r in records(first)})


def verdict_grid(record: SweepRecord) -> pd.DataFrame:
    """The gravest verdict over Q by claim, encoder, temperature and hardening, in words."""
    parts = []
    for claim, rows in record.claims.groupby("claim", sort=False):
        said = {cell: m.reading or m.verdict for cell, m in marks(rows).items()}
        table = _laid_out(record.claims, said)
        table.insert(0, "Claim", claim)
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


SWEEP_TABLES: dict[str, Callable[[SweepRecord], pd.DataFrame]] = {
    "verdicts": verdict_grid,
    "gap": gap_grid,
    "assumption": assumption_grid,
}


def write_sweep_tables(record: SweepRecord, directory: Path) -> None:
    """Write every table that has a row into a directory, as NAME.tex and NAME.md."""
    directory.mkdir(exist_ok=True)
    for name, build in SWEEP_TABLES.items():
        table = build(record)
        if len(table):
            (directory / f"{name}.tex").write_text(to_tex(table), encoding="utf-8")
            (directory / f"{name}.md").write_text(to_markdown(table), encoding="utf-8")


def symbol_grid(record: SweepRecord) -> pd.DataFrame:
    """A line for each encoder and temperature, a column for each claim that does not hold everywhere.

    A cell has one symbol per hardening; a violation that contradicts nothing is in brackets.
    """
    same = ("holds", "occurs", "passes", "inapplicable")
    varied = [claim for word, ids in claims_by_standing(record).items() if word not in same for claim in ids]
    grid = Grid.of(record.claims)
    lines = []
    found = {claim: marks(record.claims[record.claims["claim"] == claim]) for claim in varied}
    for tau in grid.temperatures:
        for encoder in grid.encoders:
            line = {"Encoder": encoder, "Temperature": f"{tau:g}"}
            for claim, by_cell in found.items():
                marked = [by_cell[encoder, tau, at] for at in grid.places if (encoder, tau, at) in by_cell]
                line[claim] = " ".join(m.symbol for m in marked)
            lines.append(line)
    return pd.DataFrame(lines, dtype=str)


def sweep_text(record: SweepRecord) -> str:
    """The headline and the claims that do not hold everywhere, for a terminal.

    Args:
        record: The sweep.
    """
    table = symbol_grid(record)
    rows = [list(table.columns), *table.to_numpy().tolist()]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    rows.insert(1, ["-" * width for width in widths])
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    varied = record.claims[record.claims["claim"].isin(table.columns)]
    columns = ", ".join(place_label(at) for at in Grid.of(varied).places if at[2])
    legend = ", ".join(f"{SYMBOL[verdict]} {verdict}" for verdict in SYMBOL) + ", (✗) violated and nothing contradicted"
    warned = len(record.manifest["warnings"])
    told = [f"{warned} warnings; they are in the report."] if warned else []
    key = ["", *lines, "", f"One symbol for each hardening a claim concerns, of {columns}.", legend]
    return "\n".join([sweep_headline(record), *(key if len(table.columns) > 2 else []), *told]) + "\n"


def _laid_out(rows: pd.DataFrame, cells: dict[Cell, str]) -> pd.DataFrame:
    """Texts by cell as a table with a line for each encoder and temperature and a column for each hardening."""
    grid = Grid.of(rows)
    lines = [
        {"Encoder": encoder, "Temperature": f"{tau:g}"}
        | {place_label(at): cells.get((encoder, tau, at), "") for at in grid.places}
        for tau in grid.temperatures
        for encoder in grid.encoders
    ]
    return pd.DataFrame(lines, dtype=str)
