"""Opening regular files, within a budget of bytes."""

from __future__ import annotations

import hashlib
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from boundcheck.errors import BoundcheckError, FileError

SPARE = 1 << 26  # bytes that any file may unpack to, however small it is


def budget(size: int) -> int:
    """The bytes that a file of `size` bytes may unpack to."""
    return size + SPARE


@contextmanager
def open_regular(path: Path) -> Iterator[tuple[BufferedReader, int]]:
    """A regular file and its size in bytes; a pipe or a device would be waited for, or never end.

    Raises:
        FileError: it is missing, cannot be read, or is no regular file.
    """
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise FileError(f"{path}: must be a regular file; name one")
            yield file, status.st_size
    except FileNotFoundError as error:
        raise FileError(f"{path}: is missing; check the path") from error
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error.strerror or error})") from error
    except ValueError as error:
        if "null" not in str(error):  # a name that no system takes
            raise
        raise FileError(f"{str(path)!r}: cannot be read ({error})") from error


def read_regular(path: Path, limit: int | None = None, sha256: str | None = None) -> bytes:
    """The content of a regular file.

    Args:
        path: the file.
        limit: bytes that it may have; None for any number.
        sha256: (hex) what it must hash to, where that is known.

    Raises:
        FileError: as `open_regular`; or it is larger, or was changed.
    """
    with open_regular(path) as (file, size):
        if limit is not None and size > limit:
            raise FileError(f"{path}: must have at most {limit:,} bytes, received {size:,}")
        content = file.read(size)
        file.seek(0)
        require_hash(file, sha256)
    return content


def require_hash(file: BufferedReader, sha256: str | None) -> None:
    """Holds a file against the SHA-256 (hex) of what was written, where that is known; leaves it at its start.

    Raises:
        FileError: it was changed.
    """
    if sha256 is not None and hashlib.file_digest(file, "sha256").hexdigest() != sha256:
        raise FileError(f"{file.name}: damaged, its SHA-256 is not {sha256[:12]}... as when written; make it again")
    file.seek(0)


def sha256_of(path: Path) -> str:
    """SHA-256 (hex) of a regular file.

    Raises:
        FileError: as `open_regular`.
    """
    with open_regular(path) as (file, _):
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_regular(path: Path) -> bool:
    """Whether a path names a regular file; False where that cannot be known."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def gunzipped(content: bytes, limit: int) -> bytes:
    """What a gzip stream unpacks to.

    Args:
        content: one member or several.
        limit: bytes that it may unpack to.

    Raises:
        ValueError: truncated, damaged, or larger.
    """
    parts, room = [], limit
    try:
        while content:
            stream = zlib.decompressobj(wbits=31)
            part = stream.decompress(content, room + 1)
            room -= len(part)
            if room < 0:
                raise ValueError(f"it unpacks to more than {limit:,} bytes")
            if not stream.eof:
                raise ValueError("truncated gzip stream")
            parts.append(part)
            content = stream.unused_data.lstrip(b"\0")
    except zlib.error as error:
        raise ValueError(f"damaged gzip stream ({error})") from error
    return b"".join(parts)


@contextmanager
def reading(path: Path, what: str, remedy: str = "save it again") -> Iterator[None]:
    """Makes every failure of a block a `FileError`: a damaged file can fail anywhere inside its reader.

    Args:
        path: the file that the block reads.
        what: what it should be, for the message.
        remedy: what to do.

    Raises:
        FileError: the block failed otherwise than with an error of this package.
    """
    try:
        yield
    except BoundcheckError:
        raise
    except MemoryError as error:
        raise FileError(f"{path}: cannot be read as {what}, it needs more memory than there is; {remedy}") from error
    except Exception as error:
        raise FileError(f"{path}: cannot be read as {what} ({_reason(error)}); {remedy}") from error


def _reason(error: Exception) -> str:
    first = (str(error).splitlines() or [""])[0][:300]
    if isinstance(error, KeyError):
        return f"no {first}"
    return first or type(error).__name__


def _without_waiting(path: str, flags: int) -> int:
    """Opens a pipe that nobody writes to at once."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
