"""Few-shot error of the nearest class mean beside every bound on it, set by set, a panel for each number of shots."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from boundcheck.atlas_record import SETS, AtlasRecord
from boundcheck.report.atlas.axis import height, name_lines, name_modalities, places
from boundcheck.report.downstream_figure import LINES
from boundcheck.report.figures._hollow import draw_marks
from boundcheck.report.style import PAGE, paper
from boundcheck.runs import records

_MARKERS = {"cdnv": "v", "ball": "<", "directional_markov": "^", "directional": "D", "second_moments": "o"}
_MOST = 1000.0  # beyond which a bound is drawn at the edge


@paper()
def draw_atlas_errors(record: AtlasRecord) -> tuple[Figure, pd.DataFrame] | None:
    """Errors with their intervals, and bounds: hollow and in the grey from 1 on, where they say nothing.

    Args:
        record: the atlas.
    """
    data = record.frame[record.frame["claim"].str.startswith("error_")]
    if data.empty:
        return None
    at, shots = places(record.frame), sorted(data["shots"].unique())
    figure = Figure(figsize=(1.35 * PAGE, 1.2 + height(at)), layout="constrained")
    panels = figure.subplots(1, len(shots), squeeze=False, sharex=True)[0]
    for ax, m in zip(panels, shots, strict=True):
        rows = data[data["shots"] == m]
        ax.set(xscale="log", xlim=(3e-3, 1.2 * _MOST))
        ax.axvspan(1, 2 * _MOST, color="0.93", linewidth=0)
        for name, (colour, _, label) in LINES.items():
            some = rows[rows["claim"] == f"error_{name}"]
            y = [at[row.data, row.modality, row.encoder] for row in records(some)]
            draw_marks(ax, some["rhs"].clip(3e-3, _MOST).tolist(), y, (some["rhs"] < 1).to_numpy(), color=colour,
                       marker=_MARKERS[name], markersize=3.2, markeredgewidth=0.7, label=label)  # fmt: skip
        once = rows.drop_duplicates(SETS)
        y = [at[row.data, row.modality, row.encoder] for row in records(once)]
        ax.hlines(y, once["lhs_low"].clip(lower=3e-3), once["lhs_high"], color="black", linewidth=1)
        ax.plot(once["lhs"].clip(lower=3e-3), y, "|", color="black", markersize=5, label="measured error")
        name_lines(ax, at)
        if ax is not panels[0]:
            ax.set_yticklabels([])
        ax.set_title(f"m = {m:g}".replace("inf", "∞ (means of all instances)"))
        ax.set_xlabel("error")
        ax.minorticks_off()
    name_modalities(panels[-1], at)
    handles: dict[str, Any] = {}
    for ax in panels:
        handles |= {label: handle for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    figure.legend(list(handles.values()), list(handles), loc="outside upper center", ncols=3)
    return figure, data[[*SETS, "claim", "shots", "lhs", "lhs_low", "lhs_high", "rhs", "gap", "ci_low", "ci_high"]]
