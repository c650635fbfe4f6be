"""`EmbeddingSet`: embeddings with labels, checked once on construction and trusted from there on."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from boundcheck.errors import InputError

UNLABELLED = "unlabelled"
"""The one class of data without labels."""

_LEAST = 1e-290  # norms beyond it, and its inverse, are not divided by
_ROWS = 1 << 16  # rows normalised at a time, which bounds the float64 copies


@dataclass(frozen=True, eq=False, init=False, repr=False)
class EmbeddingSet:
    """Embeddings of n instances in v views each, with a class label per instance.

    Attributes:
        z: (n, v, d), float32 or float64; rows of norm 1 when `normalize` is set.
        y: (n,), class codes 0..c-1; every class has at least one instance.
        ids: (n,), a distinct name per instance.
        classes: class names in code order.
        meta: where the embeddings come from; plain JSON values.
        normalize: whether rows were scaled to norm 1.
        groups: (n,), super-class codes, for pools that tell related classes from others; None where there are none.
        group_names: names of the super-classes in code order.
        labelled: whether there are labels; without, all instances are of one class, `UNLABELLED`, and only losses whose
            pool is all other instances are defined.
    """

    z: Float[np.ndarray, "n v d"]
    y: Int[np.ndarray, " n"]
    ids: np.ndarray
    classes: tuple[str, ...]
    meta: Mapping[str, Any]
    normalize: bool
    groups: Int[np.ndarray, " n"] | None
    group_names: tuple[str, ...]
    labelled: bool

    def __init__(
        self,
        z: ArrayLike | torch.Tensor,
        y: ArrayLike | torch.Tensor | None,
        ids: ArrayLike | None = None,
        meta: Mapping[str, Any] | None = None,
        normalize: bool = True,
        classes: Sequence[str] | None = None,
        groups: ArrayLike | torch.Tensor | None = None,
    ) -> None:
        """Checks the arrays and brings them to their canonical form; the arguments are copied.

        Args:
            z: (n, d) or (n, v, d), numpy or torch on any device; half precision becomes float32.
            y: (n,), integer or string labels; None for data without labels.
            ids: (n,), distinct names; "0", "1", ... when left out.
            meta: provenance; values that JSON can hold.
            normalize: scale every row to norm 1 (in float64).
            classes: names in code order. Integer labels are then codes into it, string labels must be in it.
                Classes without an instance are dropped. Left out, classes are the sorted distinct labels.
            groups: (n,), integer or string labels of super-classes.

        Raises:
            InputError: an array breaks one of these rules.
        """
        embeddings = _as_embeddings(z)
        n = len(embeddings)
        if y is None:
            codes, names = np.zeros(n, dtype=np.int64), tuple([UNLABELLED])
        else:
            codes, names = _as_codes(y, n, classes)
        put = object.__setattr__
        put(self, "z", _unit_rows(embeddings) if normalize else embeddings)
        put(self, "y", codes)
        put(self, "ids", _as_ids(ids, n))
        put(self, "classes", names)
        put(self, "meta", _as_meta(meta))
        put(self, "normalize", normalize)
        of_groups, group_names = (None, ()) if groups is None else _coded(groups, n, "groups")
        put(self, "groups", of_groups)
        put(self, "group_names", group_names)
        put(self, "labelled", y is not None)

    @property
    def n(self) -> int:
        """Number of instances."""
        return int(self.z.shape[0])

    @property
    def v(self) -> int:
        """Number of views of each instance."""
        return int(self.z.shape[1])

    @property
    def d(self) -> int:
        """Dimension."""
        return int(self.z.shape[2])

    @property
    def c(self) -> int:
        """Number of classes."""
        return len(self.classes)

    @property
    def class_counts(self) -> Int[np.ndarray, " c"]:
        """Instances per class."""
        return np.bincount(self.y, minlength=self.c)

    @cached_property
    def unit_norm(self) -> bool:
        """Whether every row has norm 1 within 1e-4."""
        return bool(np.all(np.abs(_norms(self.z) - 1.0) <= 1e-4))

    @cached_property
    def largest_norm(self) -> float:
        """Largest norm of a row; inf where it exceeds the largest number."""
        plain = float(torch.from_numpy(self.z).norm(dim=2).max())
        return plain if math.isfinite(plain) else float(_norms(self.z).max())

    @cached_property
    def mean_cosine(self) -> float:
        """Mean cosine of two rows, each with itself among them: the squared length of the mean direction."""
        total = np.zeros(self.d)
        for start in range(0, self.n, 65_536):
            rows = np.asarray(self.z[start : start + 65_536]).reshape(-1, self.d)
            norms = _norms(rows[:, None])[:, 0]
            total += (rows / norms[:, None]).sum(0, dtype=np.float64)
        return float(np.square(total / (self.n * self.v)).sum())

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over z (bytes, shape, precision), y and the class names."""
        sha = hashlib.sha256(repr((self.z.shape, self.z.dtype.name, self.classes)).encode())
        sha.update(self.z.data)
        sha.update(self.y.astype("<i8").data)
        if self.groups is not None:
            sha.update(repr(self.group_names).encode())
            sha.update(self.groups.astype("<i8").data)
        return sha.hexdigest()

    def subset(self, index: ArrayLike | slice) -> EmbeddingSet:
        """The instances at `index` (positions, a mask or a slice); classes left empty are dropped."""
        chosen = index if isinstance(index, slice) else np.asarray(index)
        return EmbeddingSet(
            self.z[chosen],
            self.y[chosen] if self.labelled else None,
            self.ids[chosen],
            self.meta,
            self.normalize,
            self.classes if self.labelled else None,
            None if self.groups is None else np.array(self.group_names)[self.groups[chosen]],
        )

    def first_views(self, views: int) -> EmbeddingSet:
        """The first views of every instance alone."""
        if views >= self.v:
            return self
        out = copy(self)
        for name in ("unit_norm", "largest_norm", "mean_cosine"):
            out.__dict__.pop(name, None)
        object.__setattr__(out, "z", np.ascontiguousarray(self.z[:, :views]))
        return out

    def without_labels(self) -> EmbeddingSet:
        """The same embeddings as data without labels."""
        return EmbeddingSet(self.z, None, self.ids, self.meta, self.normalize)

    def with_groups(self, groups: ArrayLike | torch.Tensor) -> EmbeddingSet:
        """The same embeddings, not copied, with these super-classes, (n,) integer or string labels."""
        out = copy(self)
        for name, value in zip(("groups", "group_names"), _coded(groups, self.n, "groups"), strict=True):
            object.__setattr__(out, name, value)
        return out

    def __repr__(self) -> str:
        return f"EmbeddingSet({', '.join(f'{key}={value}' for key, value in self._facts().items())})"

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><th>{escape(k)}</th><td>{escape(v)}</td></tr>" for k, v in self._facts().items())
        return f"<table><caption>EmbeddingSet</caption>{rows}</table>"

    def _facts(self) -> dict[str, str]:
        counts = self.class_counts
        shown = ", ".join(self.classes[:5]) + (", ..." if self.c > 5 else "")
        return {
            "n": f"{self.n:,}",
            "v": str(self.v),
            "d": str(self.d),
            "c": f"{self.c} ({shown}; {counts.min():,} to {counts.max():,} instances each)",
            "dtype": self.z.dtype.name,
            "normalize": str(self.normalize),
            "digest": self.digest[:12],
        }


def _as_array(values: Any, parameter: str) -> np.ndarray:
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
        dense = values.layout is torch.strided and not (values.is_quantized or values.is_meta or values.is_nested)
        if not dense:
            raise InputError(f"{parameter}: expected a dense tensor with its values, received another kind; convert it")
        values = values.detach().cpu()
        wide = values.dtype.is_floating_point and values.dtype not in (torch.float16, torch.float32, torch.float64)
        array: np.ndarray = (values.float() if wide else values).resolve_conj().resolve_neg().numpy()
        return array
    try:
        return np.asarray(values)
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(f"{parameter}: expected a rectangular array, received rows of different length") from error


def _as_embeddings(z: Any) -> np.ndarray:
    """A fresh (n, v, d) array of finite, non-zero rows in float32 or float64."""
    array = _as_array(z, "z")
    if array.dtype.kind != "f":
        raise InputError(f"z: expected floats, received {array.dtype}; convert it with z.astype('float32')")
    if array.ndim not in (2, 3):
        raise InputError(f"z: expected shape (n, d) or (n, v, d), received {array.shape}; reshape it")
    if array.size == 0:
        raise InputError(f"z: expected at least one row and one column, received {array.shape}; it is empty")
    precision = np.float64 if array.dtype.itemsize >= 8 else np.float32
    views = array[:, None, :] if array.ndim == 2 else array
    result = np.array(views, dtype=precision, order="C")  # (n, v, d)
    blocks = [result[start : start + _ROWS] for start in range(0, len(result), _ROWS)]
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


def _norms(z: np.ndarray) -> np.ndarray:
    """Row norms (n, v) in float64, safe where squares would overflow or underflow."""
    norms = np.empty(z.shape[:2])
    for start in range(0, len(z), _ROWS):
        peak, rest = _scaled(z[start : start + _ROWS])
        with np.errstate(over="ignore"):  # a norm may exceed the largest number though no entry does
            norms[start : start + _ROWS] = peak * np.linalg.norm(rest, axis=2)
    return norms


def _scaled(block: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows as their largest entry (n, v) times rows of entries of at most one, in float64; no row is zero."""
    block = block.astype(np.float64)
    peak = np.abs(block).max(axis=2)
    return peak, block / peak[:, :, None]


def _unit_rows(z: np.ndarray) -> np.ndarray:
    """Scales rows to norm 1, in place and in float64.

    Rows already there to the precision of the type stay as they are: saving and loading changes no bit.
    """
    tolerance, odd = 4 * np.finfo(z.dtype).eps, np.zeros(z.shape[:2], dtype=bool)
    for start in range(0, len(z), _ROWS):
        rows = slice(start, start + _ROWS)
        peak, rest = _scaled(z[rows])
        part = np.linalg.norm(rest, axis=2)
        with np.errstate(over="ignore"):
            norm = peak * part
        usual = (norm > _LEAST) & (norm < 1 / _LEAST)
        norm[np.abs(norm - 1.0) <= tolerance] = 1.0
        # Where the norm itself is no good number the row is divided in two steps.
        unit = np.where(usual[:, :, None], z[rows] / np.where(usual, norm, 1.0)[:, :, None], rest / part[:, :, None])
        z[rows] = unit
        odd[rows] = ~(np.abs(np.einsum("nvd,nvd->nv", unit, unit) - 1.0) <= 1e-6)
    _refuse_rows(odd, "of norm 1 after scaling", "another norm")
    return z


def _as_codes(y: Any, n: int, classes: Sequence[str] | None) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels as int64 codes into the names of the classes that occur."""
    if classes is None:
        codes, names = _coded(y, n, "y")
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


def _coded(labels: Any, n: int, parameter: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """(n,) codes into the sorted names of the labels."""
    _, codes, names = _distinct(labels, n, parameter)
    return codes, names


def _distinct(labels: Any, n: int, parameter: str) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """The distinct labels in order, the code of each of the n, and their names."""
    labels = _as_array(labels, parameter)
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


def _as_ids(ids: Any, n: int) -> np.ndarray:
    if ids is None:
        return np.arange(n).astype(f"U{len(str(n))}")
    given = _as_array(ids, "ids")
    if given.shape != (n,):
        raise InputError(f"ids: expected shape ({n},), one per row of z, received {given.shape}; match them")
    distinct, first, times = np.unique(given.astype(str), return_index=True, return_counts=True)
    if len(distinct) < n:
        repeated = distinct[times > 1][np.argmin(first[times > 1])]
        raise InputError(f"ids: expected distinct names, received '{repeated}' more than once; make them unique")
    names = given.astype(distinct.dtype)
    _refuse_invalid_text(names.tolist(), "ids")
    return names


def _as_meta(meta: Mapping[str, Any] | None) -> dict[str, Any]:
    try:
        plain: dict[str, Any] = json.loads(json.dumps(dict(meta or {})))
    except (TypeError, ValueError) as error:
        raise InputError(
            f"meta: expected a mapping of plain JSON values, received one that is not ({error})"
        ) from error
    return plain
