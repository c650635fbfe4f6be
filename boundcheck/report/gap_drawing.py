"""A claim's gaps with their intervals as a small drawing within the page, in the page's own colours."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from markupsafe import Markup

_LEFT, _WIDTH, _RIGHT = 84, 300, 12  # for labels, for intervals, beside them; pixels
_ROW, _FOOT = 20, 38


@dataclass(frozen=True)
class Gap:
    """One row: a gap with its interval.

    Attributes:
        label: of the row.
        value, low, high: in the claim's unit.
        reliable: whether the interval is to be relied on; the mark is hollow where it is not.
        style: of the verdict, see `overview.Mark`.
        words: all of it in words, shown on hovering.
    """

    label: str
    value: float
    low: float
    high: float
    reliable: bool
    style: str
    words: str


def gap_svg(gaps: Sequence[Gap], unit: str) -> Markup:
    """An SVG element with a line for each gap and a rule at zero; empty for fewer than two gaps."""
    drawn = [gap for gap in gaps if math.isfinite(gap.low) and math.isfinite(gap.high)]
    if len(drawn) < 2:
        return Markup()
    low, high = min(0.0, *(gap.low for gap in drawn)), max(0.0, *(gap.high for gap in drawn))
    scale = _WIDTH / (high - low) if high > low else 0.0

    def x(value: float) -> str:
        return f"{_LEFT + (value - low) * scale:.1f}"

    height = _ROW * len(drawn)
    parts = [_row(gap, _ROW * (i + 0.5), x) for i, gap in enumerate(drawn)]
    parts.append(f'<line class="zero" x1="{x(0)}" x2="{x(0)}" y1="0" y2="{height}"/>')
    ends = [(value, x(value)) for value in (low, 0.0, high)]
    ticks = [at for i, at in enumerate(ends) if at not in ends[:i]]
    kept = [at for at in ticks if at[0] == 0 or abs(float(at[1]) - float(x(0))) > 40]  # no number upon another
    parts += [f'<text x="{at}" y="{height + 14}" text-anchor="middle">{_tick(value)}</text>' for value, at in kept]
    middle = _LEFT + _WIDTH / 2
    parts.append(f'<text x="{middle}" y="{height + 31}" text-anchor="middle">gap ({escape(unit)})</text>')
    wide, tall = _LEFT + _WIDTH + _RIGHT + 20, height + _FOOT
    size = f'viewBox="0 0 {wide} {tall}" width="{wide}" height="{tall}"'
    said = escape(f"Gaps in {unit} with intervals: " + "; ".join(gap.words for gap in drawn), quote=True)
    return Markup(f'<svg class="gaps" role="img" aria-label="{said}" {size}>{"".join(parts)}</svg>')


def _row(gap: Gap, y: float, x: Callable[[float], str]) -> str:
    inside = "currentColor" if gap.reliable else "var(--paper)"
    dash = "" if gap.reliable else ' stroke-dasharray="3 2"'
    return (
        f'<g class="{gap.style}"><title>{escape(gap.words)}</title>'
        f'<rect x="0" y="{y - _ROW / 2}" width="{_LEFT + _WIDTH + _RIGHT}" height="{_ROW}" fill="transparent"/>'
        f'<text x="{_LEFT - 10}" y="{y + 4}" text-anchor="end" class="label">{escape(gap.label)}</text>'
        f'<line x1="{x(gap.low)}" x2="{x(gap.high)}" y1="{y}" y2="{y}" stroke="currentColor" stroke-width="2"{dash}/>'
        f'<circle cx="{x(gap.value)}" cy="{y}" r="4" fill="{inside}" stroke="currentColor" stroke-width="1.5"/></g>'
    )


def _tick(value: float) -> str:
    return "0" if value == 0 else f"{value:.2g}".replace("-", "−")
