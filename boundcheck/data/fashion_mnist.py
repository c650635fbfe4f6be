"""Fashion-MNIST (Xiao, Rasul, Vollgraf 2017, arXiv 1708.07747): 70,000 grey 28x28 pictures of clothes."""

from __future__ import annotations

import struct
from math import prod
from pathlib import Path

import numpy as np

from boundcheck.data.base import ImageSet, Places, Remote, Source, numbered_ids
from boundcheck.data.fetch import find_file, verify_content
from boundcheck.errors import FileError
from boundcheck.ingest import budget, read_regular
from boundcheck.ingest.regular import gunzipped

CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
_URL = "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/"
LARGEST_FILE = 1 << 28  # bytes; the training images have 4.7e7
_PREFIX = {"train": "train", "test": "t10k"}


def read(source: Source, split: str, places: Places) -> ImageSet:
    """One split, from its file of images and its file of labels."""
    arrays = []
    for kind, dimensions in (("images-idx3", 3), ("labels-idx1", 1)):
        remote = next(r for r in source.remotes if r.filename.startswith(f"{_PREFIX[split]}-{kind}"))
        arrays.append(read_idx(find_file(source, remote, places), dimensions, remote))
    images, labels = arrays
    if len(images) != len(labels):
        raise FileError(f"{source.name}: {len(images)} images but {len(labels)} labels; fetch both files again")
    if labels.max(initial=0) >= len(CLASSES):
        raise FileError(f"{source.name}: label {labels.max()} is beyond the {len(CLASSES)} classes; fetch it again")
    ids = numbered_ids(split, len(labels))
    return ImageSet(source.name, split, images[:, None], labels.astype(np.int64), CLASSES, ids)


def read_idx(path: Path, dimensions: int, remote: Remote | None = None) -> np.ndarray:
    """An IDX file of bytes, gzipped or not.

    Args:
        path: the file.
        dimensions: how many axes it must have.
        remote: where it comes from; its `content_hash` is checked if it has one.

    Returns:
        uint8 array with the shape the header states.

    Raises:
        FileError: truncated, corrupt, or not such a file.
    """
    content = read_regular(path, LARGEST_FILE)
    if content[:2] == b"\x1f\x8b":
        try:
            content = gunzipped(content, budget(len(content)))
        except ValueError as error:
            raise FileError(f"{path}: truncated or corrupt gzip file ({error}); delete it, fetch it again") from error
    header = 4 + 4 * dimensions
    # IDX: two zero bytes, the type (8 is unsigned byte), the number of axes, their sizes as big-endian uint32
    if len(content) < header or content[:4] != bytes((0, 0, 8, dimensions)):
        start = content[:4].hex(" ") or "nothing"
        raise FileError(f"{path}: not an IDX file of bytes with {dimensions} axes, it starts with {start}")
    shape = struct.unpack(f">{dimensions}I", content[4:header])
    if len(content) - header != prod(shape):
        received = len(content) - header
        raise FileError(f"{path}: truncated or corrupt, {received} bytes of data where {prod(shape)} are due")
    if remote is not None:
        verify_content(content, remote, path)
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape).copy()


def _remote(name: str, sha256: str, content_sha256: str) -> Remote:
    filename = f"{name}-ubyte.gz"
    return Remote(_URL + filename, filename, f"sha256:{sha256}", f"sha256:{content_sha256}")


# Debian packs the same bytes anew, so what tells a good file is the hash of the content.
SOURCE = Source(
    "fashion_mnist",
    ("train", "test"),
    read,
    remotes=(
        _remote(
            "train-images-idx3",
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        ),
        _remote(
            "train-labels-idx1",
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        ),
        _remote(
            "t10k-images-idx3",
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        ),
        _remote(
            "t10k-labels-idx1",
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    ),
    aliases=("FashionMNIST/raw",),
    system_dirs=(Path("/usr/share/datasets/fashion-mnist"),),
)
