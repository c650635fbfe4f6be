"""A saved figure within the page: its SVG itself, so that a mark tells its value on pointing at it."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import Any

from markupsafe import Markup

from boundcheck.report.captions import CAPTIONS

_BEFORE = re.compile(r"^.*?<svg [^>]*>", re.DOTALL)  # what a file of its own begins with
_OF_A_FILE = re.compile(r"<metadata>.*?</metadata>|<style.*?</style>", re.DOTALL)
_REFERENCE = re.compile(r'(href="#|url\(#)([^")]+)')
_PIXELS = 1.6  # of the page to a point of the figure


def figure_entry(folder: Path, name: str) -> dict[str, Any]:
    """What the page shows of a figure saved in a folder: the picture itself, its title and caption."""
    svg = (folder / f"{name}.svg").read_text(encoding="utf-8")
    width, height = (float(x) for x in re.findall(r'(?:width|height)="([\d.]+)pt"', svg)[:2])
    heading, caption = CAPTIONS[name]
    alt = escape(f"{heading}: the numbers are in figures/{name}.csv", quote=True)
    size = f'viewBox="0 0 {width:g} {height:g}" width="{width * _PIXELS:.0f}" height="{height * _PIXELS:.0f}"'
    drawn = _with_own_ids(_OF_A_FILE.sub("", _BEFORE.sub("", svg)), name)
    return {
        "name": name,
        "title": heading,
        "caption": caption,
        "svg": Markup(f'<svg class="figure" role="img" aria-label="{alt}" {size}>{drawn}'),
        "wide": width > height * 2,
    }


def _with_own_ids(svg: str, name: str) -> str:
    """The drawing without ids that nothing in it refers to, and the others in the figure's name: ids are the page's."""
    needed = {target for _, target in _REFERENCE.findall(svg)}
    kept = re.sub(r' id="([^"]*)"', lambda found: f' id="{name}-{found[1]}"' if found[1] in needed else "", svg)
    return _REFERENCE.sub(rf"\g<1>{name}-\g<2>", kept)
