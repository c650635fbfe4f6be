"""Text for a terminal: lines that fit, and colours with a meaning.

Green is met, red is broken, yellow is undecided or a warning. No colour where the output is no terminal, where NO_COLOR
is set (https://no-color.org) or TERM is "dumb".
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap

import click

COLOURS = {
    "holds": "green", "occurs": "green", "passes": "green", "violated": "red", "fails": "red", "undecided": "yellow",
    "warning:": "yellow",
}  # fmt: skip
# A verdict stands behind the gap of a table's columns, a warning at the start of its line.
_WORD = re.compile(r"(?<=  )(holds|occurs|passes|violated|fails|undecided)\b(?! \(vacuous)|^(warning:)", re.MULTILINE)


def for_people(text: str) -> str:
    """The text as standard output is to get it: wrapped and coloured on a terminal, as it is elsewhere."""
    if not is_terminal():
        return text
    return "\n".join(_shown(line) for line in text.split("\n"))


def _shown(line: str) -> str:
    """A line as it fits, in colour where it is one of a table, whose verdicts are words of their own, or a warning."""
    fits = wrapped(line, width())
    if not has_colour():
        return fits
    return coloured(fits) if fits == line or line.startswith("warning:") else fits


def is_terminal() -> bool:
    """Whether standard output is one; not where it is closed, missing or no file."""
    try:
        return sys.stdout.isatty()
    except (AttributeError, ValueError):
        return False


def width() -> int:
    """Columns of the terminal."""
    return shutil.get_terminal_size((80, 24)).columns


def has_colour() -> bool:
    """Whether colours are wanted."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def wrapped(line: str, columns: int) -> str:
    """A line of prose on several lines that fit, broken between words; lines of tables stay."""
    if len(line) <= columns or "  " in line.strip() or set(line) <= {"-", " "}:
        return line
    return textwrap.fill(line, columns, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def coloured(text: str) -> str:
    """Verdicts and warnings in their colours."""
    return _WORD.sub(lambda found: click.style(found[0], fg=COLOURS[found[0]]), text)
