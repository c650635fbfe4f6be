"""When UCL bounds H-SCL from below (Jiang 2022, the abstract's scenario): the gap H-SCL - UCL against hardness."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from boundcheck.report.style import NEUTRAL, paper

from ..results import Results
from ..summary import encoders_of, final_epoch, over_seeds, rows_of
from ..wording import dataset_name, encoder_name
from ._common import band, betas_of, encoder_style, families, grid, hardness_axis, legend, of_family


@paper()
def draw_crossing(results: Results) -> tuple[Figure, pd.DataFrame] | None:
    """The averaged gap at the end of training, from SCL - UCL at 0 upwards; it crosses zero at the crossing.

    A row per data set, a column per family of training objectives.

    Args:
        results: the results.
    """
    final = final_epoch(results.gaps)
    hard = final[final["gap"] == "hscl-ucl"]
    plain = final[final["gap"] == "ucl-scl"]
    flipped = {"estimate": -plain["estimate"], "ci_low": -plain["ci_high"], "ci_high": -plain["ci_low"]}
    rows = pd.concat([plain.assign(loss_beta=0.0, **flipped), hard])
    data = over_seeds(rows, "estimate", ["loss_beta"], ("ci_low", "ci_high"))
    columns = families(data)
    datasets, betas = list(dict.fromkeys(data["dataset"])), betas_of(data)
    figure, panels = grid(len(datasets), len(columns), 2.0, sharey="row", sharex=False)
    for line, dataset in zip(panels, datasets, strict=True):
        for ax, family in zip(line, columns, strict=True):
            part = of_family(data, dataset, family)
            for encoder in encoders_of(part):
                curve = rows_of(part, *encoder).sort_values("loss_beta")
                band(ax, curve["loss_beta"], curve, label=encoder_name(*encoder), **encoder_style(*encoder, betas))
            ax.axhline(0, color=NEUTRAL, linewidth=0.8)
            hardness_axis(ax, data["loss_beta"].unique(), "β of the loss (square-root scale)")
            ax.set_title(f"{dataset_name(dataset)}\n{family}")
        line[0].set_ylabel("H-SCL − UCL (nats)")
    legend(figure, panels.flat)
    return figure, data
