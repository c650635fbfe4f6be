"""Columns of Parquet files, decoded within a budget."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from boundcheck.ingest.regular import budget, open_regular, reading, require_hash

_ROWS = 1 << 12  # decoded at a time, so that a bomb is met before it has filled the memory
_FOOTER = 1 << 24  # bytes


def read_parquet(
    path: Path, text: Sequence[str] = (), what: str = "a Parquet file", sha256: str | None = None
) -> pa.Table:
    """A table, whose values take no more than the file's size allows.

    Args:
        path: the file.
        text: columns that may hold text: kept as codes into their distinct values until they have been counted.
        what: what it should be, for the message.
        sha256: (hex) what it must hash to, where that is known.

    Raises:
        FileError: missing, damaged, or larger than `budget` allows.
    """
    with open_regular(path) as (handle, size), reading(path, what):
        require_hash(handle, sha256)
        limit = budget(size)
        tail = handle.read(0) if size < 12 else (handle.seek(size - 8), handle.read(8))[1]
        if len(tail) < 8 or int.from_bytes(tail[:4], "little") > min(size, _FOOTER):
            raise ValueError("truncated, or no Parquet file")
        columns = _opened(handle, ()).schema_arrow.names
        file = _opened(handle, [name for name in text if name in columns])
        _check_declared(file.metadata, limit)
        batches, room = [], limit
        for batch in file.iter_batches(batch_size=_ROWS, use_threads=False):
            room -= batch.nbytes
            if room < 0:
                raise ValueError(f"its columns take more than the {limit:,} bytes that its size allows")
            batches.append(batch)
        return pa.Table.from_batches(batches, schema=file.schema_arrow if not batches else None)


def _opened(handle: BinaryIO, text: Sequence[str]) -> pq.ParquetFile:
    handle.seek(0)
    limits = {"thrift_string_size_limit": _FOOTER, "thrift_container_size_limit": 1 << 20}
    return pq.ParquetFile(pa.PythonFile(handle), read_dictionary=list(text), **limits)


def _check_declared(metadata: pq.FileMetaData, limit: int) -> None:
    """Refuses a file that says that it holds more than it may."""
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    chunks = [group.column(j) for group in groups for j in range(group.num_columns)]
    values = max((sum(group.column(j).num_values for group in groups) for j in range(metadata.num_columns)), default=0)
    unpacked = sum(chunk.total_uncompressed_size for chunk in chunks)
    if max(4 * values, unpacked, metadata.num_rows) > limit or min(metadata.num_rows, unpacked) < 0:
        raise ValueError(f"it declares {values:,} values and {unpacked:,} bytes, more than its size allows")
