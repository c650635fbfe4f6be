"""Finished work, kept on disk under the hash of all that decides it: done once, and done again where it is damaged.

What is kept: embeddings of an encoder (`cache`), pieces of them (`sharded_extraction`), cells of a sweep and runs of
several files (`sweeps.cells`), sets, encoders and errors of the atlas, trials of a recipe (`lab.papers`). Each names
its work by `key_of` what decides it, the code among that (but for trials, which take hours: their settings alone, and
run.json says by which version), and writes it whole or not at all (`_places`). Trials, which several processes may work
on, are locked (`_locks`). A training lies where its user says, and is held against its settings.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from boundcheck.errors import BoundcheckError

T = TypeVar("T")


def key_of(decides: Any) -> str:
    """SHA-256 (hex) of what decides a piece of work.

    Args:
        decides: plain values in lists and mappings; what is not plain counts by its text.
    """
    return hashlib.sha256(json.dumps(decides, sort_keys=True, default=str).encode()).hexdigest()


def source_digest(*names: str, but: tuple[str, ...] = ()) -> str:
    """SHA-256 (hex) over the source of these modules and folders of boundcheck: what a kept result was made by.

    Args:
        *names: relative to the package; none for all of it.
        but: top-level modules and folders to leave out.
    """
    sha, package = hashlib.sha256(), Path(__file__).parent
    every = sorted(path.name for path in package.iterdir() if path.is_dir() or path.suffix == ".py")
    for name in names or [name for name in every if name not in but]:
        place = package / name
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            sha.update(path.read_bytes())
    return sha.hexdigest()


def source_of(thing: Any) -> str | None:
    """SHA-256 (hex) of the file that defines a function or a class of the user's own.

    Returns:
        None where it can change unseen: it has no file (in a notebook), or values of its own (a closure, a method).
    """
    if not (inspect.isclass(thing) or inspect.isfunction(thing)) or getattr(thing, "__closure__", None):
        return None
    try:
        file = Path(inspect.getsourcefile(thing) or "")
    except (TypeError, OSError):
        return None
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else None


def find(path: Path, read: Callable[[Path], T]) -> T | None:
    """What is kept at a path; None where nothing is, or what is there is damaged."""
    try:
        return read(path) if path.exists() else None
    except BoundcheckError:
        return None


def once(path: Path, make: Callable[[], T], read: Callable[[Path], T], write: Callable[[T, Path], object]) -> T:
    """What is kept at a path; where nothing is, or it is damaged, it is made and kept first.

    It is always read: what a file leaves out, or brings to another form, it does the first time too.

    Raises:
        FileError: it cannot be written, or not be read again.
    """
    found = find(path, read)
    if found is None:
        write(make(), path)
        found = read(path)
    return found
