"""Accuracy of the probes by objective (Jiang 2022, the table of test accuracies)."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from boundcheck.report.style import paper

from ..results import Results
from ..summary import encoders_of, over_seeds, rows_of
from ..wording import dataset_name, encoder_name
from ._common import betas_of, encoder_style, grid

_PROBES = {"linear": "linear probe", "knn": "weighted 200-NN", "mean": "mean classifier"}


@paper()
def draw_accuracy_by_objective(results: Results) -> tuple[Figure, pd.DataFrame] | None:
    """Top-1 on backbone features: each seed, their mean and its interval; a row per data set, a column per probe.

    Args:
        results: the results.
    """
    rows = results.accuracy[results.accuracy["features"] == "backbone"]
    data = over_seeds(rows, "top1", ["probe"], ("top1_low", "top1_high"))
    datasets, encoders, betas = list(dict.fromkeys(data["dataset"])), encoders_of(data), betas_of(data)
    figure, panels = grid(len(datasets), len(_PROBES), 0.5 + 0.19 * len(encoders), sharey=True, sharex=False)
    for line, dataset in zip(panels, datasets, strict=True):
        for ax, (probe, title) in zip(line, _PROBES.items(), strict=True):
            for place, encoder in enumerate(encoders):
                style = encoder_style(*encoder, betas) | {"linestyle": ""}
                chosen = (rows["dataset"] == dataset) & (rows["probe"] == probe)
                seeds = rows_of(rows[chosen], *encoder)["top1"]
                mean = rows_of(data[(data["dataset"] == dataset) & (data["probe"] == probe)], *encoder)
                ax.plot(seeds, [place] * len(seeds), color="0.7", marker="|", markersize=5, linestyle="")
                ax.errorbar(
                    mean["mean"], [place] * len(mean), xerr=[mean["mean"] - mean["low"], mean["high"] - mean["mean"]],
                    capsize=2, **style,
                )  # fmt: skip
            ax.set_title(f"{dataset_name(dataset)}\n{title}")
            ax.xaxis.set_major_formatter(lambda share, _: f"{100 * share:.4g}")
            ax.xaxis.set_major_locator(MaxNLocator(5))
        line[0].set_yticks(range(len(encoders)), [encoder_name(*encoder) for encoder in encoders])
        line[0].set_ylim(len(encoders) - 0.5, -0.5)
    figure.supxlabel("top-1 accuracy on test images, % (seeds as ticks, their mean and its 95 % interval)", fontsize=8)
    return figure, data
