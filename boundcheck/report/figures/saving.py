"""Writing a figure: every format, and its data beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from boundcheck.report.figures._pointing import with_titles
from boundcheck.report.style import paper

# without dates, so that the same numbers give the same files
_FORMATS: dict[str, dict[str, Any]] = {
    "png": {"metadata": {"Software": None}},
    "pdf": {"metadata": {"CreationDate": None}},
    "svg": {"metadata": {"Date": None}},
}


@paper()
def save_figure(figure: Figure, data: pd.DataFrame, directory: Path, name: str) -> None:
    """Write a figure as NAME.png (200 dpi), .pdf, .svg (with values on pointing at marks), and its data as NAME.csv.

    Args:
        figure: The figure.
        data: What it shows.
        directory: An existing directory.
        name: Of the files.
    """
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine(None)  # laid out once; "none" would leave a stand-in that draws again in every format
    for suffix, options in _FORMATS.items():
        figure.savefig(directory / f"{name}.{suffix}", dpi=200, **options)
    svg = directory / f"{name}.svg"
    svg.write_text(with_titles(svg.read_text(encoding="utf-8"), figure), encoding="utf-8")
    data.to_csv(directory / f"{name}.csv", index=False)
