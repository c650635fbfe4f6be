"""Files of rows: `.csv` and `.jsonl` of texts, `.parquet` of texts or images as Hugging Face's `datasets` writes."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from boundcheck.data.base import Samples
from boundcheck.data.rows import NAMES, one_split, samples_of
from boundcheck.errors import InputError
from boundcheck.ingest import parse_json, read_parquet, read_regular, reading

SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")
_USED = {name for names in NAMES.values() for name in names}
_PACKED = 8  # times the file's size that columns of text may take


def read_table(path: Path, split: str) -> Samples:
    """The samples in one file.

    Args:
        path: with a suffix of `SUFFIXES`.
        split: "all", or "test", which stands for it: a file has no parts.

    Raises:
        FileError: it is damaged.
        InputError: its columns are not those of samples, or another split is asked for.
    """
    split = one_split(str(path), split)
    if path.suffix == ".parquet":
        return _of_parquet(path.stem, split, [path])
    return samples_of(path.stem, split, _read_text(path))


def is_parquet_folder(root: Path) -> bool:
    """Whether a folder is laid out as a data set on Hugging Face's hub: parquet files, at the top or in `data`."""
    return any(root.glob("*.parquet")) or any(root.glob("*/*-*.parquet"))


def read_parquet_folder(root: Path, split: str) -> Samples:
    """One split of such a folder: the files whose names begin with it.

    Raises:
        FileError: a file is damaged.
        InputError: there is no such split.
    """
    files = sorted([*root.glob("*.parquet"), *root.glob("*/*-*.parquet")])
    splits = sorted({file.stem.split("-")[0] for file in files})
    chosen = [file for file in files if file.stem.split("-")[0] == split]
    if not chosen:
        raise InputError(f"split: expected one of {', '.join(splits)} (beginnings of file names), received '{split}'")
    return _of_parquet(root.resolve().name, split, chosen)


def _of_parquet(name: str, split: str, files: Sequence[Path]) -> Samples:
    tables = [read_parquet(file, what="parquet", columns=_USED, ratio=_PACKED) for file in files]
    with reading(files[0].parent if len(files) > 1 else files[0], "parquet", "write it again"):
        table = pa.concat_tables(tables)
        columns = {key: table.column(key).to_pylist() for key in table.column_names}
    return samples_of(name, split, columns, _class_names(table.schema.metadata or {}))


def _class_names(metadata: Mapping[bytes, bytes]) -> dict[str, list[str]]:
    """Names of the codes of every column of kind ClassLabel, from what `datasets` keeps in the schema."""
    try:
        features = parse_json(metadata.get(b"huggingface", b"{}")).get("info", {}).get("features", {})
        labels = {key: value for key, value in features.items() if value.get("_type") == "ClassLabel"}
        return {key: [str(name) for name in value["names"]] for key, value in labels.items()}
    except (ValueError, AttributeError, KeyError, TypeError):
        return {}  # a note of another tool's: the codes stay their own names


def _read_text(path: Path) -> dict[str, list[Any]]:
    """Columns of a file of lines; nothing is taken for missing, as a class may be called "None"."""
    content = read_regular(path)
    with reading(path, path.suffix, "write it again"):
        text = content.decode("utf-8-sig")
        if path.suffix == ".jsonl":
            rows = [parse_json(line) for line in text.split("\n") if line.strip()]
            keys = [key for key in (rows[0] if rows else {}) if key in _USED]
            return {key: [row.get(key) for row in rows] for key in keys}
        separator = "\t" if path.suffix == ".tsv" else ","
        frame = pd.read_csv(io.StringIO(text), sep=separator, dtype=str, keep_default_na=False)
        return {str(key): frame[key].tolist() for key in frame.columns if key in _USED}
