"""Tiny ImageNet (Stanford CS231n): 200 classes of colour 64x64 photographs, 550 each."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from boundcheck.data.base import ImageSet, Places, Remote, Source
from boundcheck.data.fetch import find_folder
from boundcheck.data.pictures import read_pictures
from boundcheck.errors import FileError
from boundcheck.ingest import read_regular


def read(source: Source, split: str, places: Places) -> ImageSet:
    """One split of the layout `train/WNID/images/*.JPEG`, or `val/images` with `val_annotations.txt`."""
    folder = find_folder(source, places, wanted=lambda name: "/test/" not in name)
    wnids = sorted(_text(folder / "wnids.txt").split())
    code = {wnid: i for i, wnid in enumerate(wnids)}
    if split == "train":
        _must_match(wnids, folder / "wnids.txt", folder / "train")
        paths = [path for wnid in wnids for path in sorted((folder / "train" / wnid / "images").glob("*.JPEG"))]
        labels = [code[path.parent.parent.name] for path in paths]
    else:
        listing, images = folder / "val" / "val_annotations.txt", folder / "val" / "images"
        rows = [line.split("\t")[:2] for line in _text(listing).splitlines()]
        unknown = next((row for row in rows if len(row) < 2 or row[1] not in code), None)
        if unknown:
            raise FileError(f"{listing}: no class of wnids.txt in line '{' '.join(unknown)}'; unpack it again")
        _must_match([name for name, _ in rows], listing, images)
        paths = [images / name for name, _ in rows]
        labels = [code[wnid] for _, wnid in rows]
    if not paths:
        raise FileError(f"{folder}: no images of split {split}; delete the folder and unpack the archive again")
    ids = np.array([path.relative_to(folder).as_posix() for path in paths])
    classes = _class_names(folder, wnids)
    return ImageSet(source.name, split, read_pictures(paths), np.array(labels, dtype=np.int64), classes, ids)


def _must_match(listed: list[str], listing: Path, folder: Path) -> None:
    """Refuses a folder whose entries are not those listed, as half an unpacked archive has."""
    found = {path.name for path in folder.glob("*") if not path.name.startswith(".")}
    odd = sorted(found.symmetric_difference(listed))
    if odd:
        where = "listed but missing" if odd[0] in listed else "there but not listed"
        raise FileError(f"{folder / odd[0]}: {where} in {listing.name}; delete the folder and unpack it again")


def _class_names(folder: Path, wnids: list[str]) -> tuple[str, ...]:
    """The first word of each class in words.txt; the WordNet id is added where two classes share a word."""
    rows = (line.partition("\t") for line in _text(folder / "words.txt").splitlines())
    words = {wnid: text.split(",")[0].strip() for wnid, _, text in rows}
    names = [words.get(wnid) or wnid for wnid in wnids]
    times = Counter(names)
    return tuple(name if times[name] == 1 else f"{name} ({wnid})" for name, wnid in zip(names, wnids, strict=True))


def _text(path: Path) -> str:
    return read_regular(path, 1 << 26).decode(errors="replace")


SOURCE = Source(
    "tiny_imagenet",
    ("train", "val"),
    read,
    remotes=(
        Remote(
            "https://cs231n.stanford.edu/tiny-imagenet-200.zip",
            "tiny-imagenet-200.zip",
            "sha256:6198c8ae015e2b3e007c7841da39ec069199b9aa3bfa943a462022fe5e43c821",
        ),
    ),
    folders=("tiny-imagenet-200",),
    refused={"test": "its labels were never published; use val"},
)
