"""Text as LaTeX."""

from __future__ import annotations

import re

_CHARACTERS = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": "$<$", ">": "$>$", "–": "--", "∞": r"$\infty$",
    "β": r"$\beta$", "η": r"$\eta$", "τ": r"$\tau$", "≥": r"$\ge$", "≤": r"$\le$", "−": "$-$", "×": r"$\times$",
    "±": r"$\pm$", "∈": r"$\in$", "“": "``", "”": "''", "…": r"\dots{}",
}  # fmt: skip


def escaped(text: str) -> str:
    """Text with LaTeX's own characters escaped, and minus signs before numbers in math."""
    plain = "".join(_CHARACTERS.get(character, character) for character in text)
    return re.sub(r"(?<![\w-])-(?=\d|\$)", "$-$", plain)
