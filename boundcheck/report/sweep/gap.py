"""Heat map of the averaged gap between H-UCL and H-SCL (Theorem 1 of Jiang 2022)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.cm import ScalarMappable
from matplotlib.colors import FuncNorm, LinearSegmentedColormap
from matplotlib.figure import Figure

from boundcheck.report.figures._pointing import in_words
from boundcheck.report.style import FAILS, HOLDS, paper
from boundcheck.report.sweep.grid import UNDEFINED, Grid, cell_of, thin_cells
from boundcheck.report.words import q_label
from boundcheck.runs import records
from boundcheck.sweep_record import WHERE, SweepRecord

# The margins of these two claims are UCL - SCL, at eta = 1, and H-UCL - H-SCL.
_CLAIMS = ("scl_le_ucl", "hscl_le_hucl")
_COLOURS = LinearSegmentedColormap.from_list("gap", [FAILS, "#f0b48a", "#f7f7f7", "#8fb8d9", HOLDS])


@paper()
def draw_gap(record: SweepRecord) -> tuple[Figure, pd.DataFrame] | None:
    """The gap by encoder, temperature and hardening, a panel for each Q; None where neither claim was asked for.

    Args:
        record: The sweep.
    """
    rows = record.claims[record.claims["claim"].isin(_CLAIMS)]
    if rows["gap"].isna().all():
        return None
    grid, thin = Grid.of(rows), thin_cells(record)
    furthest = float(rows["gap"].abs().max()) or 1.0
    scale = FuncNorm((_signed_root, _signed_square), vmin=-furthest, vmax=furthest)
    qs = list(dict.fromkeys(rows["q"].dropna()))
    figure = Figure(
        figsize=((1.5 + 0.46 * len(grid.places)) * len(qs) + 0.4, 0.9 + 0.2 * grid.height), layout="constrained"
    )
    panels = figure.subplots(1, len(qs), squeeze=False)[0]
    for ax, q in zip(panels, qs, strict=True):
        grid.frame(ax)
        of_q = rows[rows["q"] == q]
        cells = {cell_of(row): UNDEFINED for row in records(of_q)}
        for row in records(of_q.dropna(subset=["gap"])):
            marked = "?" * (row.verdict == "undecided") + "*" * (cell_of(row) in thin)
            cells[cell_of(row)] = _COLOURS(scale(row.gap)), _short(row.gap) + marked
        drawn = of_q.dropna(subset=["gap"])
        gaps = in_words(records(drawn), ("gap", "ci_low", "ci_high"))
        said = [f"{gap}, {verdict}" for gap, verdict in zip(gaps, drawn["verdict"], strict=True)]
        grid.paint(ax, cells, dict(zip(map(cell_of, records(drawn)), said, strict=True)))
        if len(qs) > 1:
            ax.set_title(f"Q = {q_label(q)}")
    bar = figure.colorbar(ScalarMappable(scale, _COLOURS), ax=list(panels), location="top", aspect=40, pad=0.02)
    bar.set_label("H-UCL − H-SCL (nats)")
    bar.set_ticks([sign * furthest * part for sign in (-1, 1) for part in (0.1, 0.5, 1)] + [0.0])
    bar.ax.xaxis.set_major_formatter(lambda gap, _: _short(gap) if gap else "0")
    bar.outline.set_visible(False)
    return figure, rows[[*WHERE, "claim", "hardening", "beta", "q", "gap", "ci_low", "ci_high", "verdict"]]


def _short(gap: float) -> str:
    """Two significant digits, and no more than three decimals."""
    decimals = 3 if abs(gap) < 0.01 else 2 if abs(gap) < 1 else 1
    return f"{gap:.{decimals}f}".replace("-", "−")


def _signed_root(x: np.ndarray) -> np.ndarray:
    root: np.ndarray = np.sign(x) * np.sqrt(np.abs(x))
    return root


def _signed_square(x: np.ndarray) -> np.ndarray:
    square: np.ndarray = np.sign(x) * np.square(x)
    return square
