"""Text of others, as it may be shown: no control of a terminal, no formula of a spreadsheet."""

from __future__ import annotations

import re

# C0 and C1 but for line feed and tab, and what turns the direction of writing.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_LONE = re.compile("[\ud800-\udfff]")
# What a spreadsheet would compute, and the quote that keeps it from doing so; a signed number is one.
_FORMULA = re.compile(r"'*(?:[=@\t\r]|[+-](?![0-9]+(?:\.[0-9]+)?\Z))")


def shown(text: str) -> str:
    r"""Text for a terminal: control characters and halves of surrogate pairs as escapes such as \x1b."""
    visible = _CONTROLS.sub(_escape, text)
    return _LONE.sub(_escape, visible)


def quoted_cell(text: str) -> str:
    """A cell of a CSV file: one that a spreadsheet would compute starts with a quote."""
    return f"'{text}" if _FORMULA.match(text) else text


def unquoted_cell(text: str) -> str:
    """The text of a cell, as it was before `quoted_cell`."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
