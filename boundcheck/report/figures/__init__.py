"""Figures of a report. Each is a function (run) -> (figure, its data), or None where the run has nothing to draw."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from boundcheck.report.figures.assumption import draw_assumption
from boundcheck.report.figures.beta_star import draw_beta_star
from boundcheck.report.figures.crossing import draw_crossing
from boundcheck.report.figures.finite_k import draw_finite_k
from boundcheck.report.figures.losses import draw_losses
from boundcheck.report.figures.margin import draw_margin
from boundcheck.report.figures.worst_anchors import draw_worst_anchors
from boundcheck.report.style import paper
from boundcheck.runs import Run

FIGURES: dict[str, Callable[[Run], tuple[Figure, pd.DataFrame] | None]] = {
    "losses": draw_losses,
    "crossing": draw_crossing,
    "assumption": draw_assumption,
    "margin": draw_margin,
    "beta_star": draw_beta_star,
    "finite_k": draw_finite_k,
    "worst_anchors": draw_worst_anchors,
}

_FORMATS: dict[str, dict[str, Any]] = {
    "png": {"metadata": {"Software": None}},
    "pdf": {"metadata": {"CreationDate": None}},
    "svg": {"metadata": {"Date": None}},
}


def write_figures(run: Run, directory: Path) -> list[str]:
    """Write every figure the run has into a directory, as NAME.png (200 dpi), .pdf, .svg and its data as .csv.

    Args:
        run: The run.
        directory: Made when missing.

    Returns:
        Names of the figures written.
    """
    directory.mkdir(exist_ok=True)
    written = []
    with paper():
        for name, draw in FIGURES.items():
            drawn = draw(run)
            if drawn is None:
                continue
            figure, data = drawn
            _settle(figure)
            for suffix, options in _FORMATS.items():
                figure.savefig(directory / f"{name}.{suffix}", dpi=200, **options)
            data.to_csv(directory / f"{name}.csv", index=False)
            written.append(name)
    return written


def _settle(figure: Figure) -> None:
    """Lay the figure out once, not again for every format."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine("none")
