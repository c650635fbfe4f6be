"""A run's tables as files: CSV in which a spreadsheet finds nothing to compute, parquet, the hashes of all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from boundcheck._text import quoted_cell, unquoted_cell
from boundcheck.errors import FileError
from boundcheck.ingest import read_arrays, read_csv, read_parquet, reading
from boundcheck.runs.record import TEXT_COLUMNS, typed


def write_table(frame: pd.DataFrame, path: Path | StringIO) -> None:
    """Writes a table as CSV, in which a spreadsheet finds nothing to compute; `read_table` reads it as it was."""
    text = [name for name in frame.columns if name in TEXT_COLUMNS]
    frame.assign(**{name: frame[name].map(quoted_cell) for name in text}).to_csv(path, index=False)


def read_table(path: Path, columns: Sequence[str], manifest: Mapping[str, Any]) -> pd.DataFrame:
    """A table of a saved run with its exact numbers.

    Args:
        path: The table.
        columns: Those it must have.
        manifest: Of the run; where it has the table's hash, the table must be the one that was saved.

    Raises:
        FileError: The file is missing or damaged, or a column is not there.
    """
    frame = read_csv(path, columns, _hash_of(path, manifest))
    with reading(path, "a table of a run", "run the verification again"):
        for name in columns:
            if name in TEXT_COLUMNS:
                frame[name] = frame[name].map(unquoted_cell)
            else:
                frame[name] = pd.Series([_number(cell) for cell in frame[name]], dtype=None if len(frame) else float)
        return typed(frame, columns)


def _hash_of(path: Path, manifest: Mapping[str, Any]) -> str | None:
    """SHA-256 (hex) of a file as it was saved; None where the run is older than such hashes."""
    hashes = manifest.get("sha256")
    if hashes is None:
        return None
    if not isinstance(hashes, dict) or not isinstance(hashes.get(path.name), str):
        raise FileError(f"{path}: not among the files of the run, whose hashes are in run.json; run it again")
    return str(hashes[path.name])


def _number(cell: str) -> float:
    if cell in ("True", "False"):
        return cell == "True"
    if not cell.isascii() or "_" in cell:  # which Python's numbers may be written with
        raise ValueError(f"'{cell}' is no number")
    return int(cell) if cell.isdigit() and len(cell) < 19 else float(cell or "nan")


def read_rows(path: Path, what: str, columns: Sequence[str], manifest: Mapping[str, Any]) -> pd.DataFrame:
    """A table with a row for each anchor or instance: text, then numbers."""
    table = read_parquet(path, ("id", "label"), what, _hash_of(path, manifest))
    with reading(path, what, "run the verification again"):
        frame = table.to_pandas()
        if missing := [name for name in columns if name not in frame.columns]:
            raise ValueError(f"no column '{missing[0]}'")
        numbers = [name for name in frame.columns if name not in ("id", "label")]
        whole = {"view": "int64"} if "view" in columns else {}
        typed: pd.DataFrame = frame.astype({**dict.fromkeys(numbers, float), **whole, "id": str, "label": str})
    return typed


def read_pictures(path: Path, manifest: Mapping[str, Any]) -> np.ndarray:
    """(rows, 3, ch, h, w) uint8 of the hardest anchors and their neighbours.

    Raises:
        FileError: the file is damaged, or not the one that was saved.
    """
    arrays = read_arrays(path, ("pictures",), "the pictures of a run", _hash_of(path, manifest))
    with reading(path, "the pictures of a run", "run the verification again"):
        pictures = arrays["pictures"]
        if pictures.ndim != 5 or pictures.shape[1] != 3 or pictures.dtype != np.uint8:
            raise ValueError(f"expected (rows, 3, ch, h, w) uint8, received {pictures.shape} {pictures.dtype}")
    return pictures
