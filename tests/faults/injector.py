"""Stops a command at one of its writes or calls back: by an error of the disk, or by an interrupt.

Python tells audit hooks of every file that it opens, names and makes; a hook that raises stops that very operation.
Hooks cannot be taken away again, so there is one, which does nothing unless a fault is armed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CALL = "call"
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_NAMES = {"os.rename": 1, "os.mkdir": 0}  # which argument is the name that appears


@dataclass
class Fault:
    """What happens at the writes below a folder, and where long work calls back to say how far it is.

    Attributes:
        below: the folder.
        at: the number of the write or call that fails, from 0; None for none.
        error: makes what is raised there.
        lasting: whether every later write fails as well, as on a full disk.
        seen: the writes and calls so far.
    """

    below: Path
    at: int | None
    error: Callable[[], BaseException]
    lasting: bool = False
    seen: list[str] = field(default_factory=list)

    def meet(self, event: str, arguments: tuple[Any, ...]) -> None:
        """One audited operation."""
        name = _written(event, arguments)
        if name is None or not Path(name).absolute().is_relative_to(self.below):
            return
        number = len(self.seen)
        self.seen.append(f"{event} {Path(name).name}")
        if self.at is not None and (number == self.at or (self.lasting and number > self.at)):
            raise self.error()

    def called(self, _: int, total: int, unit: str) -> None:
        """Long work calls back."""
        self.seen.append(f"{CALL} {total} {unit}")
        if len(self.seen) - 1 == self.at:
            raise self.error()


_armed: list[Fault] = []


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _armed and (event == "open" or event in _NAMES):
        _armed[0].meet(event, arguments)


sys.addaudithook(_hook)


@contextmanager
def armed(fault: Fault) -> Iterator[Fault]:
    """Lets a fault happen within a block."""
    _armed.append(fault)
    try:
        yield fault
    finally:
        _armed.clear()


def _written(event: str, arguments: tuple[Any, ...]) -> str | None:
    """The name of a file or folder that an operation would write or make."""
    if event in _NAMES:
        name = arguments[_NAMES[event]]
    elif isinstance(arguments[2], int) and arguments[2] & _WRITES:
        name = arguments[0]
    else:
        return None
    return os.fsdecode(name) if isinstance(name, (str, bytes, os.PathLike)) else None
