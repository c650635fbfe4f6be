"""Any folder of pictures laid out as `split/class/*.png`, or as `class/*.png` where there are no splits."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from boundcheck.data.base import ImageSet
from boundcheck.data.pictures import SUFFIXES, read_pictures
from boundcheck.data.rows import one_split
from boundcheck.errors import InputError, unknown_name


def read_folder(root: Path, split: str) -> ImageSet:
    """The pictures below `root/split`, one folder per class, classes in alphabetical order.

    A folder of classes without splits (torchvision's `ImageFolder`) is one part, "all".

    Args:
        root: the folder that holds the splits.
        split: one of its folders.

    Raises:
        InputError: no such split, or fewer than two classes with pictures.
        FileError: a picture is damaged, or differs in size.
    """
    splits = _folders(root)
    if not splits:
        raise InputError(f"dataset: {root} must be laid out split/class/*.png, and has no folders in it")
    if _holds_classes(splits) and split not in [path.name for path in splits]:
        split, place = one_split(str(root), split), root
    else:
        place = root / split
    if not place.is_dir():
        raise unknown_name("split", split, [path.name for path in splits])
    pictures = {path.name: _pictures(path) for path in _folders(place)}
    classes = tuple(name for name, paths in pictures.items() if paths)
    if len(classes) < 2:
        layout = f"{place} must hold at least 2 class folders with pictures ({', '.join(sorted(SUFFIXES))})"
        raise InputError(f"dataset: {layout}, and holds {len(classes)}; lay it out split/class/*.png")
    paths = [path for name in classes for path in pictures[name]]
    labels = np.repeat(np.arange(len(classes)), [len(pictures[name]) for name in classes])
    ids = np.array([path.relative_to(root).as_posix() for path in paths])
    return ImageSet(root.resolve().name, split, read_pictures(paths), labels, classes, ids)


def _holds_classes(folders: list[Path]) -> bool:
    """Whether folders are classes rather than splits: they have pictures directly in them."""
    return any(file.suffix.lower() in SUFFIXES for folder in folders for file in folder.iterdir() if file.is_file())


def _folders(path: Path) -> list[Path]:
    return sorted(entry for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _pictures(path: Path) -> list[Path]:
    files = (file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES)
    return sorted(file for file in files if not file.name.startswith("."))
