"""Writing files so that a reader never sees half of one; reading torch files without running what they hold."""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from boundcheck.errors import FileError


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`; renamed to `path` when the body succeeds.

    The temporary name keeps the suffix, so writers that choose a format by it work. It may hold a file or a
    folder; a file replaces an older file, a folder only an empty one. Missing parent folders are made,
    and removed again on failure.

    Args:
        path: the final name of the file or folder.

    Yields:
        A name in the same folder, not in use, removed again when the body fails.

    Raises:
        FileError: no permission, no space, or the name is taken by a folder.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}-{uuid.uuid4().hex[:8]}.part{path.suffix}")
    made: list[Path] = []
    try:
        made = [parent for parent in path.parents if not parent.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
        made = []
    except OSError as error:
        reason = error.strerror or str(error)
        raise FileError(f"{path}: cannot be written ({reason}); choose another place or free it") from error
    finally:
        _discard(temporary)
        for folder in made:
            with suppress(OSError):
                folder.rmdir()


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


def source_digest(*names: str) -> str:
    """SHA-256 (hex) over the source of these modules and folders of boundcheck: what a kept result was made by."""
    sha = hashlib.sha256()
    for name in names:
        place = Path(__file__).parent / name
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            sha.update(path.read_bytes())
    return sha.hexdigest()


def _discard(path: Path) -> None:
    """Removes a file or folder that may not be there."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def load_tensors(path: Path) -> Any:
    """What a torch file holds, by the unpickler that admits tensors and plain values alone; raises as torch does."""
    import torch

    with warnings.catch_warnings():
        # torch warns of a pickle protocol it does not expect; the error that follows says what matters
        warnings.simplefilter("ignore", UserWarning)
        return torch.load(path, map_location="cpu", weights_only=True)
