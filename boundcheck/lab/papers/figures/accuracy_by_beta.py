"""Accuracy against the hardness an encoder was trained with (Jiang 2022)."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from boundcheck.report.style import LOSS_COLOUR, LOSS_MARKER, paper

from ..results import Results
from ..summary import over_seeds
from ..variants import PLAIN, is_detached, loss_of
from ..wording import dataset_name, objective_name
from ._common import betas_of, grid, hardness_axis, legend, percent_axis


@paper()
def draw_accuracy_by_beta(results: Results) -> tuple[Figure, pd.DataFrame] | None:
    """Top-1 of the linear probe on backbone features, from the plain objective at 0 upwards; a panel per data set.

    Args:
        results: the results.
    """
    rows = results.accuracy[(results.accuracy["probe"] == "linear") & (results.accuracy["features"] == "backbone")]
    betas = betas_of(rows)
    if not betas:
        return None
    data = over_seeds(rows, "top1", interval=("top1_low", "top1_high"))
    datasets = list(dict.fromkeys(data["dataset"]))
    figure, panels = grid(1, len(datasets), 2.1)
    for ax, dataset in zip(panels[0], datasets, strict=True):
        at = data[data["dataset"] == dataset]
        for tilted, plain in PLAIN.items():
            curve = at[at["objective"].isin([tilted, plain])].fillna({"beta": 0.0}).sort_values("beta")
            if not (curve["objective"] == tilted).any():
                continue
            loss, detached = loss_of(tilted), is_detached(tilted)
            name = f"{objective_name(tilted)} ({objective_name(plain)} at 0)"
            style = {"color": LOSS_COLOUR[loss], "marker": LOSS_MARKER[loss], "linestyle": "-", "capsize": 2}
            style |= {"markerfacecolor": "white", "linestyle": ":"} if detached else {}
            ends = [curve["mean"] - curve["low"], curve["high"] - curve["mean"]]
            ax.errorbar(curve["beta"], curve["mean"], yerr=ends, label=name, clip_on=False, **style)
        hardness_axis(ax, betas, "β in training (square-root scale)")
        ax.set_title(dataset_name(dataset))
        percent_axis(ax)
    panels[0, 0].set_ylabel("linear-probe accuracy")
    legend(figure, panels.flat)
    return figure, data
