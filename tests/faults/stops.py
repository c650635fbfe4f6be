"""A command that is stopped at its writes and calls, and what must be the same after another try."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from tests.faults.cases import COMMANDS, Command, Result, attempt, begin, hurried, starts
from tests.faults.injector import CALL, Fault

Item = TypeVar("Item")

FAULTS = {
    "disk full": (lambda: OSError(28, "No space left on device"), True, 2),
    "write fails once": (lambda: OSError(5, "Input/output error"), False, 2),
    "interrupt": (KeyboardInterrupt, False, 3),
}
"""What is raised, whether it lasts, and the exit code it must end in; where work calls back, an interrupt alone."""


@dataclass
class Outcome:
    """What became of the faults of one command; `writes` and `calls` are the places where it can be stopped."""

    writes: int = 0
    calls: int = 0
    faults: int = 0
    stopped: int = 0
    wrong: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)


def stop(name: str, most: int | None = None, seed: int = 0) -> Outcome:
    """Stops a command at each of its places by each of `FAULTS`, or by `most` of these faults; then tries again."""
    outcome, command = Outcome(), COMMANDS[name]
    with TemporaryDirectory() as temporary, hurried():
        root = Path(temporary).resolve()
        clean = attempt(root / "clean", command)
        faults = []
        for given in starts(command, root / "clean"):
            begin(root / "work", given, root / "clean")
            seen = Fault(root, None, RuntimeError)
            if said := attempt(root / "work", command, seen).as_good_as(clean):
                outcome.wrong.append(f"what others finished is not used: {said}")
            outcome.calls += sum(place.startswith(CALL) for place in seen.seen)
            outcome.writes += sum(not place.startswith(CALL) for place in seen.seen)
            faults += [
                (kind, given, at, place)
                for at, place in enumerate(seen.seen)
                for kind in FAULTS
                if kind == "interrupt" or not place.startswith(CALL)
            ]
        faults.sort(key=lambda fault: [*FAULTS].index(fault[0]))
        for kind, given, at, place in faults if most is None else evenly(faults, most, seed):
            begin(root / "work", given, root / "clean")
            error, lasting, due = FAULTS[kind]
            fault = Fault(root, at, error, lasting)
            _one(root / "work", command, f"{kind} at {place}", fault, due, clean, outcome)
            outcome.kinds[kind] += 1
    return outcome


def evenly(items: Sequence[Item], most: int, seed: int) -> Sequence[Item]:
    """At most so many, equally far apart: each is as likely as another, and the first is drawn."""
    if len(items) <= most:
        return items
    step = len(items) / most
    first = random.Random(seed).uniform(0, step)
    return [items[int(first + i * step)] for i in range(most)]


def _one(folder: Path, command: Command, what: str, fault: Fault, due: int, clean: Result, outcome: Outcome) -> None:
    outcome.faults += 1
    result = attempt(folder, command, fault)
    code, said = result.code, result.said
    if "Traceback" in said or code == 70:
        outcome.wrong.append(f"{what}: exit {code}, {said[-300:]}")
    if code == 0:  # what was to be kept beside the result could not be: a cache, a cell
        if result.numbers != clean.numbers:
            outcome.wrong.append(f"{what}: exit 0 with other numbers")
        return
    outcome.stopped += 1
    if code != due:
        outcome.wrong.append(f"{what}: exit {code} where {due} is due, {said[-300:]}")
    if wrong := attempt(folder, command, more=command.again).as_good_as(clean):
        outcome.wrong.append(f"{what}: {wrong}")
