"""Drawings of a search within its page, in the page's own colours: the points found, and how far each restart came."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np
from markupsafe import Markup

from boundcheck.report.format import number

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#b8569b", "#b07d00", "#6b5fc7")
SHAPES = (
    "M-6 0a6 6 0 1 0 12 0a6 6 0 1 0-12 0z", "M-5.5-5.5h11v11h-11z", "M0-7.5L7.5 0L0 7.5L-7.5 0z", "M-7 5.5L0-7L7 5.5z",
    "M-7-5.5L0 7L7-5.5z",
)  # fmt: skip
_HALF, _EDGE = 150, 30  # the unit's length and what is beside the circle, pixels
_NEAR = 12.0  # pixels, within which marks hide each other
_WIDE, _TALL, _LEFT, _FOOT = 520, 180, 70, 34


def points_svg(z: np.ndarray, labels: Sequence[str]) -> tuple[Markup, float]:
    """The points in the plane that holds most of them, within the unit circle, and the share of squared length there.

    Args:
        z: (n, v, d) unit rows; in two dimensions they are drawn as they are.
        labels: n class names.
    """
    flat = z.reshape(-1, z.shape[-1])
    names = np.repeat(np.array(labels, dtype=object), z.shape[1])
    plane, share = _projected(flat)
    classes = list(dict.fromkeys(labels))
    middle, size = _HALF + _EDGE, 2 * (_HALF + _EDGE)
    at = np.stack([middle + _HALF * plane[:, 0], middle - _HALF * plane[:, 1]], 1)
    parts = [f'<circle class="rule" cx="{middle}" cy="{middle}" r="{_HALF}" fill="none"/>']
    parts += [
        _point(x, y, classes.index(name), f"point {i + 1}, class {name}: {_neighbours(flat, names, i)}")
        for i, ((x, y), name) in enumerate(zip(at, names, strict=True))
    ]
    parts += [_text(x + 10, y - 9, said) for (x, y), said in _together(at, names)]
    for c, name in enumerate(classes):
        top = 14 + 20 * c
        parts += [_point(size + 14, top, c, f"class {name}"), _text(size + 28, top + 4, f"class {name}")]
    said = escape(f"{len(flat)} points of {len(classes)} classes on the unit sphere, projected to a plane", quote=True)
    tall = max(size, 28 + 20 * len(classes))
    box = f'viewBox="0 0 {size + 130} {tall}" width="{size + 130}" height="{tall}"'
    return Markup(f'<svg class="gaps points" role="img" aria-label="{said}" {box}>{"".join(parts)}</svg>'), share


def gaps_svg(gaps: Sequence[float], found: bool) -> Markup:
    """The least gap that each restart reached, nats, over the restarts; below zero is a find. Empty without one."""
    known = [(i + 1, gap) for i, gap in enumerate(gaps) if math.isfinite(gap)]
    if not known:
        return Markup()
    values = [gap for _, gap in known]
    low, high = min(0.0, *values), max(0.0, *values)
    scale = (_TALL - 24) / (high - low) if high > low else 0.0

    def y(value: float) -> float:
        return 12 + (high - value) * scale

    step = (_WIDE - _LEFT - 20) / max(len(gaps), 2)
    zero = y(0.0)
    parts = [f'<line class="zero" x1="{_LEFT - 6}" x2="{_WIDE - 8}" y1="{zero:.1f}" y2="{zero:.1f}"/>']
    ticks = [0.0, *(value for value in (low, high) if value and abs(y(value) - zero) > 14)]
    parts += [
        _text(_LEFT - 12, y(value) + 4, "0" if value == 0 else f"{value:.2g}".replace("-", "−"), "end")
        for value in ticks
    ]
    for i, gap in known:
        style = "violated" if gap < 0 and found else "holds"
        x, words = _LEFT + (i - 0.5) * step, f"restart {i}: {number(gap)} nats"
        circle = f'<circle cx="{x:.1f}" cy="{y(gap):.1f}" r="4" fill="currentColor"/>'
        parts.append(f'<g class="{style}"><title>{escape(words)}</title>{circle}</g>')
    parts.append(_text((_LEFT + _WIDE) / 2, _TALL + 24, f"restart, 1 to {len(gaps):,}", "middle"))
    said = f"Least gap of each of {len(gaps):,} restarts: {number(min(values))} to {number(max(values))} nats"
    box = f'viewBox="0 0 {_WIDE} {_TALL + _FOOT}" width="{_WIDE}" height="{_TALL + _FOOT}"'
    label = escape(said, quote=True)
    return Markup(f'<svg class="gaps" role="img" aria-label="{label}" {box}>{"".join(parts)}</svg>')


def _projected(flat: np.ndarray) -> tuple[np.ndarray, float]:
    """(m, 2) in the two leading directions about the origin, and the share of squared length that they hold."""
    if flat.shape[1] == 2:
        return flat, 1.0
    _, size, axes = np.linalg.svd(flat, full_matrices=False)
    return flat @ axes[:2].T, float((size[:2] ** 2).sum() / (size**2).sum())


def _neighbours(flat: np.ndarray, names: np.ndarray, i: int) -> str:
    """The largest cosine to another point of the class, and to one of another class."""
    cosine, own = flat @ flat[i], names == names[i]
    other = ~own
    own[i] = False
    pairs = [("its class", own), ("another class", other)]
    return ", ".join(f"nearest of {what} at cosine {cosine[some].max():.3f}" for what, some in pairs if some.any())


def _together(at: np.ndarray, names: np.ndarray) -> list[tuple[tuple[float, float], str]]:
    """Where marks hide each other, which classes stand there."""
    cells, cell = np.unique(np.round(at / _NEAR), axis=0, return_inverse=True)
    said = []
    for i, place in enumerate(cells * _NEAR):
        here, counts = np.unique(names[cell.ravel() == i].astype(str), return_counts=True)
        if counts.sum() > 1:
            each = (name if count == 1 else f"{name} × {count}" for name, count in zip(here, counts, strict=True))
            said.append(((float(place[0]), float(place[1])), ", ".join(each)))
    return said


def _point(x: float, y: float, c: int, words: str) -> str:
    shape, colour = SHAPES[c % len(SHAPES)], COLOURS[c % len(COLOURS)]
    where = f'transform="translate({x:.1f} {y:.1f})"'
    return f'<path class="point" d="{shape}" fill="{colour}" {where}><title>{escape(words)}</title></path>'


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
