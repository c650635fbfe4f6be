"""The four losses while training with H-UCL: of the training batches (Jiang 2022's figures), and in the limit."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from boundcheck.report.style import paper

from ..results import Results
from ..summary import over_seeds, rows_of
from ..wording import dataset_name
from ._common import betas_of, epoch_axis, few, grid, legend
from .losses_over_epochs import draw_four

_TITLES = {"batch": "training batches", "limit": "held-out images, in the limit"}


@paper()
def draw_batch_losses(results: Results) -> tuple[Figure, pd.DataFrame] | None:
    """Left, means over the batches of an epoch, in training mode; right, losses in the limit on held-out images.

    A row per data set and hardness, of H-UCL in training and of the tilted losses alike.

    Args:
        results: the results.
    """
    batch = results.batch_losses[results.batch_losses["objective"] == "hucl"]
    limit = results.tracking[results.tracking["objective"] == "hucl"]
    if batch["epoch"].nunique() < 2 or limit["epoch"].nunique() < 2:
        return None
    by = ["loss", "loss_beta", "epoch"]
    sides = {
        "batch": over_seeds(batch, "mean", by),
        "limit": over_seeds(limit, "estimate", by, ("ci_low", "ci_high")),
    }
    measured = set(sides["limit"]["loss_beta"].dropna())
    lines = [
        (dataset, beta)
        for dataset in dict.fromkeys(batch["dataset"])
        for beta in few([beta for beta in betas_of(batch[batch["dataset"] == dataset]) if beta in measured])
    ]
    if not lines:
        return None
    figure, panels = grid(len(lines), 2, 1.6, sharey="row", sharex="row")
    for line, (dataset, beta) in zip(panels, lines, strict=True):
        for ax, (side, data) in zip(line, sides.items(), strict=True):
            rows = rows_of(data[data["dataset"] == dataset], "hucl", beta)
            draw_four(ax, rows, beta)
            ax.set_title(_TITLES[side])
            epoch_axis(ax)
        line[0].set_ylabel(f"{dataset_name(dataset)}, β = {beta:g}\nlosses (nats)")
    for ax in panels[:-1].flat:
        ax.set_xlabel("")
    legend(figure, panels.flat)
    return figure, pd.concat([data.assign(side=side) for side, data in sides.items()], ignore_index=True)
