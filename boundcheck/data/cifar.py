"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009): colour 32x32 photographs, as binary or pickled batches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from boundcheck.data.base import ImageSet, Places, Remote, Source, numbered_ids
from boundcheck.data.fetch import find_folder, read_member, sums_of
from boundcheck.data.pickles import read_batch
from boundcheck.errors import FileError

_URL = "https://www.cs.toronto.edu/~kriz/"
_PIXELS = 3 * 32 * 32
_LARGEST = 1 << 28  # bytes; the training file of CIFAR-100 has 1.5e8


def read(source: Source, split: str, places: Places) -> ImageSet:
    """One split, from whichever layout is there; CIFAR-100 with its 100 fine labels."""
    folder = find_folder(source, places)
    fine = source.name == "cifar100"
    parts, classes = _read_python(folder, split, fine) if folder.name in _PYTHON else _read_binary(folder, split, fine)
    due = 100 if fine else 10
    if len(classes) != due or len(set(classes)) != due or not all(name.isascii() for name in classes):
        raise FileError(f"{folder}: must name {due} classes, received {len(set(classes))}; unpack the archive again")
    images = np.concatenate([pixels for pixels, _ in parts]).reshape(-1, 3, 32, 32)
    labels = np.concatenate([labels for _, labels in parts]).astype(np.int64)
    if labels.min(initial=0) < 0 or labels.max(initial=0) >= len(classes):
        raise FileError(f"{folder}: label {labels.max()} is beyond the {len(classes)} classes; fetch it again")
    return ImageSet(source.name, split, images, labels, classes, numbered_ids(split, len(labels)))


Part = tuple[np.ndarray, np.ndarray]
"""Pixels (n, 3072) uint8 and labels (n,)."""

_PYTHON = ("cifar-10-batches-py", "cifar-100-python")


def _batches(folder: Path, stem: str, suffix: str) -> list[Path]:
    paths = [folder / f"{stem}_{i}{suffix}" for i in range(1, 6)]
    missing = next((path for path in paths if not path.is_file()), None)
    if missing:
        raise FileError(f"{missing}: missing; delete the folder and unpack the archive again")
    return paths


def _read_binary(folder: Path, split: str, fine: bool) -> tuple[list[Part], tuple[str, ...]]:
    """Records of one label byte (CIFAR-100: coarse, then fine) and 3,072 pixels."""
    if fine:
        paths, names = [folder / f"{split}.bin"], folder / "fine_label_names.txt"
    else:
        paths = _batches(folder, "data_batch", ".bin") if split == "train" else [folder / "test_batch.bin"]
        names = folder / "batches.meta.txt"
    heads = 2 if fine else 1
    parts = []
    for path in paths:
        content = np.frombuffer(read_member(folder, path.name, _LARGEST), np.uint8)
        if content.size == 0 or content.size % (heads + _PIXELS):
            raise FileError(f"{path}: truncated, {content.size} bytes are not records of {heads + _PIXELS}")
        records = content.reshape(-1, heads + _PIXELS)
        parts.append((records[:, heads:], records[:, heads - 1]))
    return parts, tuple(read_member(folder, names.name, 1 << 16).decode(errors="replace").split())


def _read_python(folder: Path, split: str, fine: bool) -> tuple[list[Part], tuple[str, ...]]:
    """Pickled dicts with `data` and `labels` (CIFAR-100: `fine_labels`)."""
    if fine:
        paths, meta, label_key, name_key = (
            [folder / split],
            folder / "meta",
            "fine_labels",
            "fine_label_names",
        )
    else:
        paths = _batches(folder, "data_batch", "") if split == "train" else [folder / "test_batch"]
        meta, label_key, name_key = folder / "batches.meta", "labels", "label_names"
    sums = sums_of(folder)
    parts = [_checked_part(path, read_batch(path, sums.get(path.name)), label_key) for path in paths]
    names = read_batch(meta, sums.get(meta.name)).get(name_key, [])
    if not isinstance(names, list):
        raise FileError(f"{meta}: '{name_key}' must be a list of names; fetch it again")
    return parts, tuple(name.decode(errors="replace") if isinstance(name, bytes) else str(name) for name in names)


def _checked_part(path: Path, batch: dict[str, Any], label_key: str) -> Part:
    pixels, labels = batch.get("data"), _numbers(batch.get(label_key))
    if not (isinstance(pixels, np.ndarray) and pixels.dtype == np.uint8 and pixels.shape[1:] == (_PIXELS,)):
        raise FileError(f"{path}: 'data' must be bytes of shape (n, {_PIXELS}); fetch it again")
    if labels.shape != (len(pixels),) or labels.dtype.kind not in "iu":
        raise FileError(f"{path}: '{label_key}' must be {len(pixels)} integers; fetch it again")
    return pixels, labels


def _numbers(labels: object) -> np.ndarray:
    """Labels as numbers, where they are a list of small ones; else an array that is none."""
    plain = isinstance(labels, list) and all(type(label) is int and abs(label) < 1000 for label in labels)
    return np.array(labels, dtype=np.int64) if plain else np.array(None)


def _source(name: str, folders: tuple[str, str], binary: tuple[str, str], python: tuple[str, str]) -> Source:
    remotes = tuple(Remote(_URL + filename, filename, f"sha256:{sha256}") for filename, sha256 in (binary, python))
    return Source(name, ("train", "test"), read, remotes, folders)


CIFAR10 = _source(
    "cifar10",
    ("cifar-10-batches-bin", "cifar-10-batches-py"),
    ("cifar-10-binary.tar.gz", "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"),
    ("cifar-10-python.tar.gz", "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"),
)
CIFAR100 = _source(
    "cifar100",
    ("cifar-100-binary", "cifar-100-python"),
    ("cifar-100-binary.tar.gz", "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec"),
    ("cifar-100-python.tar.gz", "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7"),
)
