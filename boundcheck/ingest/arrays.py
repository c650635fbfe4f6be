"""Arrays of `.npz` archives: numbers and text, never objects."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import numpy as np

from boundcheck.ingest.archives import members_of
from boundcheck.ingest.regular import budget, open_regular, reading, require_hash

_CHUNK = 1 << 20


def read_arrays(
    path: Path, names: Iterable[str], what: str = "an archive of arrays", sha256: str | None = None
) -> dict[str, np.ndarray]:
    """The arrays of these names that a `.npz` archive has.

    Args:
        path: the archive.
        names: which arrays.
        what: what it should be, for the message.
        sha256: (hex) what it must hash to, where that is known.

    Raises:
        FileError: missing, damaged, larger than `budget` allows, or holding objects.
    """
    with open_regular(path) as (file, size), reading(path, what):
        require_hash(file, sha256)
        start = file.read(6)
        if start == b"\x93NUMPY":
            raise ValueError("a single array, not an archive of z and y")
        if start[:1] == b"\x80":
            raise ValueError("pickled objects, which are never loaded; save plain arrays")
        members = members_of(file, size, budget(size))
        wanted = [name for name in names if f"{name}.npy" in members]
        with zipfile.ZipFile(file) as archive:
            arrays = {}
            for name in wanted:
                info = members[f"{name}.npy"]
                with archive.open(info) as member:
                    arrays[name] = _read_array(member, info.file_size, name)
        return arrays


def _read_array(member: zipfile.ZipExtFile | IO[bytes], size: int, name: str) -> np.ndarray:
    """One array, whose declared shape is as large as what is there."""
    version = np.lib.format.read_magic(member)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
    if read is None:
        raise ValueError(f"array {name} has the format {version}, which is not read")
    shape, fortran, dtype = read(member)
    if dtype.kind not in "fiubUS" or dtype.itemsize == 0:
        held = "pickled objects, which are never loaded" if dtype.hasobject else f"{dtype}, which is not read"
        raise ValueError(f"array {name} holds {held}; save plain arrays")
    count = math.prod(shape)
    if count * dtype.itemsize != size - member.tell():
        raise ValueError(f"array {name} declares the shape {shape} of {dtype}, and has {size - member.tell():,} bytes")
    array = np.empty(count, dtype)
    room = memoryview(array.view(np.uint8).data) if count else memoryview(b"")
    for start in range(0, len(room), _CHUNK):
        part = member.read(min(_CHUNK, len(room) - start))
        if len(part) != min(_CHUNK, len(room) - start):
            raise ValueError(f"array {name} is truncated")
        room[start : start + _CHUNK] = part
    if member.read(1):  # reaches the end, where the checksum is compared
        raise ValueError(f"array {name} is longer than it says")
    if dtype.kind == "U" and count:
        _check_text(array, name)
    return array.reshape(shape, order="F" if fortran else "C")


def _check_text(array: np.ndarray, name: str) -> None:
    """Refuses numbers that are no characters: such a text fails when it is first shown."""
    points = array.view(np.dtype("u4").newbyteorder(array.dtype.byteorder))
    if points.max() > 0x10FFFF or ((points >= 0xD800) & (points <= 0xDFFF)).any():
        raise ValueError(f"array {name} holds text with invalid characters")
