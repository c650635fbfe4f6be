"""What the site's build adds to its pages: two generated ones, mathematics as MathML, links to numbered equations."""

from __future__ import annotations

import re
import sys
from html import unescape
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parent))
import generated

_MATH = re.compile(r'<(span|div) class="arithmatex">(?:\\\(|\\\[)(.*?)(?:\\\)|\\\])</\1>', re.DOTALL)
_TAG = re.compile(r"\\tag\{(\d+)\}")
_FUNCTION = re.compile(r"\\(log|exp|cosh)(?![a-z])")
_NUMBER = re.compile(r"\((\d{1,3})\)")
_CITED = re.compile(r"\beqs?\.\s+\((\d{1,3})\)")
# Parts of a page in which a number in parentheses is no equation's: formulas, code, and the numbers themselves.
_UNTOUCHED = re.compile(
    r'(<math.*?</math>|<code.*?</code>|<pre.*?</pre>|<span class="number">.*?</span>|<[^>]*>)', re.DOTALL
)


def on_files(files: Files, config: Any) -> Files:
    """Adds the pages that are made from the package itself."""
    for name, content in generated.PAGES.items():
        files.append(File.generated(config, name, content=content()))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Links to the glossary lead to its source where the pages are read in the repository, and here to its page."""
    return markdown.replace("](../boundcheck/glossary.md", "](glossary.md")


def on_page_content(html: str, page: Any, config: Any, files: Files) -> str:
    """Draws the formulas and links the equations that are cited."""
    html = _MATH.sub(_mathml, html)
    if page.file.src_uri == "theory.md":
        return _outside(html, _NUMBER, lambda found: f'<a href="#eq-{found[1]}">({found[1]})</a>')
    theory = "../" * page.file.src_uri.count("/") + "theory.html"
    return _outside(html, _CITED, lambda found: f'<a href="{theory}#eq-{found[1]}">eq. ({found[1]})</a>')


def _mathml(found: re.Match[str]) -> str:
    kind, latex = found[1], unescape(found[2])
    number = _TAG.search(latex)
    spaced = _FUNCTION.sub(r"\\,\\\1\\,", _TAG.sub("", latex))  # MathML sets no space around the names of functions
    formula = convert(spaced, display="inline" if kind == "span" else "block")
    if number is None:
        return formula
    return f'<div class="equation" id="eq-{number[1]}">{formula}<span class="number">({number[1]})</span></div>'


def _outside(html: str, pattern: re.Pattern[str], replacement: Any) -> str:
    parts = _UNTOUCHED.split(html)
    parts[::2] = [pattern.sub(replacement, part) for part in parts[::2]]
    return "".join(parts)
