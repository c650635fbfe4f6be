"""The words of boundcheck, each defined once: for the terminal, the page of a run and the documentation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from boundcheck.errors import unknown_name

SOURCE = Path(__file__).with_suffix(".md")
_ENTRY = re.compile(r"^#### (.+?) \{ #([\w-]+) \}\n(.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Term:
    """A word and what it means here.

    Attributes:
        id: what links go to.
        name: as it is written, with its other names.
        text: one paragraph; of Markdown only `code` and *emphasis*.
    """

    id: str
    name: str
    text: str


@cache
def glossary() -> Mapping[str, Term]:
    """Every term by its id, in alphabetical order of names."""
    found = _ENTRY.findall(SOURCE.read_text(encoding="utf-8"))
    return {place: Term(place, name, text) for name, place, text in found}


def defined(word: str) -> Term:
    """The term of an id or of one of its names, in any case.

    Raises:
        InputError: There is no such term.
    """
    terms = glossary()
    for term in terms.values():
        if word.lower() in {term.id, term.name.lower(), *term.name.lower().split(", ")}:
            return term
    raise unknown_name("term", word, terms, "boundcheck glossary")
