"""Assumption 1 by data set, training objective and hardness (Jiang 2022)."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from boundcheck.report.style import NEUTRAL, paper

from ..results import Results
from ..summary import encoders_of, over_seeds, rows_of
from ..wording import dataset_name, encoder_name
from ._common import band, betas_of, encoder_style, family_rows, grid, hardness_axis, legend, of_family, percent_axis

_LOW = 0.05


@paper()
def draw_assumption(results: Results) -> tuple[Figure, pd.DataFrame] | None:
    """Share of held-out anchors that satisfy it, and its margin: median and 5 % quantile.

    Args:
        results: the results.
    """
    shares = results.assumption.assign(loss_beta=results.assumption["loss_beta"].fillna(0.0))
    shares = shares[shares["loss_beta"] < float("inf")]
    share = over_seeds(shares, "share_holding", ["loss_beta"], ("share_low", "share_high"))
    margins = results.margins[results.margins["quantile"].isin([_LOW, 0.5])]
    margin = over_seeds(margins, "margin", ["loss_beta", "quantile"])
    lines, betas = family_rows(share), betas_of(share)
    figure, panels = grid(len(lines), 2, sharex=False)
    for line, (dataset, family) in zip(panels, lines, strict=True):
        for encoder in encoders_of(of_family(share, dataset, family)):
            style = encoder_style(*encoder, betas)
            curve = rows_of(of_family(share, dataset, family), *encoder).sort_values("loss_beta")
            band(line[0], curve["loss_beta"], curve, label=encoder_name(*encoder), **style)
            both = rows_of(of_family(margin, dataset, family), *encoder).sort_values("loss_beta")
            _draw_margin(line[1], both, style)
        for ax, what in zip(line, ("share", "margin"), strict=True):
            hardness_axis(ax, share["loss_beta"].unique(), "β of the loss (square-root scale)")
            ax.set_title(f"{dataset_name(dataset)}, {family}: {what}")
        line[0].set_ylabel("anchors satisfying\nAssumption 1")
        percent_axis(line[0])
        line[1].set_ylabel("margin (nats):\nmedian, 5 % dotted")
        line[1].axhline(0, color=NEUTRAL, linewidth=0.8)
    legend(figure, panels.flat)
    data = pd.concat([share.assign(quantity="share"), margin.assign(quantity="margin")], ignore_index=True)
    return figure, data


def _draw_margin(ax: Axes, rows: pd.DataFrame, style: dict[str, Any]) -> None:
    """The median with its band, the low quantile dotted."""
    median, low = (rows[rows["quantile"] == quantile] for quantile in (0.5, _LOW))
    band(ax, median["loss_beta"], median, **style)
    ax.plot(low["loss_beta"], low["mean"], **(style | {"linestyle": ":", "linewidth": 0.9, "markersize": 0}))
