"""Values that a browser shows on pointing at a mark: kept beside the axes, written into the SVG as titles.

Nothing is drawn: the other formats are what they are without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from boundcheck.report.format import interval

_REACH = 5.0  # how far from a mark's middle, points
_POINT = 72.0  # per inch, in which SVG is drawn


@dataclass(frozen=True)
class Spot:
    """Where words show: from one corner to the other, in the axes' own coordinates; a mark has both in one place."""

    corner: tuple[float, float]
    opposite: tuple[float, float]
    words: str


_SPOTS: WeakKeyDictionary[Axes, list[Spot]] = WeakKeyDictionary()


def say_at(ax: Axes, x: Sequence[float], y: Sequence[float], words: Iterable[str]) -> None:
    """Words at marks."""
    say_over(ax, [(at, at) for at in zip(x, y, strict=True)], words)


def say_over(ax: Axes, boxes: Iterable[tuple[tuple[float, float], tuple[float, float]]], words: Iterable[str]) -> None:
    """Words over bars and cells, each from one corner to the opposite one."""
    spots = [Spot(*box, said) for box, said in zip(boxes, words, strict=True)]
    _SPOTS.setdefault(ax, []).extend(spots)


def in_words(rows: Iterable[Any], columns: tuple[str, str, str], shown: Callable[..., str] | None = None) -> list[str]:
    """`0.152 nats [-0.012, 0.317]` for each row of a table; the columns hold value and ends."""
    shown = shown or _nats
    return [shown(*(getattr(row, name) for name in columns)) for row in rows]


def _nats(value: float, low: float, high: float) -> str:
    return interval(value, low, high, unit=" nats")


def with_titles(svg: str, figure: Figure) -> str:
    """A figure's SVG with its words, each in a place of its own that is not seen."""
    spots = [_place(ax, spot, figure) for ax in figure.axes for spot in _SPOTS.get(ax, [])]
    if not spots:
        return svg
    body, end, rest = svg.rpartition("</svg>")
    return f'{body}<g fill="transparent" stroke="none">{"".join(spots)}</g>\n{end}{rest}'


def _place(ax: Axes, spot: Spot, figure: Figure) -> str:
    ends = ax.transData.transform([spot.corner, spot.opposite]) * _POINT / figure.dpi
    if not np.isfinite(ends).all():
        return ""
    (left, low), (right, high) = ends.min(0), ends.max(0)
    top = _POINT * figure.get_figheight() - high
    title = f"<title>{escape(spot.words)}</title>"
    if (left, low) == (right, high):
        return f'<circle cx="{left:.1f}" cy="{top:.1f}" r="{_REACH}">{title}</circle>'
    size = f'width="{right - left:.1f}" height="{high - low:.1f}"'
    return f'<rect x="{left:.1f}" y="{top:.1f}" {size}>{title}</rect>'
