"""Locks between processes; the operating system ties each to an open file, so it ends with its process, however."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from boundcheck.errors import FileError

try:
    import fcntl
except ImportError:  # no such locks on Windows: one process at a time there
    fcntl = None  # type: ignore[assignment]


@contextmanager
def lock(path: Path, *, wait: bool) -> Iterator[bool]:
    """Holds the lock of a file for the length of a block.

    The file itself stays and means nothing.

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
        yield _take(handle, wait)
    finally:
        os.close(handle)


def hold(path: Path) -> int | None:
    """An open handle of a file or folder whose lock is held; None where it is gone or another process has it.

    Closing the handle gives the lock back. Where the system or the file system has no locks, every process holds it.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))  # a pipe would be waited for
    except OSError:
        return None
    if _take(handle, wait=False) and is_at(handle, path):
        return handle
    os.close(handle)
    return None


def is_at(handle: int, path: Path) -> bool:
    """Whether a path still names the file or folder of an open handle."""
    with suppress(OSError):
        return os.path.samestat(os.fstat(handle), path.stat())
    return False


def is_abandoned(path: Path) -> bool:
    """Whether nobody holds the lock of a file or folder; False where that cannot be known."""
    if fcntl is None or (handle := hold(path)) is None:
        return False
    try:
        return _take(handle, wait=False, unknown=False)
    finally:
        os.close(handle)


def _take(handle: int, wait: bool, unknown: bool = True) -> bool:
    """Takes a lock; `unknown` where there are none."""
    if fcntl is None:
        return unknown
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return unknown
    return True
