"""What every data source shares: `ImageSet` and `TextSet` (samples), `Remote` (a file on the web), `Source` (a set)."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pooch
from jaxtyping import Int, UInt8

Progress: TypeAlias = Callable[[int, int, str], None]
"""Called with the work done, the total and its unit."""


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Labelled images of one split, kept as bytes.

    Attributes:
        name: the data set.
        split: the part of it, such as "train" or "test".
        images: (n, ch, h, w), uint8 in 0..255; ch is 1 (grey) or 3 (red, green, blue).
        labels: (n,), codes into `classes`.
        classes: class names in code order.
        ids: (n,), a distinct name per image.
        groups: (n,), name of every image's super-class; None where there are none.
    """

    name: str
    split: str
    images: UInt8[np.ndarray, "n ch h w"]
    labels: Int[np.ndarray, " n"]
    classes: tuple[str, ...]
    ids: np.ndarray
    groups: np.ndarray | None = None

    def __post_init__(self) -> None:
        assert self.images.ndim == 4 and self.images.dtype == np.uint8, "images must be (n, ch, h, w) uint8"
        assert len(self.images) == len(self.labels) == len(self.ids), "one label and one id per image"

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        n, channels, height, width = self.images.shape
        size = f"{n:,} images of {channels}x{height}x{width}"
        return f"ImageSet({self.name!r}, {self.split!r}: {size}, {len(self.classes)} classes)"

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over images, shape, labels and class names."""
        sha = hashlib.sha256(repr((self.images.shape, self.classes)).encode())
        sha.update(np.ascontiguousarray(self.images).data)
        sha.update(np.ascontiguousarray(self.labels, dtype="<i8").data)
        if self.groups is not None:
            sha.update(repr(self.groups.tolist()).encode())
        return sha.hexdigest()

    def subset(self, index: np.ndarray | slice | list[int]) -> ImageSet:
        """The images at `index` (positions, a mask or a slice), with the classes unchanged."""
        chosen = index if isinstance(index, slice) else np.asarray(index)
        groups = None if self.groups is None else self.groups[chosen]
        images, labels, ids = self.images[chosen], self.labels[chosen], self.ids[chosen]
        return ImageSet(self.name, self.split, images, labels, self.classes, ids, groups)


@dataclass(frozen=True, eq=False)
class TextSet:
    """Labelled texts of one split.

    Attributes:
        name: the data set.
        split: the part of it; "all" where there are no parts.
        texts: n of them.
        labels: (n,), codes into `classes`.
        classes: class names in code order.
        ids: (n,), a distinct name per text.
        groups: (n,), name of every text's super-class; None where there are none.
    """

    name: str
    split: str
    texts: tuple[str, ...]
    labels: Int[np.ndarray, " n"]
    classes: tuple[str, ...]
    ids: np.ndarray
    groups: np.ndarray | None = None

    def __post_init__(self) -> None:
        assert len(self.texts) == len(self.labels) == len(self.ids), "one label and one id per text"

    def __len__(self) -> int:
        return len(self.texts)

    def __repr__(self) -> str:
        return f"TextSet({self.name!r}, {self.split!r}: {len(self):,} texts, {len(self.classes)} classes)"

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over texts, labels, class names and super-classes."""
        groups = None if self.groups is None else self.groups.tolist()
        content = [self.texts, self.labels.tolist(), self.classes, groups]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    def subset(self, index: np.ndarray | list[int]) -> TextSet:
        """The texts at `index` (positions or a mask), with the classes unchanged."""
        chosen = np.arange(len(self))[np.asarray(index)]
        texts = tuple(self.texts[i] for i in chosen)
        groups = None if self.groups is None else self.groups[chosen]
        return TextSet(self.name, self.split, texts, self.labels[chosen], self.classes, self.ids[chosen], groups)


Samples: TypeAlias = ImageSet | TextSet
"""What an encoder encodes."""


@dataclass(frozen=True)
class Remote:
    """One file on the web.

    Attributes:
        url: where it is.
        filename: its name on disk.
        hash: "sha256:..." of the file.
        content_hash: the same of what the file unpacks to, for files packed anew or unpacked.
    """

    url: str
    filename: str
    hash: str
    content_hash: str | None = None


@dataclass(frozen=True)
class Source:
    """A data set: where its files may be, and how to read a split of them.

    Attributes:
        name: its name on the command line.
        splits: the splits that can be loaded.
        read: (source, split, places) -> ImageSet.
        remotes: its files. A source with `folders` needs any one of them, and downloads the first; a source
            without needs them all.
        folders: names of the unpacked folder, in order of preference.
        aliases: folders that other tools keep the files in, below a data directory.
        system_dirs: where operating systems put the files.
        refused: splits that exist but cannot be used, each with the reason and the remedy.
    """

    name: str
    splits: tuple[str, ...]
    read: Callable[[Source, str, Places], ImageSet]
    remotes: tuple[Remote, ...] = ()
    folders: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    system_dirs: tuple[Path, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Places:
    """Where the files of one source are looked for, and where a download goes.

    Attributes:
        search: folders in order of preference.
        home: the folder that downloads and unpacked archives go to.
        download: whether a missing file may be fetched.
        progress: told of bytes fetched, if given.
    """

    search: tuple[Path, ...]
    home: Path
    download: bool = True
    progress: Progress | None = None


def places_for(
    source: Source, data_dir: Path | None, download: bool = True, progress: Progress | None = None
) -> Places:
    """Folders to look in: `data_dir`, the operating system's, then $BOUNDCHECK_DATA or the user's cache."""
    cache = user_cache()
    below = (source.name, *source.aliases, ".")
    given = () if data_dir is None else tuple(data_dir / name for name in below)
    search = (*given, *source.system_dirs, *(cache / name for name in below))
    return Places(search, (data_dir or cache) / source.name, download, progress)


def user_cache() -> Path:
    """Where downloads and what is made from them are kept: $BOUNDCHECK_DATA, else the user's cache folder."""
    return Path(os.environ.get("BOUNDCHECK_DATA") or pooch.os_cache("boundcheck"))


def numbered_ids(split: str, n: int) -> np.ndarray:
    """Names for images that have none of their own: "test-00000", "test-00001", ..."""
    return np.array([f"{split}-{i:05d}" for i in range(n)])
