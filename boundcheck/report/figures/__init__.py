"""Figures of a report. Each is a function (run) -> (figure, its data), or None where the run has nothing to draw."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import pandas as pd
from matplotlib.figure import Figure

from boundcheck.report.figures.assumption import draw_assumption
from boundcheck.report.figures.beta_star import draw_beta_star
from boundcheck.report.figures.bounds import draw_bounds
from boundcheck.report.figures.crossing import draw_crossing
from boundcheck.report.figures.finite_k import draw_finite_k
from boundcheck.report.figures.hardest_anchors import draw_hardest_anchors
from boundcheck.report.figures.losses import draw_losses
from boundcheck.report.figures.margin import draw_margin
from boundcheck.report.figures.saving import save_figure
from boundcheck.report.style import paper
from boundcheck.runs import Run

T = TypeVar("T")

FIGURES: dict[str, Callable[[Run], tuple[Figure, pd.DataFrame] | None]] = {
    "losses": draw_losses,
    "crossing": draw_crossing,
    "assumption": draw_assumption,
    "margin": draw_margin,
    "beta_star": draw_beta_star,
    "finite_k": draw_finite_k,
    "bounds": draw_bounds,
    "hardest_anchors": draw_hardest_anchors,
}


def write_figures(run: Run, directory: Path) -> list[str]:
    """Write every figure the run has into a directory, as NAME.png (200 dpi), .pdf, .svg and its data as .csv.

    Args:
        run: The run.
        directory: Made when missing.

    Returns:
        Names of the figures written.
    """
    return write_drawings(FIGURES, run, directory)


def write_drawings(
    drawings: Mapping[str, Callable[[T], tuple[Figure, pd.DataFrame] | None]], of: T, directory: Path
) -> list[str]:
    """Write what these functions draw of something, in the formats of `write_figures`.

    Args:
        drawings: Functions by the name of their figure; one that has nothing to draw returns None.
        of: What they draw.
        directory: Made when missing.

    Returns:
        Names of the figures written.
    """
    directory.mkdir(exist_ok=True)
    written = []
    for name, draw in drawings.items():
        with paper():
            drawn = draw(of)
        if drawn is not None:
            save_figure(*drawn, directory, name)
            written.append(name)
    return written
