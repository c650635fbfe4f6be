"""One look for every figure of a report: seaborn's paper style, colours safe for the colour-blind, widths in inches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl

COLUMN, PAGE = 3.4, 6.8  # inches: one column and the full width of a two-column paper

# Hue says which pool (orange: all negatives, blue: other classes), depth and dash say whether it is tilted. The four
# are as far apart in lightness as in hue, so that they differ in grey and under each kind of colour blindness.
LOSS_COLOUR = {"ucl": "#efb118", "hucl": "#a84f00", "scl": "#4a98d6", "hscl": "#003f73"}
LOSS_DASH = {"ucl": "--", "hucl": "-", "scl": ":", "hscl": "-"}
LOSS_MARKER = {"ucl": "o", "hucl": "s", "scl": "^", "hscl": "D"}
LOSS_NAME = {"ucl": "UCL", "hucl": "H-UCL", "scl": "SCL", "hscl": "H-SCL"}

HOLDS, FAILS, NEUTRAL = "#0064a4", "#d55e00", "#4d4d4d"

_PAPER: dict[Any, Any] = {
    # seaborn's "whitegrid", as far as it differs from matplotlib: seaborn takes half a second to import
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.labelcolor": "0.15",
    "lines.solid_capstyle": "round",
    "patch.edgecolor": "w",
    "patch.force_edgecolor": True,
    "text.color": "0.15",
    # its type for a printed column
    "font.size": 8,
    "font.family": "DejaVu Sans",
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "axes.linewidth": 0.6,
    "axes.edgecolor": "0.35",
    "grid.linewidth": 0.5,
    "grid.color": "0.9",
    "lines.linewidth": 1.3,
    "lines.markersize": 3.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.bottom": True,
    "ytick.left": True,
    "xtick.color": "0.35",
    "ytick.color": "0.35",
    "xtick.labelcolor": "0.1",
    "ytick.labelcolor": "0.1",
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "pdf.fonttype": 42,  # TrueType: journals refuse Type 3 fonts
    "ps.fonttype": 42,  # matplotlib cuts the fonts of PDF by this one too: at its 3 each is embedded twice
    "svg.fonttype": "path",
    "svg.hashsalt": "boundcheck",
}


@contextmanager
def paper() -> Iterator[None]:
    """The style, for the length of a block or (as a decorator) of a function; global settings stay as they were."""
    with mpl.rc_context(_PAPER):
        yield
