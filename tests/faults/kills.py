"""A command that is killed at random moments, and what must be the same after another try.

Every run is a fork of a process that has imported what the command needs, so that the moments fall on its work.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.faults.cases import COMMANDS, Command, Result, attempt, begin, hurried

CLEAN = 3
"""Runs that are not killed, whose median is how long one takes."""


@dataclass
class Kills:
    """What became of a command that was killed; `late` runs were through by then."""

    seconds: float = 0.0
    kills: int = 0
    late: int = 0
    wrong: list[str] = field(default_factory=list)


def kill(name: str, kills: int, seed: int = 0) -> Kills:
    """Kills a command so many times, at moments that are drawn evenly from the time it takes; then tries again."""
    outcome, command = Kills(), COMMANDS[name]
    with TemporaryDirectory() as temporary, hurried():
        root = Path(temporary).resolve()
        _import_what(root / "work", command)
        taken = []
        for _ in range(CLEAN):
            begin(root / "work", [], root)
            start = time.monotonic()
            clean = _result(root / "work", command)
            taken.append(time.monotonic() - start)
        outcome.seconds = statistics.median(taken)
        for number in itertools.count():
            if outcome.kills == kills:
                break
            moment = random.Random(f"{name} {seed} {number}").uniform(0, outcome.seconds)
            begin(root / "work", [], root)
            killed = _killed(root / "work", command, moment)
            outcome.kills, outcome.late = outcome.kills + killed, outcome.late + (not killed)
            if wrong := _result(root / "work", command, command.again).as_good_as(clean):
                outcome.wrong.append(f"number {number}, after {moment:.3f} of {outcome.seconds:.3f} s: {wrong}")
    return outcome


def _killed(folder: Path, command: Command, moment: float) -> bool:
    """Whether a run had not ended by itself when it was killed."""
    child = os.fork()
    if child == 0:
        try:
            attempt(folder, command)
        finally:
            os._exit(0)
    time.sleep(moment)
    os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def _result(folder: Path, command: Command, more: Sequence[str] = ()) -> Result:
    """What a run in a process of its own gives."""
    code, said, numbers, names = json.loads(_forked(folder, command, more)[0])
    return Result(code, said, numbers, frozenset(names))


def _import_what(folder: Path, command: Command) -> None:
    """Imports what a run of the command imports."""
    begin(folder, [], folder)
    for name in json.loads(_forked(folder, command, ())[1]):
        with suppress(ImportError):
            import_module(name)


def _forked(folder: Path, command: Command, more: Sequence[str]) -> list[str]:
    """The result of a run, and the modules of its process, as two lines of JSON."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(read)
            result = attempt(folder, command, more=more)
            told = [result.code, result.said, result.numbers, sorted(result.names)]
            with os.fdopen(write, "w") as pipe:
                pipe.write(f"{json.dumps(told)}\n{json.dumps(sorted(sys.modules))}")
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        lines = pipe.read().split("\n")
    os.waitpid(child, 0)
    return lines
