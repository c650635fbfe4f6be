"""Reading files that may be anything, without waiting for them or running what they hold."""

from __future__ import annotations

import hashlib
import os
import stat
import warnings
from pathlib import Path
from typing import Any

from boundcheck.errors import FileError


def read_regular(path: Path, limit: int) -> bytes:
    """The content of a regular file; a pipe or a device would be waited for, or never end.

    Args:
        path: the file.
        limit: bytes that it may have.

    Raises:
        FileError: it is missing, cannot be read, is no regular file, or is larger.
    """
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise FileError(f"{path}: must be a regular file; name one")
            if status.st_size > limit:
                raise FileError(f"{path}: must have at most {limit:,} bytes, received {status.st_size:,}")
            return file.read(status.st_size)
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error.strerror or error})") from error


def _without_waiting(path: str, flags: int) -> int:
    """Opens a pipe that nobody writes to at once."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def source_digest(*names: str) -> str:
    """SHA-256 (hex) over the source of these modules and folders of boundcheck: what a kept result was made by."""
    sha = hashlib.sha256()
    for name in names:
        place = Path(__file__).parent / name
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            sha.update(path.read_bytes())
    return sha.hexdigest()


def load_tensors(path: Path) -> Any:
    """What a torch file holds, by the unpickler that admits tensors and plain values alone; raises as torch does."""
    import torch

    with warnings.catch_warnings():
        # torch warns of a pickle protocol it does not expect; the error that follows says what matters
        warnings.simplefilter("ignore", UserWarning)
        return torch.load(path, map_location="cpu", weights_only=True)
