"""Columns of Parquet files, decoded within a budget."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from boundcheck.ingest.footer import declared
from boundcheck.ingest.regular import budget, open_regular, reading, require_hash

_ROWS = 1 << 12  # decoded at a time, so that a bomb is met before it has filled the memory
_FOOTER = 1 << 24  # bytes


def read_parquet(
    path: Path,
    text: Sequence[str] = (),
    what: str = "a Parquet file",
    sha256: str | None = None,
    columns: Collection[str] | None = None,
    ratio: int = 1,
) -> pa.Table:
    """A table, whose values take no more than the file's size allows.

    Args:
        path: the file.
        text: columns that may hold text: kept as codes into their distinct values until they have been counted.
        what: what it should be, for the message.
        sha256: (hex) what it must hash to, where that is known.
        columns: which to read, those that are there; None for all.
        ratio: how many times the file's size its values may take, beside what any file may; text packs well.

    Raises:
        FileError: missing, damaged, or larger than `budget` allows.
    """
    with open_regular(path) as (handle, size), reading(path, what):
        require_hash(handle, sha256)
        limit = budget(ratio * size)
        footer = _footer(handle, size)
        names = [name for name in _opened(handle, ()).schema_arrow.names if columns is None or name in columns]
        said = declared(footer, names)
        if max(4 * said.values, said.bytes, said.rows) > limit:
            raise ValueError(f"it declares {said.values:,} values and {said.bytes:,} bytes, more than its size allows")
        file = _opened(handle, [name for name in text if name in names])
        batches, room = [], limit
        for batch in file.iter_batches(batch_size=_ROWS, columns=names, use_threads=False):
            room -= batch.nbytes
            if room < 0:
                raise ValueError(f"its columns take more than the {limit:,} bytes that its size allows")
            batches.append(batch)
        return pa.Table.from_batches(batches, schema=_schema(file, names) if not batches else None)


def _footer(handle: BinaryIO, size: int) -> bytes:
    """What stands between the columns and the last eight bytes, which say how much it is."""
    tail = b"" if size < 12 else (handle.seek(size - 8), handle.read(8))[1]
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != b"PAR1" or length > min(size - 12, _FOOTER):
        raise ValueError("truncated, or no Parquet file")
    handle.seek(size - 8 - length)
    return handle.read(length)


def _schema(file: pq.ParquetFile, names: Sequence[str]) -> pa.Schema:
    whole = file.schema_arrow
    return pa.schema([whole.field(name) for name in names], whole.metadata)


def _opened(handle: BinaryIO, text: Sequence[str]) -> pq.ParquetFile:
    handle.seek(0)
    limits = {"thrift_string_size_limit": _FOOTER, "thrift_container_size_limit": 1 << 20}
    # Reading ahead is done by threads that hold the file: where one still did at exit, the process was aborted.
    return pq.ParquetFile(pa.PythonFile(handle), read_dictionary=list(text), pre_buffer=False, **limits)
