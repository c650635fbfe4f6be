"""What an embedding set is given, as checked arrays: embeddings, labels, ids, notes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import torch

from boundcheck.errors import InputError

_LEAST = 1e-290  # norms beyond it, and its inverse, are not divided by
ROWS = 1 << 10  # instances normalised at a time, whose float64 copies stay in a cache


def as_array(values: Any, parameter: str) -> np.ndarray:
    """An array of what may be a list, an array or a dense tensor, with its values on the CPU."""
    if hasattr(values, "toarray"):
        raise InputError(
            f"{parameter}: expected a dense array, received a sparse {type(values).__name__}; convert it with "
            f"{parameter}.toarray(), or reduce its dimension first"
        )
    if isinstance(values, torch.Tensor) and values.layout is not torch.strided:
        raise InputError(
            f"{parameter}: expected a dense tensor, received one of layout {values.layout}; convert it with "
            f"{parameter}.to_dense()"
        )
    if isinstance(values, torch.Tensor):
        if values.is_quantized or values.is_meta or values.is_nested:
            raise InputError(f"{parameter}: expected a dense tensor with its values, received another kind; convert it")
        values = values.detach().cpu()
        wide = values.dtype.is_floating_point and values.dtype not in (torch.float16, torch.float32, torch.float64)
        array: np.ndarray = (values.float() if wide else values).resolve_conj().resolve_neg().numpy()
        return array
    try:
        return np.asarray(values)
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(f"{parameter}: expected a rectangular array, received rows of different length") from error


def as_embeddings(z: Any, copy: bool = True) -> np.ndarray:
    """An (n, v, d) array of finite, non-zero rows in float32 or float64; fresh, if a copy is asked for."""
    array = as_array(z, "z")
    if array.dtype.kind != "f":
        raise InputError(f"z: expected floats, received {array.dtype}; convert it with z.astype('float32')")
    if array.ndim not in (2, 3):
        raise InputError(f"z: expected shape (n, d) or (n, v, d), received {array.shape}; reshape it")
    if array.size == 0:
        raise InputError(f"z: expected at least one row and one column, received {array.shape}; it is empty")
    precision = np.float64 if array.dtype.itemsize >= 8 else np.float32
    views = array[:, None, :] if array.ndim == 2 else array
    fresh = copy or not array.flags.writeable
    result = np.array(views, precision, order="C") if fresh else np.ascontiguousarray(views, precision)  # (n, v, d)
    blocks = [result[start : start + ROWS] for start in range(0, len(result), ROWS)]
    _refuse_rows(np.concatenate([~np.isfinite(block).all(axis=2) for block in blocks]), "finite", "NaN or inf")
    _refuse_rows(np.concatenate([~block.any(axis=2) for block in blocks]), "non-zero", "all zeros")
    return result


def _refuse_rows(bad: np.ndarray, rule: str, received: str) -> None:
    """Raises for rows marked in `bad`, (n, v), naming the first and how many there are."""
    if bad.any():
        instance, view = np.argwhere(bad)[0]
        where = f"instance {instance}" + (f", view {view}" if bad.shape[1] > 1 else "")
        total = f"{bad.sum():,} of {bad.size:,} rows"
        raise InputError(f"z: rows must be {rule}, received {received} in {total}, first at {where}; remove them")


def row_norms(z: np.ndarray) -> np.ndarray:
    """Row norms (n, v) in float64, safe where squares would overflow or underflow."""
    norms = np.empty(z.shape[:2])
    for start in range(0, len(z), ROWS):
        peak, rest = _scaled(z[start : start + ROWS])
        with np.errstate(over="ignore"):  # a norm may exceed the largest number though no entry does
            norms[start : start + ROWS] = peak * np.linalg.norm(rest, axis=2)
    return norms


def _scaled(block: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows as their largest entry (n, v) times rows of entries of at most one, in float64; no row is zero."""
    block = block.astype(np.float64)
    peak = np.abs(block).max(axis=2)
    return peak, block / peak[:, :, None]


def unit_rows(z: np.ndarray) -> np.ndarray:
    """Scales rows to norm 1, in place and in float64.

    Rows already there to the precision of the type stay as they are: saving and loading changes no bit.
    """
    tolerance, odd = 4 * np.finfo(z.dtype).eps, np.zeros(z.shape[:2], dtype=bool)
    for start in range(0, len(z), ROWS):
        rows = slice(start, start + ROWS)
        peak, rest = _scaled(z[rows])
        part = np.linalg.norm(rest, axis=2)
        with np.errstate(over="ignore"):
            norm = peak * part
        usual = (norm > _LEAST) & (norm < 1 / _LEAST)
        norm[np.abs(norm - 1.0) <= tolerance] = 1.0
        # Where the norm itself is no good number the row is divided in two steps.
        unit = z[rows] / np.where(usual, norm, 1.0)[:, :, None]
        unit[~usual] = rest[~usual] / part[~usual][:, None]
        z[rows] = unit
        odd[rows] = ~(np.abs(np.einsum("nvd,nvd->nv", unit, unit) - 1.0) <= 1e-6)
    _refuse_rows(odd, "of norm 1 after scaling", "another norm")
    return z


def as_codes(y: Any, n: int, classes: Sequence[str] | None) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels as int64 codes into the names of the classes that occur."""
    if classes is None:
        codes, names = coded(y, n, "y")
    else:
        values, codes, _ = _distinct(y, n, "y")
        codes, names = _in_order_of(_class_names(classes), values, codes)
    if len(names) < 2:
        raise InputError(f"y: expected at least 2 classes, received only '{names[0]}'; the claims compare classes")
    return codes, names


def _class_names(classes: Any) -> tuple[str, ...]:
    """Names as text, of a list of them."""
    if isinstance(classes, (str, bytes, Mapping)) or not isinstance(classes, (Sequence, np.ndarray)):
        raise InputError(
            f"classes: expected a list of names, received {type(classes).__name__}; give one for each code"
        )
    names = tuple(str(name) for name in classes)
    _refuse_invalid_text(names, "classes")
    return names


def _refuse_invalid_text(names: Sequence[str], parameter: str) -> None:
    """Raises for text that cannot be written, as half of a surrogate pair."""
    try:
        "".join(names).encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(f"{parameter}: expected text, received an invalid character; replace it") from error


def coded(labels: Any, n: int, parameter: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """(n,) codes into the sorted names of the labels."""
    _, codes, names = _distinct(labels, n, parameter)
    return codes, names


def _distinct(labels: Any, n: int, parameter: str) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """The distinct labels in order, the code of each of the n, and their names."""
    labels = as_array(labels, parameter)
    if labels.dtype.kind == "O":
        labels = _unboxed(labels)
    if labels.dtype.kind not in "iubUT":
        raise InputError(
            f"{parameter}: expected integer or string labels, received {labels.dtype}; "
            f"convert it with {parameter}.astype(int)"
        )
    if labels.shape != (n,):
        raise InputError(
            f"{parameter}: expected shape ({n},), one label per row of z, received {labels.shape}; match them"
        )
    values, codes = np.unique(labels, return_inverse=True)
    names = tuple(str(int(value)) if labels.dtype.kind in "iub" else str(value) for value in values)
    _refuse_invalid_text(names, parameter)
    return values, codes.reshape(n).astype(np.int64), names


def _unboxed(labels: np.ndarray) -> np.ndarray:
    """An object array of only strings or only integers, as such; unchanged otherwise."""
    for kind, dtype in ((str, np.str_), ((int, np.integer), np.int64)):
        if all(isinstance(label, kind) for label in labels.flat):
            with suppress(OverflowError):
                return labels.astype(dtype)
    return labels


def _in_order_of(classes: tuple[str, ...], values: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Codes of distinct label `values` re-ordered to follow `classes`, less the classes that do not occur."""
    if len(set(classes)) < len(classes):
        raise InputError("classes: names must be distinct, received one twice; rename it")
    if values.dtype.kind in "iub":
        if values[0] < 0 or values[-1] >= len(classes):
            received = f"{values[0]} to {values[-1]}"
            raise InputError(f"y: labels must be codes 0 to {len(classes) - 1} into classes, received {received}")
        positions = values.astype(np.int64)
    else:
        place = {name: i for i, name in enumerate(classes)}
        unknown = [str(value) for value in values if str(value) not in place]
        if unknown:
            raise InputError(f"y: labels must be among classes, received '{unknown[0]}'; add it to classes")
        positions = np.array([place[str(value)] for value in values], dtype=np.int64)
    rank = np.argsort(np.argsort(positions))
    return rank[codes].astype(np.int64), tuple(classes[i] for i in np.sort(positions))


def as_ids(ids: Any, n: int) -> np.ndarray:
    """(n,) distinct ids as text; by default 0, 1, ..."""
    if ids is None:
        return np.arange(n).astype(f"U{len(str(n))}")
    given = as_array(ids, "ids")
    if given.shape != (n,):
        raise InputError(f"ids: expected shape ({n},), one per row of z, received {given.shape}; match them")
    distinct, first, times = np.unique(given.astype(str), return_index=True, return_counts=True)
    if len(distinct) < n:
        repeated = distinct[times > 1][np.argmin(first[times > 1])]
        raise InputError(f"ids: expected distinct names, received '{repeated}' more than once; make them unique")
    names = given.astype(distinct.dtype)
    _refuse_invalid_text(names.tolist(), "ids")
    return names


def as_meta(meta: Mapping[str, Any] | None) -> dict[str, Any]:
    """Notes as plain values that JSON holds."""
    try:
        plain: dict[str, Any] = json.loads(json.dumps(dict(meta or {})))
    except (TypeError, ValueError) as error:
        raise InputError(
            f"meta: expected a mapping of plain JSON values, received one that is not ({error})"
        ) from error
    return plain
