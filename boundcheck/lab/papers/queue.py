"""The queue of trials: what is finished, what failed, and working through the rest, in one process or several."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from boundcheck._locks import lock
from boundcheck._places import atomic_path
from boundcheck.data import Progress
from boundcheck.errors import DivergedError
from boundcheck.ingest import read_json

from .presets import Trial
from .trial import is_finished, run_trial

Said: TypeAlias = Callable[[str], None]

_FAILED, _LOCK = "failed.json", ".lock"


def work_through(
    trials: Sequence[Trial],
    folder: Path,
    *,
    data_dir: Path | None,
    device: str,
    command: str | None,
    tell: Said,
    progress: Progress | None,
) -> Iterator[Trial]:
    """Runs the trials that are missing, and yields each that is finished.

    A trial whose training diverges is recorded as failed and the others go on; a trial that another process is
    working on is left to it. A mistake of the user's ends the queue.

    Args:
        trials: in order.
        folder: of all trials.
        data_dir, device, command, progress: see `run_trial`.
        tell: told in words what is being done.
    """
    for number, trial in enumerate(trials, start=1):
        place, name = folder / trial.key, f"trial {number} of {len(trials)}"
        if is_finished(place):
            continue
        with lock(place / _LOCK, wait=False) as held:
            if not held:
                tell(f"{name}: {trial.key} is left to the process that is working on it")
            elif is_finished(place):  # by another process, since it was looked at
                continue
            elif reason := failure(place):
                tell(f"{name}: {trial.key} failed ({reason}); remove '{place}' to try it again")
            else:
                tell(f"{name}: {trial.key}")
                try:
                    run_trial(trial, place, data_dir=data_dir, device=device, command=command, progress=progress)
                except DivergedError as error:
                    _record_failure(place, str(error))
                    tell(f"{name}: failed, {error}")
                else:
                    yield trial


def failure(folder: Path) -> str | None:
    """Why the trial in a folder cannot be finished; None where it did not fail."""
    path = folder / _FAILED
    return str(read_json(path, "why a trial failed").get("reason")) if path.exists() else None


def _record_failure(folder: Path, reason: str) -> None:
    with atomic_path(folder / _FAILED) as temporary:
        temporary.write_text(json.dumps({"reason": reason}) + "\n", encoding="utf-8")
