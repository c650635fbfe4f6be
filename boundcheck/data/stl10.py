"""STL-10 (Coates, Lee, Ng 2011): colour 96x96 photographs, 5,000 to train on and 8,000 to test on."""

from __future__ import annotations

import numpy as np

from boundcheck.data.base import ImageSet, Places, Remote, Source, numbered_ids
from boundcheck.data.fetch import find_folder, read_member
from boundcheck.errors import FileError

_PIXELS = 3 * 96 * 96
_LARGEST = 1 << 28  # bytes; the 8,000 test images have 2.2e8


def read(source: Source, split: str, places: Places) -> ImageSet:
    """One labelled split of the binary archive; the 2.7 GB of unlabelled images are never unpacked."""
    folder = find_folder(source, places, wanted=lambda name: "unlabeled" not in name)
    pixels = np.frombuffer(read_member(folder, f"{split}_X.bin", _LARGEST), np.uint8)
    labels = np.frombuffer(read_member(folder, f"{split}_y.bin", 1 << 20), np.uint8).astype(np.int64) - 1  # 1..10
    classes = tuple(read_member(folder, "class_names.txt", 1 << 16).decode(errors="replace").split())
    if len(set(classes)) != 10 or len(classes) != 10 or not all(name.isascii() for name in classes):
        raise FileError(
            f"{folder}/class_names.txt: must name 10 classes, received {len(set(classes))}; unpack it again"
        )
    if pixels.size == 0 or pixels.size != len(labels) * _PIXELS:
        raise FileError(f"{folder}/{split}_X.bin: truncated, {pixels.size} bytes for {len(labels)} images of {_PIXELS}")
    if labels.min() < 0 or labels.max() >= len(classes):
        raise FileError(f"{folder}/{split}_y.bin: a label is beyond the {len(classes)} classes; fetch it again")
    # each channel is stored column by column
    images = np.ascontiguousarray(pixels.reshape(-1, 3, 96, 96).swapaxes(2, 3))
    return ImageSet(source.name, split, images, labels, classes, numbered_ids(split, len(labels)))


SOURCE = Source(
    "stl10",
    ("train", "test"),
    read,
    remotes=(
        Remote(
            "https://cs.stanford.edu/~acoates/stl10/stl10_binary.tar.gz",
            "stl10_binary.tar.gz",
            "sha256:f31fd99273a1acb8609c8db427cebb1de3f71de77758cdc0e22956e1289b9866",
        ),
    ),
    folders=("stl10_binary",),
    refused={"unlabeled": "its images have no labels, and every claim needs classes; use train or test"},
)
