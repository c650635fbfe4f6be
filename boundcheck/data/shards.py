"""webdataset shards: `.tar` files in which the members of one sample follow each other and share a name up to its first
dot.

A picture (`.jpg`, `.png`, ...) or `.txt`, and `.cls` (a code or a name) or `.json` with `label` and perhaps `group`.
Names of codes are the lines of `classnames.txt` beside the shards. Members are read one by one, never unpacked to disk.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from boundcheck.data.base import Samples
from boundcheck.data.pictures import SUFFIXES
from boundcheck.data.rows import one_split, samples_of
from boundcheck.errors import FileError, InputError, unknown_name

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
    stated = {"label": names.read_text(encoding="utf-8").splitlines()} if names.is_file() else {}
    return samples_of(name, split, kept, stated)


def _samples(file: Path) -> Iterator[dict[str, Any]]:
    """The samples of one shard, fields by the names of `rows`."""
    current: dict[str, Any] = {}
    try:
        with tarfile.open(file) as archive:
            for member in archive:
                if not member.isfile() or Path(member.name).name.startswith("."):
                    continue
                if member.size > _LARGEST:
                    raise FileError(f"{file}: '{member.name}' has {member.size:,} bytes, at most {_LARGEST:,} are read")
                folder, _, last = member.name.rpartition("/")
                stem, _, extension = last.partition(".")
                key = f"{folder}/{stem}" if folder else stem
                if current and current["__key__"] != key:
                    yield current
                    current = {}
                content = archive.extractfile(member)
                assert content is not None, "a file has a content"
                current |= {"__key__": key} | _field(extension.lower(), content.read(), f"{file}: '{member.name}'")
    except (tarfile.TarError, OSError, EOFError) as error:
        raise FileError(f"{file}: cannot be read as .tar ({error}); fetch it again") from error
    if current:
        yield current


def _field(extension: str, content: bytes, where: str) -> dict[str, Any]:
    """What one member says of its sample."""
    if f".{extension}" in SUFFIXES:
        return {"image": content}
    try:
        if extension in ("txt", "text"):
            return {"text": content.decode()}
        if extension == "cls":
            text = content.decode().strip()
            return {"label": int(text) if text.isdigit() else text}
        if extension == "json":
            fields = json.loads(content)
            return {key: fields[key] for key in ("label", "group", "text") if key in fields}
    except (ValueError, TypeError) as error:
        raise FileError(f"{where} cannot be read ({error}); write it again") from error
    return {}
