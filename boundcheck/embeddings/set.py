"""`EmbeddingSet`: embeddings with labels, checked once on construction and trusted from there on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from boundcheck.embeddings.given import ROWS, as_codes, as_embeddings, as_ids, as_meta, coded, row_norms, unit_rows
from boundcheck.errors import InputError

UNLABELLED = "unlabelled"
"""The one class of data without labels."""


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
        *,
        copy: bool = True,
    ) -> None:
        """Checks the arrays and brings them to their canonical form.

        Args:
            z: (n, d) or (n, v, d), numpy or torch on any device; half precision becomes float32.
            y: (n,), integer or string labels; None for data without labels.
            ids: (n,), distinct names; "0", "1", ... when left out.
            meta: provenance; values that JSON can hold.
            normalize: scale every row to norm 1 (in float64).
            classes: names in code order. Integer labels are then codes into it, string labels must be in it.
                Classes without an instance are dropped. Left out, classes are the sorted distinct labels.
            groups: (n,), integer or string labels of super-classes.
            copy: whether `z` is copied; without, memory of the right kind is taken over and normalised in place, and
                nobody may write to it any more.

        Raises:
            InputError: an array breaks one of these rules.
        """
        embeddings = as_embeddings(z, copy)
        n = len(embeddings)
        if y is None:
            codes, names = np.zeros(n, dtype=np.int64), tuple([UNLABELLED])
        else:
            codes, names = as_codes(y, n, classes)
        put = object.__setattr__
        put(self, "z", unit_rows(embeddings) if normalize else embeddings)
        put(self, "y", codes)
        put(self, "ids", as_ids(ids, n))
        put(self, "classes", names)
        put(self, "meta", as_meta(meta))
        put(self, "normalize", normalize)
        of_groups, group_names = (None, ()) if groups is None else coded(groups, n, "groups")
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
    def norms(self) -> Float[np.ndarray, "n v"]:
        """Norms of the rows, in float64; inf where one exceeds the largest number."""
        return row_norms(self.z)

    @property
    def unit_norm(self) -> bool:
        """Whether every row has norm 1 within 1e-6, which single precision keeps: bounds are exact to no less."""
        return bool(np.all(np.abs(self.norms - 1.0) <= 1e-6))

    @property
    def largest_norm(self) -> float:
        """Largest norm of a row."""
        return float(self.norms.max())

    @cached_property
    def mean_cosine(self) -> float:
        """Mean cosine of two rows, each with itself among them: the squared length of the mean direction."""
        total = np.zeros(self.d)
        for start in range(0, self.n, ROWS):
            rows = slice(start, start + ROWS)
            total += (self.z[rows] / self.norms[rows, :, None]).sum((0, 1))
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
        """The instances at `index` (distinct positions, a mask or a slice); classes left empty are dropped.

        Raises:
            InputError: a position comes twice, or fewer than two classes are left of data with labels.
        """
        chosen = np.arange(self.n)[index if isinstance(index, slice) else np.asarray(index)]
        if not 0 < len(chosen) == len(np.unique(chosen)):
            received = f"{len(chosen):,}" + (", one of them twice" if len(chosen) else "")
            raise InputError(f"index: expected one or more distinct positions, received {received}; take each once")
        codes, classes = self.y[chosen], self.classes
        if self.labelled:
            codes, classes = as_codes(codes, len(codes), classes)
        groups, group_names = self.groups, self.group_names
        if groups is not None:
            kept, groups = np.unique(groups[chosen], return_inverse=True)
            group_names = tuple(group_names[code] for code in kept)
        out = EmbeddingSet.__new__(EmbeddingSet)
        fields = dict(z=self.z[chosen], y=codes, ids=self.ids[chosen], classes=classes, groups=groups)
        fields |= dict(group_names=group_names, meta=self.meta, normalize=self.normalize, labelled=self.labelled)
        for name, value in fields.items():  # all were checked when this set was made
            object.__setattr__(out, name, value)
        if "norms" in self.__dict__:
            out.__dict__["norms"] = self.norms[chosen]
        return out

    def first_views(self, views: int) -> EmbeddingSet:
        """The first views of every instance alone."""
        if views >= self.v:
            return self
        out = copy(self)
        for name in ("norms", "mean_cosine"):
            out.__dict__.pop(name, None)
        object.__setattr__(out, "z", np.ascontiguousarray(self.z[:, :views]))
        return out

    def without_labels(self) -> EmbeddingSet:
        """The same embeddings as data without labels."""
        return EmbeddingSet(self.z, None, self.ids, self.meta, self.normalize)

    def with_groups(self, groups: ArrayLike | torch.Tensor) -> EmbeddingSet:
        """The same embeddings, not copied, with these super-classes, (n,) integer or string labels."""
        out = copy(self)
        for name, value in zip(("groups", "group_names"), coded(groups, self.n, "groups"), strict=True):
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
