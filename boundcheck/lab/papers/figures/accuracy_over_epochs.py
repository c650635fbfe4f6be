"""Accuracy over epochs (Jiang 2022: the authors' code runs the same weighted 200-NN after every epoch)."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from boundcheck.report.style import paper

from ..results import Results
from ..summary import encoders_of, over_seeds, rows_of
from ..wording import dataset_name, encoder_name
from ._common import band, betas_of, encoder_style, epoch_axis, families, grid, legend, of_family, percent_axis


def draw_accuracy_over_epochs(results: Results) -> tuple[Figure, pd.DataFrame] | None:
    """Top-1 of the weighted 200-NN on backbone features: means over seeds; a row per data set, a column per family.

    Args:
        results: the results.
    """
    return _draw(results, "knn", "200-NN accuracy")


def draw_mean_over_epochs(results: Results) -> tuple[Figure, pd.DataFrame] | None:
    """The same of the mean classifier on embeddings (Jiang 2024: nearest class mean).

    Args:
        results: the results.
    """
    return _draw(results, "mean", "nearest-class-mean\naccuracy")


@paper()
def _draw(results: Results, probe: str, label: str) -> tuple[Figure, pd.DataFrame] | None:
    rows = results.epochs[results.epochs["probe"] == probe]
    data = over_seeds(rows, "top1", ["probe", "features", "epoch"])
    if data["epoch"].nunique() < 2:
        return None
    columns = families(data)
    datasets, betas = list(dict.fromkeys(data["dataset"])), betas_of(data)
    figure, panels = grid(len(datasets), len(columns), 2.0, sharey="row", sharex="row")
    for line, dataset in zip(panels, datasets, strict=True):
        for ax, family in zip(line, columns, strict=True):
            rows = of_family(data, dataset, family)
            for encoder in encoders_of(rows):
                curve = rows_of(rows, *encoder)
                band(ax, curve["epoch"], curve, label=encoder_name(*encoder), **encoder_style(*encoder, betas))
            ax.set_title(f"{dataset_name(dataset)}\n{family}")
            epoch_axis(ax)
        percent_axis(line[0])  # shared by the row
        line[0].set_ylabel(label)
    legend(figure, panels.flat)
    return figure, data
