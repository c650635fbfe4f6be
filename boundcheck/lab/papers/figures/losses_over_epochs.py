"""The four losses while an encoder trains (Jiang 2022: H-SCL <= H-UCL along the whole path)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from boundcheck.report.style import LOSS_COLOUR, LOSS_DASH, LOSS_MARKER, loss_name, paper

from ..results import Results
from ..summary import over_seeds, rows_of
from ..variants import LOSSES, OBJECTIVES, PLAIN
from ..wording import dataset_name, encoder_name
from ._common import band, betas_of, epoch_axis, few, grid, legend


@paper()
def draw_losses_over_epochs(results: Results) -> tuple[Figure, pd.DataFrame] | None:
    """Losses in the large-negative limit on held-out images, in evaluation mode.

    A column per training objective; a row per data set and hardness, of the tilted losses drawn and, where it has
    one, of the training objective.

    Args:
        results: the results.
    """
    data = over_seeds(results.tracking, "estimate", ["loss", "loss_beta", "epoch"], ("ci_low", "ci_high"))
    lines = [(dataset, beta) for dataset in dict.fromkeys(data["dataset"]) for beta in _shared(data)]
    if data["epoch"].nunique() < 2 or not lines:
        return None
    columns = [name for name in OBJECTIVES if name in set(data["objective"])]
    figure, panels = grid(len(lines), len(columns), 1.5, sharey="row", sharex="row")
    for line, (dataset, beta) in zip(panels, lines, strict=True):
        for ax, objective in zip(line, columns, strict=True):
            rows = data[data["dataset"] == dataset]
            rows = rows_of(rows, objective, beta if objective in PLAIN else np.nan)
            draw_four(ax, rows, beta)
            ax.set_title(f"trained with\n{encoder_name(objective, beta if objective in PLAIN else None)}", fontsize=6.5)
            epoch_axis(ax)
        line[0].set_ylabel(f"{dataset_name(dataset)}\nlosses at β = {beta:g} (nats)")
    for ax in panels[:-1].flat:
        ax.set_xlabel("")
    legend(figure, panels.flat)
    return figure, data


def draw_four(ax: Axes, rows: pd.DataFrame, beta: float) -> None:
    """The four losses over epochs, those with a tilt at the given hardness.

    Args:
        ax: the panel.
        rows: of `over_seeds`, of one encoder: loss, loss_beta, epoch, mean, least, most.
        beta: of H-UCL and H-SCL.
    """
    for loss in LOSSES:
        tilt = rows["loss_beta"].isna() if loss not in PLAIN else rows["loss_beta"] == beta
        curve = rows[(rows["loss"] == loss) & tilt].sort_values("epoch")
        style = {"color": LOSS_COLOUR[loss], "marker": LOSS_MARKER[loss], "linestyle": LOSS_DASH[loss]}
        band(ax, curve["epoch"], curve, label=loss_name(loss), markersize=2.5, **style)


def _shared(data: pd.DataFrame) -> list[float]:
    """Hardnesses that encoders were trained with and losses measured at, at most three of them."""
    measured = set(data["loss_beta"].dropna())
    return few([beta for beta in betas_of(data) if beta in measured])
