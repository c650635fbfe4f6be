"""Sorted singular values of the class means over epochs (Jiang 2024): few large ones mean dimensional collapse."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from boundcheck.report.style import paper

from ..results import Results
from ..summary import encoders_of, over_seeds, rows_of
from ..wording import dataset_name, encoder_name
from ._common import band, betas_of, encoder_style, family_rows, grid, legend, of_family

_ZERO = 1e-20  # far below what class means vary, far above the square of rounding


@paper()
def draw_spectrum(results: Results) -> tuple[Figure, pd.DataFrame] | None:
    """At the first, a middle and the last measured epoch, on the training images; a row per data set and family.

    Eigenvalues of the covariance of the class means, as in the authors' notebook: an equiangular tight frame of C
    classes has C - 1 ones.

    Args:
        results: the results.
    """
    on_train = results.spectrum[results.spectrum["split"] == "train"]
    # of C means in C dimensions and more the last eigenvalue is zero
    on_train = on_train[on_train.groupby(["dataset", "index"])["covariance"].transform("max") > _ZERO]
    data = over_seeds(on_train, "covariance", ["epoch", "index"])
    lines, betas = family_rows(data), betas_of(data)
    figure, panels = grid(len(lines), 3, 1.6, sharey=True, sharex="row")
    for line, (dataset, family) in zip(panels, lines, strict=True):
        rows = of_family(data, dataset, family)
        epochs = sorted(rows["epoch"].unique())
        for ax, epoch in zip(line, (epochs[0], epochs[(len(epochs) - 1) // 2], epochs[-1]), strict=True):
            for encoder in encoders_of(rows):
                curve = rows_of(rows[rows["epoch"] == epoch], *encoder).sort_values("index")
                style = encoder_style(*encoder, betas) | {"markersize": 2.5}
                band(ax, curve["index"], curve, label=encoder_name(*encoder), **style)
            ax.set_title(f"epoch {epoch:g}")
            ax.set_yscale("log")
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        line[0].set_ylabel(f"{dataset_name(dataset)}\n{family}")
    figure.supylabel("eigenvalue / largest (log scale)", fontsize=8)
    for ax in panels[-1]:
        ax.set_xlabel("index of the eigenvalue")
    legend(figure, panels.flat)
    return figure, data
