"""A campaign: many damaged inputs for one reader, and what became of each."""

from __future__ import annotations

import random
import shutil
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from boundcheck.errors import BoundcheckError
from tests.fuzz.mutation import mutated
from tests.fuzz.readers import Reader

SECONDS, SPARE = 10.0, 200e6
"""An input may take so much processor time, and so many bytes beside twice its own size."""


@dataclass
class Outcome:
    """What became of the inputs of one reader; `faults` names each input that broke a rule by its number."""

    inputs: int = 0
    read: int = 0
    refused: int = 0
    slowest: float = 0.0
    largest: float = 0.0
    faults: list[str] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)


def campaign(reader: Reader, inputs: int, first: int = 0) -> Outcome:
    """Damages one file of the good input at a time, by numbers from `first` on."""
    outcome = Outcome()
    with TemporaryDirectory() as place:
        good = Path(place) / "good"
        good.mkdir()
        names = [path.relative_to(good) for path in reader.make(good)]
        reader.read(_copy(good, Path(place) / "work"))  # what is imported now is not the first input's
        for number in range(first, first + inputs):
            name = random.Random(number).choice(names)
            folder = _copy(good, Path(place) / "work")
            content = mutated((folder / name).read_bytes(), number)
            (folder / name).write_bytes(content)
            _try(reader, folder, f"{name} number {number}", len(content), outcome)
    return outcome


def _copy(source: Path, target: Path) -> Path:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    return target


def _try(reader: Reader, folder: Path, name: str, size: int, outcome: Outcome) -> None:
    before, start = reset_peak(), time.process_time()
    outcome.inputs += 1
    try:
        reader.read(folder)
        outcome.read += 1
    except BoundcheckError as error:
        outcome.refused += 1
        if "\n" in str(error):
            outcome.faults.append(f"{name}: a message of several lines")
    except BaseException as error:
        outcome.faults.append(f"{name}: {type(error).__name__}: {str(error)[:200]}")
    seconds, memory = time.process_time() - start, peak() - before
    outcome.slowest, outcome.largest = max(outcome.slowest, seconds), max(outcome.largest, memory)
    if seconds > SECONDS:
        outcome.faults.append(f"{name}: {seconds:.1f} s")
    if memory > 2 * size + SPARE:
        outcome.faults.append(f"{name}: {memory / 1e6:.0f} MB for {size:,} bytes")


def reset_peak() -> float:
    """Bytes resident now; the system counts the peak from here."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return float("inf")  # where there is no such count, no peak exceeds it
    return _status("VmRSS")


def peak() -> float:
    return _status("VmHWM") if Path("/proc/self/status").exists() else 0.0


def _status(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024.0 * int(line.split()[1]) for line in lines if line.startswith(name))
