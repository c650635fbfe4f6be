"""Options in advice, spelt as the reader types them: flags for a command line, keywords for Python."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from boundcheck.runs import Run

_QUOTED = re.compile(r"\b(\w+)='(\w+)'")  # self_pairs='include'
# duplicates=drop, precision float64
_BARE = re.compile(
    r"(?<![-\w])(positives|self_pairs|class_prior|design|duplicates|precision|views)(?:=| (?=float\d))(\w+)"
)


def as_flags(text: str) -> str:
    """Options as one types them, whichever way they are written: `--self-pairs include`."""
    for spelling in (_QUOTED, _BARE):
        text = spelling.sub(lambda found: f"--{found[1].replace('_', '-')} {found[2]}", text)
    return text


def as_keywords(text: str) -> str:
    """Options as Python writes them: `self_pairs='include'`."""
    return _BARE.sub(lambda found: f"{found[1]}={found[2] if found[2].isdigit() else repr(found[2])}", text)


def speller(manifest: Mapping[str, Any]) -> Callable[[str], str]:
    """How advice is spelt for the one who made a run: in flags where a command line did."""
    return as_flags if manifest.get("command") else as_keywords


def spelt(run: Run, spell: Callable[[str], str]) -> Run:
    """The run with its warnings, reasons, remedies and configurations in that spelling."""
    warnings = [spell(warning) for warning in run.manifest.get("warnings") or []]
    advice = {name: run.claims[name].map(spell) for name in ("reason", "remedy", "configuration")}
    return replace(run, claims=run.claims.assign(**advice), manifest={**run.manifest, "warnings": warnings})


def as_it_was_called(run: Run) -> Run:
    """The run with its advice in the words of the one who made it, see `speller`."""
    return spelt(run, speller(run.manifest))
