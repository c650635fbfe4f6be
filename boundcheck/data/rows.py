"""From rows of fields, as files of many kinds hold them, to labelled images or texts.

Fields are found by the names in use: `image` or `text`, `label`, a super-class `group`, an `id`. Class names are the
data's own: names that the file keeps beside its codes, else the labels themselves.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from boundcheck.data.base import ImageSet, Samples, TextSet, numbered_ids
from boundcheck.data.pictures import Encoded, read_pictures
from boundcheck.embeddings.set import UNLABELLED
from boundcheck.errors import FileError, InputError

NAMES: dict[str, tuple[str, ...]] = {
    "image": ("image", "img", "png", "jpg", "jpeg", "webp"),
    "text": ("text", "sentence", "content", "document"),
    "label": ("label", "labels", "fine_label", "class", "target", "y", "cls"),
    "group": ("group", "groups", "coarse_label", "superclass", "super_class"),
    "id": ("id", "ids", "__key__"),
}

Columns = Mapping[str, Sequence[Any]]


def samples_of(name: str, split: str, columns: Columns, names_of: Mapping[str, Sequence[str]] | None = None) -> Samples:
    """Columns of one data set as images or texts; images without a label are of the one class `UNLABELLED`.

    Args:
        name: of the data set.
        split: its part.
        columns: equally long, by name. An image is bytes of a picture file, a mapping with `bytes`, or a PIL image; a
            label is a string or a whole number.
        names_of: column -> names in code order, where codes stand for them.

    Returns:
        An `ImageSet` or a `TextSet`.

    Raises:
        InputError: there is neither image nor text, no label, or several labels of one row.
    """
    names_of = names_of or {}
    found = {kind: next((key for key in keys if key in columns), None) for kind, keys in NAMES.items()}
    source = found["image"] or found["text"]
    if source is None:
        have = ", ".join(columns) or "nothing"
        raise InputError(f"dataset: '{name}' needs a column image or text, has {have}; rename the column")
    if found["label"] is None and found["image"] is None:
        have = ", ".join(columns)
        raise InputError(
            f"dataset: '{name}' needs a column label, one class for each row, has {have}; rename or add it: without "
            "labels positives are views of an instance, and texts have one"
        )
    n = len(columns[source])
    if n == 0:
        raise InputError(f"dataset: '{name}' has no rows in split '{split}'; name another file or split")
    stated = names_of.get(found["label"] or "")
    values = [UNLABELLED] * n if found["label"] is None else _names(name, columns[found["label"]], stated)
    classes = tuple(stated) if stated else tuple(_ordered(set(values)))
    place = {value: code for code, value in enumerate(classes)}
    labels = np.array([place[value] for value in values], dtype=np.int64)
    groups = None
    if found["group"] is not None:
        groups = np.array(_names(name, columns[found["group"]], names_of.get(found["group"])))
    ids = np.array([str(value) for value in columns[found["id"]]]) if found["id"] else numbered_ids(split, n)
    if found["image"] is None:
        texts = tuple(str(value) for value in columns[source])
        return TextSet(name, split, texts, labels, classes, ids, groups)
    pictures = read_pictures([_encoded(value, f"{name}, image {i}") for i, value in enumerate(columns[source])])
    return ImageSet(name, split, pictures, labels, classes, ids, groups)


def one_split(name: str, split: str) -> str:
    """The part of a data set that has no parts: "all", which the default "test" stands for as well.

    Raises:
        InputError: another part is asked for.
    """
    if split not in ("test", "all"):
        raise InputError(f"split: '{name}' is one part, received '{split}'; leave --split out")
    return "all"


def _names(name: str, values: Sequence[Any], stated: Sequence[str] | None) -> list[str]:
    """Every row's label as a name."""
    out, known = [], frozenset(stated or ())
    for row, value in enumerate(values):
        if isinstance(value, (list, tuple, set, np.ndarray)):
            raise InputError(
                f"dataset: '{name}' has several labels in row {row} (multi-label), and the losses compare classes of "
                "one label each; keep one label column, or make a class of every combination, '+'.join(sorted(labels))"
            )
        if value is None or (isinstance(value, float) and value != value):
            raise InputError(f"dataset: '{name}' has no label in row {row}; remove the row or name its class")
        if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
            if stated is not None and str(value) not in known:
                raise FileError(
                    f"dataset: '{name}' names {len(stated)} classes, received {value!r} in row {row}; fix it"
                )
            out.append(str(value))
        elif stated is None:
            out.append(str(int(value)))
        elif 0 <= int(value) < len(stated):
            out.append(str(stated[int(value)]))
        else:
            raise FileError(
                f"dataset: '{name}' names {len(stated)} classes, received label {value} in row {row}; fix it"
            )
    return out


def is_whole(text: str) -> bool:
    """Whether a text is a whole number in ASCII, of a length that is read as one."""
    return re.fullmatch(r"-?[0-9]{1,4000}", text) is not None


def _ordered(values: set[str]) -> list[str]:
    """Names in order; numbers by value."""
    return sorted(values, key=int) if all(map(is_whole, values)) else sorted(values)


def _encoded(value: Any, where: str) -> Encoded:
    """A picture's bytes, named for messages."""
    if isinstance(value, Mapping):
        value = value.get("bytes")
    if isinstance(value, (bytes, bytearray, memoryview)):
        return Encoded(bytes(value), where)
    if hasattr(value, "save"):  # a PIL image
        content = io.BytesIO()
        value.save(content, "PNG")
        return Encoded(content.getvalue(), where)
    raise InputError(f"dataset: {where} must be the bytes of a picture, received a {type(value).__name__}; embed them")
