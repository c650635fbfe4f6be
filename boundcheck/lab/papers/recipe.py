"""A recipe: which trials a paper's experiments are, and which tables and figures are read from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from .presets import Preset
from .results import Results

Drawing = Callable[[Results], tuple[Figure, pd.DataFrame] | None]
Table = Callable[[Results], pd.DataFrame]


@dataclass(frozen=True)
class Recipe:
    """A paper's experiments.

    Attributes:
        id: its name on the command line.
        source: the paper.
        presets: sizes by name.
        tables: by name; each is made of the results, its cells are text.
        figures: by name; each returns the figure and its data, or None where the results have nothing to draw.
        findings: sentences on what the results say.
    """

    id: str
    source: str
    presets: Mapping[str, Preset]
    tables: Mapping[str, Table]
    figures: Mapping[str, Drawing]
    findings: Callable[[Results], Iterable[str]]
