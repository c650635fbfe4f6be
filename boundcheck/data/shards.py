"""webdataset shards: `.tar` files in which the members of one sample follow each other and share a name up to its first
dot.

A picture (`.jpg`, `.png`, ...) or `.txt`, and `.cls` (a code or a name) or `.json` with `label` and perhaps `group`.
Names of codes are the lines of `classnames.txt` beside the shards. Members are read one by one, never unpacked to disk.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from boundcheck.data.base import Samples
from boundcheck.data.pictures import SUFFIXES
from boundcheck.data.rows import is_whole, one_split, samples_of
from boundcheck.errors import InputError, unknown_name
from boundcheck.ingest import is_regular, open_regular, parse_json, read_regular, reading

_NAMES = "classnames.txt"
_LARGEST = 100 * 10**6  # bytes of one member


def is_shard_folder(root: Path) -> bool:
    """Whether a folder holds shards, or folders of them, one a split."""
    return any(root.glob("*.tar")) or any(root.glob("*/*.tar"))


def read_shards(path: Path, split: str) -> Samples:
    """The samples in a shard, or in those of one split: the folder of its name, else the files that begin with it.

    Args:
        path: a `.tar` file, or a folder.
        split: the part.

    Raises:
        FileError: a shard is damaged.
        InputError: there is no such split, or samples lack image, text or label.
    """
    if path.is_file():
        return _read([path], path.stem, one_split(str(path), split), path.parent)
    inside, here = sorted((path / split).glob("*.tar")), sorted(path.glob("*.tar"))
    named = [file for file in here if file.stem.startswith(split)]
    if inside or named:
        return _read(inside or named, path.resolve().name, split, path)
    if not here:
        raise unknown_name("split", split, sorted({file.parent.name for file in path.glob("*/*.tar")}))
    return _read(here, path.resolve().name, one_split(str(path), split), path)


def _read(files: Sequence[Path], name: str, split: str, folder: Path) -> Samples:
    rows = [row for file in files for row in _samples(file)]
    keys = ["__key__", *dict.fromkeys(key for row in rows for key in row if key != "__key__")]
    kept = {key: [row.get(key) for row in rows] for key in keys}
    for key in ("image", "text"):
        if key in kept and any(value is None for value in kept[key]):
            missing = next(row["__key__"] for row in rows if key not in row)
            raise InputError(f"dataset: every sample of '{name}' needs its {key}, '{missing}' has none; remove it")
    names = folder / _NAMES
    stated = {"label": _lines(names)} if is_regular(names) else {}
    return samples_of(name, split, kept, stated)


def _lines(path: Path) -> list[str]:
    content = read_regular(path, _LARGEST)
    with reading(path, "names of classes, one a line", "write it again"):
        return content.decode("utf-8").splitlines()


def _samples(file: Path) -> Iterator[dict[str, Any]]:
    """The samples of one shard, fields by the names of `rows`."""
    current: dict[str, Any] = {}
    with (
        open_regular(file) as (handle, size),
        reading(file, ".tar", "fetch it again"),
        tarfile.open(fileobj=handle, mode="r:") as archive,
    ):
        for member in archive:
            if not member.isfile() or Path(member.name).name.startswith("."):
                continue
            if member.issparse() or member.size > min(_LARGEST, size):
                raise ValueError(f"'{member.name}' has {member.size:,} bytes, more than are there or are read")
            member.name.encode("utf-8")  # fails where a name is not text
            folder, _, last = member.name.rpartition("/")
            stem, _, extension = last.partition(".")
            key = f"{folder}/{stem}" if folder else stem
            if current and current["__key__"] != key:
                yield current
                current = {}
            content = archive.extractfile(member)
            assert content is not None, "a file has a content"
            with reading(Path(f"{file}: '{member.name}'"), f".{extension}", "write it again"):
                field = _field(extension.lower(), content.read())
            current |= {"__key__": key} | field
    if current:
        yield current


def _field(extension: str, content: bytes) -> dict[str, Any]:
    """What one member says of its sample."""
    if f".{extension}" in SUFFIXES:
        return {"image": content}
    if extension in ("txt", "text"):
        return {"text": content.decode()}
    if extension == "cls":
        text = content.decode().strip()
        return {"label": int(text) if is_whole(text) else text}
    if extension == "json":
        fields = parse_json(content)
        return {key: fields[key] for key in ("label", "group", "text") if key in fields}
    return {}
