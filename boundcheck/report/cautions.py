"""A run's warnings, those that say nearly the same as one."""

from __future__ import annotations

import re
from collections import Counter

from boundcheck.runs import Run, is_reliable

UNSURE = "not to be relied on: "
_MANY = 3  # warnings of single losses, up to which each is said


def cautions(run: Run) -> list[tuple[str, list[str]]]:
    """Each warning with nothing below it; many of single losses as one, with the losses and their reasons below it."""
    said = [_every_loss(run, warning) for warning in run.manifest.get("warnings") or []]
    unsure = [warning for warning in said if warning.startswith(UNSURE)]
    if len(unsure) <= _MANY:
        return [(warning, []) for warning in said]
    first = said.index(unsure[0])
    losses = [warning.removeprefix(UNSURE) for warning in unsure]
    short = f"{UNSURE}{_short(run, losses)}"
    others: list[tuple[str, list[str]]] = [(warning, []) for warning in said if warning not in unsure]
    return [*others[:first], (short, losses), *others[first:]]


def warnings_in_short(run: Run) -> list[str]:
    """The warnings for a terminal."""
    return [f"{line} All reasons are in the report." if below else line for line, below in cautions(run)]


def _short(run: Run, losses: list[str]) -> str:
    """How many losses, the reason that most of them have, and whether gaps are better off."""
    thin = int((~run.losses["reliable"].astype(bool)).sum())
    kinds = Counter(_kind(loss) for loss in losses)
    kind, often = kinds.most_common(1)[0]
    name, _, reason = next(loss for loss in losses if _kind(loss) == kind).partition(". ")
    most = "" if len(kinds) == 1 else f"most often ({often} of {len(losses)} reasons) "
    return f"{thin} of {len(run.losses)} losses, {most}as {name}: {reason}{_gaps(run)}"


def _kind(loss: str) -> str:
    """A reason without its numbers and the loss it is about."""
    return re.sub(r"\S*\d\S*", "#", loss.partition(". ")[2].partition(" What would help")[0].partition(" rests")[2])


def _gaps(run: Run) -> str:
    """A gap has errors of its own: what two losses share cancels."""
    tested = run.claims[(run.claims["kind"] != "exact") & run.claims["se"].gt(0) & run.claims["gap"].notna()]
    sound = int(is_reliable(tested).sum())
    return f" Gaps are judged apart: {sound} of {len(tested)} can be relied on." if sound else ""


def _every_loss(run: Run, warning: str) -> str:
    """A warning that names every loss, without the names."""
    names, _, reason = warning.partition(". ")
    if not warning.startswith(UNSURE) or names.count("Q = ") < max(len(run.losses), 2):
        return warning
    return f"{UNSURE}every loss. {reason}"
