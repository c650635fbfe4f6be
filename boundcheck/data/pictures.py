"""Decoding picture files into one array."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from boundcheck.errors import FileError
from boundcheck.ingest import open_regular

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})
MOST_PIXELS = 1 << 24
_GREY, _COLOUR = {"1", "L", "LA"}, {"P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV"}


class Encoded(io.BytesIO):
    """A picture file in memory, with a name for messages."""

    def __init__(self, content: bytes, name: str) -> None:
        super().__init__(content)
        self.label = name

    def __str__(self) -> str:
        return self.label


def read_pictures(paths: Sequence[Path | Encoded]) -> np.ndarray:
    """Pictures of one size, transparency dropped.

    Args:
        paths: the files, or their contents, at least one.

    Returns:
        (n, ch, h, w) uint8; ch is 1 when every picture is grey, else 3.

    Raises:
        FileError: a file is damaged, has more than 8 bits a channel, or differs in size from the first.
    """
    heads = [_head(path) for path in paths]
    (width, height), _ = heads[0]
    if width * height > MOST_PIXELS:
        raise FileError(
            f"{paths[0]}: must have at most {MOST_PIXELS:,} pixels, received {width}x{height}; make it smaller"
        )
    for path, (size, mode) in zip(paths, heads, strict=True):
        if size != (width, height):
            received = f"{path} is {size[0]}x{size[1]}"
            raise FileError(f"images must share one size: {paths[0]} is {width}x{height}, {received}; resize them")
        if mode not in _GREY | _COLOUR:
            raise FileError(f"{path}: pictures must have 8 bits a channel, received mode {mode}; convert it")
    target = "L" if all(mode in _GREY for _, mode in heads) else "RGB"
    pixels = np.empty((len(paths), height, width, len(target)), dtype=np.uint8)
    for i, path in enumerate(paths):
        pixels[i] = _decode(path, target).reshape(height, width, len(target))
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))


def _head(path: Path | Encoded) -> tuple[tuple[int, int], str]:
    """Size (width, height) and mode, without decoding."""
    if isinstance(path, Path):
        with open_regular(path):
            pass  # a pipe would be waited for
    try:
        with Image.open(path) as picture:
            return picture.size, picture.mode
    except Exception as error:  # a damaged picture can fail anywhere inside its decoder
        raise _damaged(path, error) from error


def _decode(path: Path | Encoded, mode: str) -> np.ndarray:
    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert(mode))
    except Exception as error:
        raise _damaged(path, error) from error


def _damaged(path: Path | Encoded, error: Exception) -> FileError:
    return FileError(f"{path}: not a picture, or a damaged one ({error}); replace or remove it")
