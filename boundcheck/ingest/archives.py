"""What a zip archive declares, held against the file before anything is unpacked."""

from __future__ import annotations

import os
import struct
import zipfile
from typing import BinaryIO

_DIRECTORY = 1 << 24  # bytes of a central directory: a quarter of a million members
_END, _END64, _LOCATOR = b"PK\5\6", b"PK\6\6", b"PK\6\7"


def members_of(file: BinaryIO, size: int, limit: int, *, stored: bool = False) -> dict[str, zipfile.ZipInfo]:
    """The members of an archive by name; together they unpack to `limit` bytes at most.

    Args:
        file: the archive.
        size: of the file, bytes.
        limit: bytes that the members may have.
        stored: refuse compressed members.

    Raises:
        ValueError: no archive, or one that declares what cannot be, or too much.
        zipfile.BadZipFile: damaged.
    """
    _check_directory(file, size)
    with zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
    methods = {zipfile.ZIP_STORED} if stored else {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
    for info in infos:
        if info.compress_type not in methods or info.flag_bits & 1:
            raise ValueError(f"member {info.filename!r} is encrypted, or packed in a way that is not read")
    if len({info.filename for info in infos}) < len(infos):
        raise ValueError("two members have one name")
    # Members that overlap would declare more than the file has; only one byte can belong to each.
    if sum(info.compress_size for info in infos) > size:
        raise ValueError("its members are larger than the file")
    if any(info.file_size != info.compress_size for info in infos if info.compress_type == zipfile.ZIP_STORED):
        raise ValueError("a stored member declares two sizes")
    total = sum(info.file_size for info in infos)
    if total > limit:
        raise ValueError(
            f"it unpacks to {total:,} bytes, more than the {limit:,} that its size allows; save it unpacked"
        )
    return {info.filename: info for info in infos}


def _check_directory(file: BinaryIO, size: int) -> None:
    """Refuses a central directory that is larger than any in earnest: each entry would become an object."""
    tail = min(size, (1 << 16) + 22)
    file.seek(size - tail)
    content = file.read(tail)
    end = content.rfind(_END)
    if end < 0 or len(content) < end + 22:
        raise ValueError("truncated, or no zip archive")
    (declared,) = struct.unpack_from("<I", content, end + 12)
    locator = content[max(0, end - 20) : end]
    if locator.startswith(_LOCATOR):
        (place,) = struct.unpack_from("<Q", locator, 8)
        file.seek(min(place, size), os.SEEK_SET)
        record = file.read(56)
        if len(record) < 56 or not record.startswith(_END64):
            raise ValueError("damaged zip archive")
        (declared,) = struct.unpack_from("<Q", record, 40)
    if declared > min(_DIRECTORY, size):
        raise ValueError(f"its directory of members has {declared:,} bytes")
    file.seek(0)
