"""LaTeX statements as inline SVG, drawn by matplotlib's mathtext: no TeX, no network, no script.

Mathtext takes a second for those of a run, a tenth of a default `verify`: those of the catalogue are kept beside this
file, and `python -m boundcheck.cli.catalogue` draws them again. Others, of a plugin, are drawn when they are met.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from html import escape
from pathlib import Path as File

from markupsafe import Markup
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.textpath import text_to_path

_FONT = FontProperties(family="DejaVu Sans", math_fontfamily="stix", size=13)
_STROKE = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C"}
# Commands of LaTeX that mathtext does not know, with what it draws instead.
_KNOWN = {
    "le": r"\leq", "ge": r"\geq", "ne": r"\neq", "iff": r"\Leftrightarrow", "implies": r"\Rightarrow",
    "tfrac": r"\frac", "lVert": r"\|", "rVert": r"\|", "lvert": "|", "rvert": "|", "colon": ":",
    "operatorname*": r"\operatorname", "bigl": "", "bigr": "", "Bigl": "", "Bigr": "", "big": "", "Big": "",
    "limits": "",
}  # fmt: skip


FILE = File(__file__).with_name("formulas.json")


def math_svg(latex: str) -> Markup:
    """A formula as an inline SVG in the colour of the text around it; the source itself where it cannot be drawn.

    Args:
        latex: Math-mode LaTeX, or text with parts in dollars.
    """
    kept = _kept().get(latex)
    return draw(latex) if kept is None else Markup(kept)


def write(formulas: Iterable[str]) -> None:
    """Draw formulas for the file."""
    text = json.dumps({latex: str(draw(latex)) for latex in formulas}, indent=0, ensure_ascii=False)
    FILE.write_text(text + "\n", encoding="utf-8")


@cache
def _kept() -> dict[str, str]:
    try:
        kept: dict[str, str] = json.loads(FILE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return kept


def draw(latex: str) -> Markup:
    """The same, drawn now."""
    known = _displayed(re.sub(r"\\([a-zA-Z]+\*?)", lambda command: _KNOWN.get(command[1], command[0]), latex))
    source = known if re.search(r"(?<!\\)\$", known) else f"${known}$"
    try:
        width, height, depth = text_to_path.get_text_width_height_descent(source, _FONT, ismath=True)
        vertices, codes = text_to_path.get_text_path(_FONT, source, ismath=True)
    except (ValueError, RuntimeError):
        return Markup(f"<code>{escape(latex)}</code>")
    scale = _FONT.get_size_in_points() / text_to_path.FONT_SCALE
    em = 1 / _FONT.get_size_in_points()
    outline = _svg_path(Path([(x * scale, -y * scale) for x, y in vertices], codes))
    return Markup(
        f'<svg class="math" role="img" aria-label="{escape(latex)}" '
        f'viewBox="-1 {-(height - depth) - 1:.1f} {width + 2:.1f} {height + 2:.1f}" '
        f'style="width:{(width + 2) * em:.2f}em;height:{(height + 2) * em:.2f}em;'
        f'vertical-align:{-(depth + 1) * em:.2f}em">'
        f'<path fill="currentColor" d="{outline}"/></svg>'
    )


def _displayed(latex: str) -> str:
    """Fractions outside every brace at full size, as TeX's display style has them."""

    def enlarge(command: re.Match[str]) -> str:
        before = latex[: command.start()]
        return r"\dfrac" if before.count("{") == before.count("}") else command[0]

    latex = _braced(latex)
    return re.sub(r"\\frac(?![a-zA-Z])", enlarge, latex)


def _braced(latex: str) -> str:
    r"""Fractions of single characters or commands (\frac1C, \frac2\tau) with the braces that mathtext asks for."""
    return re.sub(r"\\frac(\d)(\d|[a-zA-Z]|\\[a-zA-Z]+)", r"\\frac{\1}{\2}", latex)


def _svg_path(path: Path) -> str:
    """A matplotlib path in SVG's path language."""
    parts = []
    for points, code in path.iter_segments(curves=True, simplify=False):
        parts.append("Z" if code == Path.CLOSEPOLY else _STROKE[code] + " ".join(f"{p:.2f}" for p in points))
    return "".join(parts)
