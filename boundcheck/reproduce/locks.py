"""Locks between processes that share a folder of trials; they end with their process, however it ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from boundcheck.errors import FileError

try:
    import fcntl
except ImportError:  # no such locks on Windows: one process at a time there
    fcntl = None  # type: ignore[assignment]


@contextmanager
def lock(path: Path, *, wait: bool) -> Iterator[bool]:
    """Holds the lock of a file for the length of a block.

    The operating system ties the lock to the open file, so a process that is killed leaves none behind; the file
    itself stays and means nothing.

    Args:
        path: made where it is missing.
        wait: whether to wait for a process that holds it.

    Yields:
        Whether it is held; without waiting, not when another process has it.

    Raises:
        FileError: the file cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise FileError(f"{path}: cannot be written ({error.strerror}); choose another place or free it") from error
    try:
        yield _taken(handle, wait)
    finally:
        os.close(handle)


def _taken(handle: int, wait: bool) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True
