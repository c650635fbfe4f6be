"""Places for results: reserved before work begins, filled under a name of their own, and never taken from another.

What is written appears whole or not at all. Until then it lies in a hidden folder `.NAME-xxxxxxxx.part` beside its
place, whose lock its process holds; such a folder without a holder is of a process that was killed, and is removed by
the next one that writes there.
"""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from boundcheck._locks import hold, is_abandoned, is_at
from boundcheck.errors import FileError

_HIDDEN = re.compile(r"\..+-[0-9a-f]{8}\.part")
_OLD = "replaced"  # in a hidden folder: what was in the place before


class Place(os.PathLike[str]):
    """The name of a file or folder that this process alone may write, until it is closed.

    Attributes:
        path: the name; where another process broke the reservation, the one that was free at the end.
    """

    def __init__(self, path: Path, handle: int | None, made: list[Path], overwrite: bool) -> None:
        self.path, self._handle, self._made, self._overwrite = path, handle, made, overwrite

    def __fspath__(self) -> str:
        return str(self.path)

    def put(self, finished: Path) -> None:
        """Gives what was written its name; an earlier result is replaced only if that was asked for."""
        first, number = self.path, 1
        while not (self._handle is not None and is_at(self._handle, self.path)):
            # Whoever broke the reservation may have put a result there: no name but a new one is taken.
            self._handle = hold(self.path) if _create(self.path, finished.is_dir()) else None
            if self._handle is None:
                number += 1
                self.path = first.with_name(f"{first.stem}-{number}{first.suffix}")
        if self._overwrite and not _is_empty(self.path):
            self.path.rename(finished.parent / _OLD)
        finished.replace(self.path)
        self._made = []

    def close(self) -> None:
        """Gives the name back; what was made to reserve it goes where nothing was put there."""
        if self._handle is None:
            return
        with suppress(OSError):
            if is_at(self._handle, self.path) and _is_empty(self.path) and self._made:
                _discard(self.path)
        os.close(self._handle)
        self._handle = None
        _remove_empty(self._made)

    def __enter__(self) -> Place:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def reserve_folder(path: str | os.PathLike[str], *, overwrite: bool = False, numbered: bool = False) -> Place:
    """Reserves the name of a folder, made now, that nobody else will write.

    Args:
        path: the name; missing parents are made, and removed again if nothing is put there.
        overwrite: whether a saved run there (a folder with run.json) may be replaced.
        numbered: take path-2, path-3, ... where the name is in use.

    Returns:
        The place; close it, or use it as a context.

    Raises:
        FileError: the name is in use, or cannot be written.
    """
    return _reserve(Path(path), overwrite, numbered, folder=True)


def reserve_file(path: str | os.PathLike[str], *, overwrite: bool = False) -> Place:
    """As `reserve_folder`, of a file."""
    return _reserve(Path(path), overwrite, numbered=False, folder=False)


def _reserve(path: Path, overwrite: bool, numbered: bool, folder: bool) -> Place:
    check_writable(path)
    first, number = path, 1
    with writing(path):
        made = [parent for parent in path.parents if not parent.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        collect_leftovers(path.parent)
        while True:
            created = _create(path, folder)
            handle = hold(path)
            reason = _taken(path, handle, overwrite, folder)
            if not reason:
                return Place(path, handle, [path, *made] if created else made, overwrite)
            if handle is not None:
                os.close(handle)
            if not path.exists():  # its process has just given it back
                continue
            if not numbered:
                _remove_empty(made)
                raise FileError(f"out: '{path}' {reason}")
            number += 1
            path = first.with_name(f"{first.name}-{number}")


def _create(path: Path, folder: bool) -> bool:
    """Makes an empty file or folder; False where the name is in use."""
    try:
        if folder:
            path.mkdir()
        else:
            path.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _taken(path: Path, handle: int | None, overwrite: bool, folder: bool) -> str:
    """Why a name cannot be had; empty where it can."""
    if path.is_dir() != folder:
        return f"is a {'file' if folder else 'folder'}; choose another with --out"
    if handle is None:
        return "is being written by another process; choose another with --out, or wait for it"
    if _is_empty(path):
        return ""
    if folder and not (path / "run.json").is_file():
        return "exists and is not a saved run; choose another directory with --out"
    if not overwrite:
        return f"already holds a {'run' if folder else 'file'}; choose another with --out, or pass --overwrite"
    if not os.access(path.parent, os.W_OK | os.X_OK):
        return "cannot be replaced (no permission); choose another with --out"
    return ""


@contextmanager
def occupied(folder: Path) -> Iterator[None]:
    """Holds a folder, made where it is missing, whose files are written one after the other.

    Raises:
        FileError: another process holds it, or it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"out: must be a folder that can be made, received '{folder}' ({error.strerror})") from error
    handle = hold(folder)
    if handle is None:
        raise FileError(f"out: '{folder}' is being written by another process; choose another, or wait for it")
    try:
        yield
    finally:
        os.close(handle)


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields a name to write to, of the same suffix; what is there takes its place when the body succeeds.

    It may be a file or a folder. At a reserved `Place` it replaces what may be replaced; elsewhere a file replaces an
    older file, a folder only an empty one. Missing parent folders are made, and removed again on failure.

    Args:
        path: the final name of the file or folder, or a place.

    Yields:
        A name on the same disk, not in use, removed again when the body fails.

    Raises:
        FileError: no permission, no space, or the name is taken by a folder.
    """
    target = path.path if isinstance(path, Place) else Path(path)
    made: list[Path] = []
    try:
        with writing(target):
            made = [parent for parent in target.parents if not parent.exists()]
            target.parent.mkdir(parents=True, exist_ok=True)
            collect_leftovers(target.parent)
            with hidden(target) as part:
                yield part / target.name
                if (part / target.name).is_file():
                    with (part / target.name).open("rb") as file:
                        os.fsync(file.fileno())  # before its name says that it is finished
                if isinstance(path, Place):
                    path.put(part / target.name)
                else:
                    (part / target.name).replace(target)
        made = []
    finally:
        _remove_empty(made)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Says in one line that a file or folder could not be written.

    Raises:
        FileError: no permission, no space, or a name is taken by a folder.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise FileError(f"{path}: cannot be written ({reason}); choose another place or free it") from error


@contextmanager
def hidden(target: Path) -> Iterator[Path]:
    """A hidden folder beside a place, held by this process and removed in the end; or by `collect_leftovers`."""
    part = target.with_name(f".{target.name}-{uuid.uuid4().hex[:8]}.part")
    handle = None
    while handle is None:  # a collector may come between making and holding
        part.mkdir(exist_ok=True)
        handle = hold(part)
    try:
        yield part
    finally:
        _restore(part, target)
        _discard(part)
        os.close(handle)


def collect_leftovers(folder: Path) -> None:
    """Removes the hidden folders of processes that were killed; what one had put aside goes back to its place."""
    for part in folder.glob(".*.part"):
        if _HIDDEN.fullmatch(part.name) and part.is_dir() and is_abandoned(part):
            _restore(part, part.with_name(part.name[1 : -len("-xxxxxxxx.part")]))
            _discard(part)


def _restore(part: Path, target: Path) -> None:
    """Puts back what was to be replaced, where nothing took its place."""
    if (part / _OLD).exists() and not target.exists():
        with suppress(OSError):
            (part / _OLD).rename(target)


def check_writable(path: str | Path) -> None:
    """Says before long work what would otherwise fail after it: whether `path` can be made where it is meant to be.

    Raises:
        FileError: a file is in the way, or the nearest folder that exists may not be written to.
    """
    path = Path(path)
    nearest = next(parent for parent in path.absolute().parents if parent.exists())
    if not nearest.is_dir():
        raise FileError(f"{path}: cannot be written ({nearest} is a file); choose another place")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise FileError(f"{path}: cannot be written (no permission in {nearest}); choose another place or permit it")


def _is_empty(path: Path) -> bool:
    return not any(path.iterdir()) if path.is_dir() else path.stat().st_size == 0


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


def _discard(path: Path) -> None:
    """Removes a file or folder that may not be there."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
