"""Text as LaTeX."""

from __future__ import annotations

import re

_CHARACTERS = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": "$<$", ">": "$>$", "–": "--", "∞": r"$\infty$",
    "β": r"$\beta$", "η": r"$\eta$", "τ": r"$\tau$", "≥": r"$\ge$", "≤": r"$\le$", "−": "$-$", "×": r"$\times$",
    "±": r"$\pm$", "∈": r"$\in$", "ρ": r"$\rho$", "→": r"$\to$", "“": "``", "”": "''", "…": r"\dots{}",
}  # fmt: skip


def escaped(text: str) -> str:
    """Text with LaTeX's own characters escaped, minus signs before numbers in math, and `Q = 1` on one line."""
    plain = "".join(_CHARACTERS.get(character, character) for character in text)
    plain = re.sub(r"(?<![\w$-])-(?=\d|\$)", "$-$", plain)
    return re.sub(r"(\$\\\w+\$|\b[nkQ]) (=|\$\\in\$) ", r"\1~\2~", plain)
