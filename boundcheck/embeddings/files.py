"""Embeddings on disk: `.npz`, `.safetensors`, `.pt` and `.parquet`, none of which may run code when read.

All hold `z` and `y`, and optionally `ids`, `classes`, `groups` (super-classes) and `meta` (JSON text). Files written
here store class codes in `y` and their names in `classes`. The tensor formats have no strings, so there `ids`,
`classes`, `groups` and `meta` are JSON as a uint8 tensor of UTF-8 bytes. Parquet has a row per view with columns `z`,
`y` (names), `view`, `id` and `group`; class order and `meta` are in the schema's metadata under "boundcheck".
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from boundcheck._places import atomic_path
from boundcheck.embeddings.set import UNLABELLED, EmbeddingSet
from boundcheck.errors import FileError, InputError, unknown_name
from boundcheck.ingest import (
    Unread,
    budget,
    is_regular,
    load_safetensors,
    load_tensors,
    parse_json,
    parse_json_value,
    read_arrays,
    read_parquet,
    reading,
)

Fields = dict[str, Any]


def load_embeddings(path: str | Path, normalize: bool = True, unlabelled: bool = False) -> EmbeddingSet:
    """Reads embeddings from `.npz`, `.safetensors`, `.pt` or `.parquet`, chosen by the suffix.

    Args:
        path: the file.
        normalize: scale every row to norm 1.
        unlabelled: take the data as without labels, whether or not the file has any.

    Raises:
        FileError: missing, truncated, of another type, or holding pickled objects.
        InputError: unknown suffix, or the arrays break a rule of `EmbeddingSet`.
    """
    path = Path(path)
    read, _ = format_of(path)
    if not is_regular(path):
        state = "is a folder" if path.is_dir() else "is no regular file" if path.exists() else "does not exist"
        raise FileError(f"{path}: {state}; expected a file of embeddings ({', '.join(FORMATS)})")
    with reading(path, f"{path.suffix} embeddings"):
        fields = read(path)
    if unlabelled or fields.get("classes") == [UNLABELLED]:
        fields = {**fields, "y": None, "classes": None}
    missing = [key for key in ("z", "y") if key not in fields]
    if missing:
        raise FileError(f"{path}: expected arrays z and y, {_absent(missing, sorted(fields))}")
    with reading(path, f"{path.suffix} embeddings"):
        if not isinstance(fields.get("classes") or [], list):
            raise ValueError("classes is not a list of names")
        mapped = isinstance(fields["z"], torch.Tensor)  # to the file, which may change
        try:
            return EmbeddingSet(normalize=normalize, copy=mapped, **fields)
        except InputError as error:
            raise InputError(f"{path}: {' '.join(str(error).split())}") from error


def save_embeddings(emb: EmbeddingSet, path: str | os.PathLike[str]) -> None:
    """Writes embeddings to `.npz`, `.safetensors`, `.pt` or `.parquet`, chosen by the suffix; all or nothing.

    Args:
        emb: the embeddings.
        path: the file, replaced if it is there; or a place reserved earlier.

    Raises:
        FileError: no permission, no space.
        InputError: unknown suffix.
    """
    _, write = format_of(Path(path))
    with atomic_path(path) as temporary:
        try:
            write(emb, temporary)
        except (RuntimeError, SafetensorError) as error:  # how torch and safetensors report a full disk
            raise OSError(str(error)) from error


def format_of(path: Path) -> tuple[Callable[[Path], Fields], Callable[[EmbeddingSet, Path], None]]:
    """The reader and the writer for a path's suffix.

    Raises:
        InputError: unknown suffix.
    """
    if path.suffix not in FORMATS:
        raise unknown_name("embeddings file suffix", path.suffix or path.name, FORMATS)
    return FORMATS[path.suffix]


def _absent(missing: list[str], found: list[str]) -> str:
    """What was found in place of z and y, and what to do."""
    how = {
        "z": "save the embeddings, (n, d) or (n, views, d), under the name z",
        "y": "save the labels, (n,), under the name y; without any, --unlabelled (unlabelled=True) gives UCL and H-UCL",
    }
    return f"found {', '.join(found) or 'neither'}; {'; '.join(how[key] for key in missing)}"


def _read_npz(path: Path) -> Fields:
    fields: Fields = dict(read_arrays(path, _KEYS, ".npz embeddings"))
    if "meta" in fields:
        meta = fields["meta"]
        if meta.ndim or meta.dtype.kind != "U":
            raise ValueError("meta is not one JSON text")
        fields["meta"] = parse_json(str(meta))
    if "classes" in fields:
        fields["classes"] = fields["classes"].tolist()
    return fields


def _write_npz(emb: EmbeddingSet, path: Path) -> None:
    groups: dict[str, Any] = {} if emb.groups is None else {"groups": _group_of(emb)}
    np.savez(path, z=emb.z, y=emb.y, ids=emb.ids, classes=np.array(emb.classes), meta=json.dumps(emb.meta), **groups)


def _group_of(emb: EmbeddingSet) -> np.ndarray:
    """(n,) name of every instance's super-class."""
    return np.array(emb.group_names)[emb.groups]


def _read_pt(path: Path) -> Fields:
    content = load_tensors(path)
    if not isinstance(content, dict):
        raise ValueError(f"a {type(content).__name__}, not a dict with z and y")
    return _from_tensors(content)


def _write_pt(emb: EmbeddingSet, path: Path) -> None:
    torch.save(_to_tensors(emb), path)


def _read_safetensors(path: Path) -> Fields:
    return _from_tensors(load_safetensors(path))


def _write_safetensors(emb: EmbeddingSet, path: Path) -> None:
    save_file(_to_tensors(emb), path)


def _to_tensors(emb: EmbeddingSet) -> dict[str, torch.Tensor]:
    texts = {"ids": emb.ids.tolist(), "classes": emb.classes, "meta": emb.meta}
    texts |= {} if emb.groups is None else {"groups": _group_of(emb).tolist()}
    encoded = {key: np.frombuffer(json.dumps(value).encode(), dtype=np.uint8) for key, value in texts.items()}
    return {key: torch.tensor(value) for key, value in {"z": emb.z, "y": emb.y, **encoded}.items()}


def _from_tensors(content: dict[Any, Any]) -> Fields:
    fields: Fields = {key: content[key] for key in _KEYS if key in content}
    for key in ("ids", "classes", "groups", "meta"):
        value = fields.get(key)
        if isinstance(value, torch.Tensor) and value.dtype == torch.uint8:
            fields[key] = parse_json_value(value.numpy().tobytes())
        if isinstance(fields.get(key), Unread) or (key == "meta" and not isinstance(fields.get(key, {}), dict)):
            raise ValueError(f"{key} is not what it should be; save JSON text")
    if unread := [key for key in fields if isinstance(fields[key], Unread)]:
        held = f"{unread[0]} is {fields[unread[0]].name}"
        raise ValueError(f"{held}: sparse and other tensors, and pickled objects, which are never loaded")
    return fields


def _read_parquet(path: Path) -> Fields:
    table = read_parquet(path, ("y", "id", "group"), ".parquet embeddings")
    absent = {"z", "y"}.difference(table.column_names)
    if absent:
        return dict.fromkeys(table.column_names)
    z, y = _matrix(table.column("z")), _values(table.column("y"))
    fields: Fields = {"z": z, "y": y, **_kept(table.schema.metadata or {})}
    if "id" in table.column_names:
        fields["ids"] = _values(table.column("id")).astype(str)
    if "group" in table.column_names:
        fields["groups"] = _values(table.column("group"))
    if "view" not in table.column_names:
        return fields
    if "ids" not in fields:
        raise ValueError("column view needs a column id, which tells the instances apart")
    views = _by_instance(z, y, fields["ids"], _values(table.column("view")))
    if "groups" in fields:
        views["groups"] = _by_instance(z, fields["groups"], fields["ids"], _values(table.column("view")))["y"]
    return fields | views


def _by_instance(z: np.ndarray, y: np.ndarray, ids: np.ndarray, view: np.ndarray) -> Fields:
    """Rows of one view each, gathered to (n, v, d) with instances in order of first appearance."""
    names, first, inverse = np.unique(ids, return_index=True, return_inverse=True)
    instance = np.argsort(np.argsort(first))[inverse]
    order = np.lexsort((view, instance))
    n = len(names)
    if np.ptp(np.bincount(instance)) or np.any(view[order].reshape(n, -1) != view[order][: len(order) // n]):
        raise ValueError("every id must have the same views, each once")
    labels = y[order].reshape(n, -1)
    if np.any(labels != labels[:, :1]):
        raise ValueError("the views of an id must have one label")
    return {"z": z[order].reshape(n, -1, z.shape[1]), "y": labels[:, 0], "ids": names[np.argsort(first)]}


def _matrix(column: pa.ChunkedArray) -> np.ndarray:
    """A column of equally long lists, as a matrix."""
    lengths = pc.unique(pc.list_value_length(column)).to_pylist()
    if len(lengths) != 1 or lengths[0] is None:
        raise ValueError("the lists in column z must have one length, and none may be missing")
    flat: np.ndarray = pc.list_flatten(column).to_numpy()
    return flat.reshape(len(column), lengths[0])


def _values(column: pa.ChunkedArray) -> np.ndarray:
    """A column of labels, without missing ones."""
    if column.null_count:
        raise ValueError("no value may be missing in columns y, view and id")
    codes = column.combine_chunks() if pa.types.is_dictionary(column.type) else column
    if isinstance(codes, pa.DictionaryArray):
        # Text as wide as the longest in every row: what a few bytes of codes may ask for is counted first.
        names = codes.dictionary.to_pylist()
        widest = max((len(str(name)) for name in names), default=0)
        if 4 * widest * len(codes) > budget(column.nbytes):
            raise ValueError(f"a text of {widest:,} characters in a column of {len(codes):,} rows")
        values = np.array(names)
        return values[codes.indices.to_numpy()] if len(names) else values
    return np.array(codes.to_pylist())


def _write_parquet(emb: EmbeddingSet, path: Path) -> None:
    flat = pa.array(emb.z.reshape(-1))
    columns = {
        "id": pa.array(np.repeat(emb.ids, emb.v)),
        "view": pa.array(np.tile(np.arange(emb.v), emb.n)),
        "y": pa.array(np.repeat(np.array(emb.classes)[emb.y], emb.v)),
        "z": pa.LargeListArray.from_arrays(np.arange(0, len(flat) + 1, emb.d), flat),
    }
    if emb.groups is not None:
        columns["group"] = pa.array(np.repeat(_group_of(emb), emb.v))
    kept = json.dumps({"classes": emb.classes, "meta": emb.meta})
    pq.write_table(pa.table(columns, metadata={"boundcheck": kept}), path)


def _kept(metadata: dict[bytes, bytes]) -> Fields:
    """Class names and meta, as they are kept beside the columns."""
    kept = parse_json(metadata.get(b"boundcheck", b"{}"))
    return {key: kept[key] for key in ("classes", "meta") if key in kept}


_KEYS = ("z", "y", "ids", "classes", "groups", "meta")
FORMATS: dict[str, tuple[Callable[[Path], Fields], Callable[[EmbeddingSet, Path], None]]] = {
    ".npz": (_read_npz, _write_npz),
    ".safetensors": (_read_safetensors, _write_safetensors),
    ".pt": (_read_pt, _write_pt),
    ".parquet": (_read_parquet, _write_parquet),
}
