"""Looks of figures that go into a venue's paper, onto slides or into a notebook."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.font_manager import fontManager

from boundcheck.errors import InputError
from boundcheck.options import one_of

# Those that a machine lacks are passed over; the last of each comes with matplotlib.
_SERIF = ["Times New Roman", "Times", "Nimbus Roman", "TeX Gyre Termes", "STIXGeneral"]
_SANS = ["Helvetica", "Arial", "Nimbus Sans", "TeX Gyre Heros", "DejaVu Sans"]


@dataclass(frozen=True)
class Style:
    """A look.

    Args:
        width: Of the text, inches.
        font: Of labels, points; ticks and legends are one point smaller.
        line: Width of curves, points.
        serif: Whether letters are those of Times.
        ratio: Height of a figure over its width.
        dpi: Of pixels on a screen.
    """

    width: float
    font: float
    line: float
    serif: bool
    ratio: float = 0.62
    dpi: float = 200


STYLES = {
    "neurips": Style(5.5, 8, 1.2, serif=True),  # one column of 5.5 in, 10 pt Times
    "icml": Style(3.25, 8, 1.2, serif=True),  # two columns of 3.25 in, 10 pt Times
    "beamer": Style(4.25, 9, 1.8, serif=False, ratio=0.56),  # the text of a 12.8 cm slide, 11 pt sans-serif
    "notebook": Style(6.4, 11, 1.8, serif=False, ratio=0.56, dpi=110),
}
"""Looks by name. NeurIPS: one column of 5.5 in; ICML: a column of 3.25 in."""


@contextmanager
def style(name: str, width: float = 1.0) -> Iterator[Style]:
    """A look, for the length of a block; global settings are as they were afterwards.

    Args:
        name: "neurips", "icml", "beamer" or "notebook".
        width: Of a figure, as a share of the text's. Letters keep their size, so that a figure is included as it is,
            never scaled.

    Raises:
        InputError: The name is unknown, or the width is not above 0 and at most 3.

    Examples:
        >>> import boundcheck as bc
        >>> import matplotlib as mpl
        >>> with bc.plot.style("neurips", width=0.5):
        ...     print(mpl.rcParams["figure.figsize"][0], "in,", mpl.rcParams["axes.labelsize"], "pt")
        2.75 in, 8.0 pt
    """
    one_of("style", name, STYLES)
    if not 0 < width <= 3:
        raise InputError(f"width: expected a share of the text's width above 0 and at most 3, received {width:g}")
    with mpl.rc_context(_settings(STYLES[name], width)):
        yield STYLES[name]
        interactive = mpl.is_interactive()
    mpl.interactive(interactive)  # a notebook's backend, where the first figure chose it within


def _installed(names: list[str]) -> str:
    """The first of these fonts that this machine has."""
    there = {font.name for font in fontManager.ttflist}
    return next(name for name in names if name in there)


def _settings(chosen: Style, width: float) -> dict[Any, Any]:
    """matplotlib's settings of a style."""
    small = chosen.font - 1
    across = chosen.width * width
    return {
        "figure.figsize": (across, max(chosen.ratio * across, 1.7)),
        "figure.dpi": chosen.dpi,
        "figure.constrained_layout.use": True,
        "savefig.dpi": 300,
        # by name: a text of the family "serif" would take another block's fonts, where it is saved after this one
        "font.family": [_installed(_SERIF if chosen.serif else _SANS)],
        "mathtext.fontset": "stix" if chosen.serif else "dejavusans",
        "font.size": chosen.font,
        "axes.titlesize": chosen.font,
        "axes.labelsize": chosen.font,
        "xtick.labelsize": small,
        "ytick.labelsize": small,
        "legend.fontsize": small,
        "legend.frameon": False,
        "legend.handlelength": 2.4,  # a dash and a gap, so that line styles can be told apart
        "lines.linewidth": chosen.line,
        "lines.markersize": 2.7 * chosen.line,
        "axes.linewidth": 0.6,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.grid": True,
        "grid.color": "0.9",
        "grid.linewidth": 0.5,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "pdf.fonttype": 42,  # TrueType: venues refuse Type 3 fonts
        "ps.fonttype": 42,
    }
