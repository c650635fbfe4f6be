"""Heat map of the share of anchors that satisfy Assumption 1."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from boundcheck.report.format import percent as in_percent
from boundcheck.report.style import HOLDS, paper
from boundcheck.report.sweep.grid import UNDEFINED, Grid, cell_of, thin_cells
from boundcheck.runs import records
from boundcheck.sweep_record import WHERE, SweepRecord

_COLOURS = LinearSegmentedColormap.from_list("share", ["#f4f7fa", "#9cc3e0", HOLDS])


@paper()
def draw_share(record: SweepRecord) -> tuple[Figure, pd.DataFrame] | None:
    """Per cent of anchors by encoder, temperature and hardening; None where no share is defined.

    Args:
        record: The sweep.
    """
    rows = record.assumption
    if rows["share_holding"].isna().all():
        return None
    grid, thin = Grid.of(rows), thin_cells(record)
    # whole tens below the least share, so that the scale is the same for sweeps that differ a little
    scale = Normalize(min(math.floor(10 * rows["share_holding"].min()) / 10, 0.9), 1.0)
    figure = Figure(figsize=(1.9 + 0.42 * len(grid.places), 0.9 + 0.2 * grid.height), layout="constrained")
    ax = figure.subplots()
    grid.frame(ax)
    cells = {cell_of(row): UNDEFINED for row in records(rows)}
    for row in records(rows.dropna(subset=["share_holding"])):
        # rounded down: 100 only when nothing is left out
        percent = f"{math.floor(1000 * row.share_holding + 1e-9) / 10:.1f}".replace("100.0", "100")
        cells[cell_of(row)] = _COLOURS(scale(row.share_holding)), percent + "*" * (cell_of(row) in thin)
    grid.paint(ax, cells, {cell_of(r): in_percent(r.share_holding, r.share_low, r.share_high) for r in records(rows)})
    bar = figure.colorbar(ScalarMappable(scale, _COLOURS), ax=ax, location="top", aspect=40, pad=0.02)
    bar.set_label("anchors satisfying Assumption 1 (%)")
    bar.ax.xaxis.set_major_formatter(lambda share, _: f"{100 * share:g}")
    bar.outline.set_visible(False)
    return figure, rows[[*WHERE, "hardening", "beta", "share_holding", "share_low", "share_high", "median_ess"]]
