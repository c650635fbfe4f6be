"""One look for every figure of a report: seaborn's paper style, colours safe for the colour-blind, widths in inches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl

from boundcheck.losses import LOSSES

COLUMN, PAGE = 3.4, 6.8  # inches: one column and the full width of a two-column paper

# Hue says which pool (orange: all negatives, blue: other classes), depth and dash say whether it is tilted. The four
# are as far apart in lightness as in hue, so that they differ in grey and under each kind of colour blindness.
LOSS_COLOUR = {"ucl": "#efb118", "hucl": "#a84f00", "scl": "#4a98d6", "hscl": "#003f73"}
LOSS_DASH = {"ucl": "--", "hucl": "-", "scl": ":", "hscl": "-"}
LOSS_MARKER = {"ucl": "o", "hucl": "s", "scl": "^", "hscl": "D"}
# losses of one's own, in the order of the table
_OTHER_COLOUR, _OTHER_MARKER = ("#7b3294", "#1b7837", "#c2185b", "#5d4037"), "PXv*"

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


def loss_name(loss: str) -> str:
    """The title of a loss by its id; the id itself of one that is not registered here."""
    return LOSSES[loss].title if loss in LOSSES else loss


def losses_in(losses: Iterable[str]) -> list[str]:
    """Distinct ids: the four in the order of the papers, then others as they come."""
    given = dict.fromkeys(losses)
    return [*(loss for loss in LOSS_COLOUR if loss in given), *(loss for loss in given if loss not in LOSS_COLOUR)]


def loss_style(loss: str, among: Sequence[str] = ()) -> dict[str, str]:
    """Colour, marker, linestyle and label of a loss; those of one's own differ by their place among the ids drawn."""
    if loss in LOSS_COLOUR:
        look = {"color": LOSS_COLOUR[loss], "marker": LOSS_MARKER[loss], "linestyle": LOSS_DASH[loss]}
    else:
        place = [other for other in among if other not in LOSS_COLOUR].index(loss) if loss in among else 0
        look = {"color": _OTHER_COLOUR[place % 4], "marker": _OTHER_MARKER[place % 4], "linestyle": "-."}
    return look | {"label": loss_name(loss)}


@contextmanager
def paper() -> Iterator[None]:
    """The style, for the length of a block or (as a decorator) of a function; global settings stay as they were."""
    with mpl.rc_context(_PAPER):
        yield
