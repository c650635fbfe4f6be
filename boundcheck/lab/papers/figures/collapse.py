"""Distances from neural collapse over epochs (Jiang 2024): zero on an equiangular tight frame."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from boundcheck.report.style import paper

from ..results import Results
from ..summary import encoders_of, over_seeds, rows_of
from ..wording import dataset_name, encoder_name
from ._common import band, betas_of, encoder_style, epoch_axis, family_rows, grid, legend, of_family

_MEASURES = {
    "zero_sum": "zero sum",
    "unit_norm": "unit norm",
    "equal_cosine": "equal inner product",
    "within_class": "within-class variation",
}


@paper()
def draw_collapse(results: Results) -> tuple[Figure, pd.DataFrame] | None:
    """The four measures on the training images, not augmented; inner products are cosines, as in the authors' notebook.

    Args:
        results: the results.
    """
    on_train = results.geometry[results.geometry["split"] == "train"]
    if on_train["epoch"].nunique() < 2:
        return None
    data = pd.concat(
        [over_seeds(on_train, measure, ["epoch"]).assign(measure=measure) for measure in _MEASURES], ignore_index=True
    )
    lines, betas = family_rows(data), betas_of(data)
    figure, panels = grid(len(lines), len(_MEASURES), 1.6, sharex="row")
    for line, (dataset, family) in zip(panels, lines, strict=True):
        for ax, (measure, title) in zip(line, _MEASURES.items(), strict=True):
            rows = of_family(data[data["measure"] == measure], dataset, family)
            for encoder in encoders_of(rows):
                curve = rows_of(rows, *encoder)
                style = encoder_style(*encoder, betas) | {"markersize": 2.5}
                band(ax, curve["epoch"], curve, label=encoder_name(*encoder), **style)
            ax.set_title(title)
            ax.set_ylim(bottom=0)
            epoch_axis(ax)
        line[0].set_ylabel(f"{dataset_name(dataset)}\n{family}")
    legend(figure, panels.flat)
    return figure, data
