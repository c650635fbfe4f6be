"""Text tables and JSON of saved results, read strictly."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from boundcheck.ingest.regular import read_regular, reading

LARGEST_TABLE = 1 << 28  # bytes
_CONTAINERS = 1 << 19  # lists and mappings in one JSON text: each takes a hundred times the bytes it is written in


def read_csv(path: Path, columns: Sequence[str], sha256: str | None = None) -> pd.DataFrame:
    """A table of text: every row as long as the header, the last one ended.

    Args:
        path: the file, UTF-8.
        columns: which it must have.
        sha256: (hex) what it must hash to, where that is known.

    Returns:
        All columns of the file, each cell as it is written.

    Raises:
        FileError: missing, damaged, or without one of the columns.
    """
    content = read_regular(path, LARGEST_TABLE, sha256)
    with reading(path, "a table", "make the run again"):
        text = content.decode("utf-8")
        if not text.endswith("\n"):
            raise ValueError("its last line is cut")
        if "\0" in text:
            raise ValueError("it holds the character NUL")
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
        header = rows[0]
        if len(set(header)) < len(header):
            raise ValueError("two columns have one name")
        if missing := [name for name in columns if name not in header]:
            raise ValueError(f"no column '{missing[0]}'")
        if odd := [number for number, row in enumerate(rows, 1) if len(row) != len(header)]:
            raise ValueError(f"row {odd[0]} has not the header's {len(header)} cells")
        return pd.DataFrame(rows[1:], columns=pd.Index(header), dtype=object)


def read_json(path: Path, what: str) -> dict[str, Any]:
    """A JSON object.

    Args:
        path: the file, UTF-8.
        what: what it should be, for the message.

    Raises:
        FileError: missing, damaged, or something else than an object.
    """
    content = read_regular(path, LARGEST_TABLE)
    with reading(path, what, "make it again"):
        return parse_json(content)


def parse_json(text: str | bytes) -> dict[str, Any]:
    """A JSON object from its text, UTF-8; nothing in it is wrong text or too deep.

    Raises:
        ValueError: damaged, or something else than an object.
    """
    value = parse_json_value(text)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value


def parse_json_value(text: str | bytes) -> Any:
    """As `parse_json`, of any value."""
    plain = text if isinstance(text, str) else text.decode("utf-8")
    if plain.count("[") + plain.count("{") > _CONTAINERS:
        raise ValueError("more lists and objects than any text in earnest")
    try:
        value = json.loads(plain)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if "\\u" in plain:  # half of a surrogate pair can be written so, and shown nowhere
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    return value
