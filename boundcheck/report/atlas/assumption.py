"""Share of anchors that satisfy Assumption 1, set by set, a panel for each temperature."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from boundcheck.atlas_record import SETS, AtlasRecord
from boundcheck.atlas_summary import assumption_rows
from boundcheck.hardening import hardening_label
from boundcheck.report.atlas.axis import height, name_lines, name_modalities, places
from boundcheck.report.figures._hollow import draw_marks, legend_entries
from boundcheck.report.style import PAGE, paper
from boundcheck.runs import records

_COLOURS = ("#9cc3e0", "#5b9fd0", "#0064a4", "#003f73", "#001a33")
_MARKERS = ("o", "s", "^", "D", "v")


@paper()
def draw_atlas_assumption(record: AtlasRecord) -> tuple[Figure, pd.DataFrame] | None:
    """Shares with their intervals; the darker, the harder the tilt.

    Args:
        record: the atlas.
    """
    data = assumption_rows(record.frame)
    if data.empty:
        return None
    at, taus = places(record.frame), sorted(data["temperature"].unique())
    figure = Figure(figsize=(1.35 * PAGE, 1.1 + height(at)), layout="constrained")
    panels = figure.subplots(1, len(taus), squeeze=False, sharex=True)[0]
    for ax, tau in zip(panels, taus, strict=True):
        rows = data[data["temperature"] == tau]
        kinds = list(rows.groupby(["hardening", "beta"], sort=False, dropna=False))
        kinds.sort(key=lambda kind: (kind[0][0] != "constant", kind[0][1]))
        for i, ((hardening, beta), some) in enumerate(kinds):
            shift, colour = 0.55 * (i / max(len(kinds) - 1, 1) - 0.5), _COLOURS[i % len(_COLOURS)]
            y = [at[row.data, row.modality, row.encoder] + shift for row in records(some)]
            ax.hlines(y, 100 * some["premise_low"], 100 * some["premise_high"], color=colour, linewidth=0.8)
            settled = some["premise_reliable"].to_numpy() != 0
            draw_marks(ax, (100 * some["premise_share"]).tolist(), y, settled, color=colour,
                       marker=_MARKERS[i % len(_MARKERS)], markersize=2.4, markeredgewidth=0.6,
                       label=hardening_label(str(hardening), float(beta)))  # fmt: skip
        name_lines(ax, at)
        if ax is not panels[0]:
            ax.set_yticklabels([])
        ax.set_title(f"τ = {tau:g}")
        ax.set_xlabel("anchors satisfying Assumption 1 (%)")
        ax.set_xlim(right=101)
    name_modalities(panels[-1], at)
    handles, labels = legend_entries(list(panels))
    kept = dict(zip(labels, handles, strict=True))
    figure.legend(list(kept.values()), list(kept), loc="outside upper center", ncols=len(kept))
    columns = [
        *SETS,
        "temperature",
        "hardening",
        "beta",
        "premise_share",
        "premise_low",
        "premise_high",
        "premise_reliable",
    ]
    return figure, data[columns]
