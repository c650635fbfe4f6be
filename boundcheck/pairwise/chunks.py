"""The pieces that pairs are formed in: where rows come from, what a chunk holds, and where instances are cut."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Source:
    """Where embeddings are taken from: those of all instances, or of a shard.

    Attributes:
        z: (m, v, d), as the caller has it.
        where: (m,) original index of the instances in it.
    """

    z: Tensor
    where: Tensor

    def rows(self, n: int) -> Tensor:
        """(n,) row of every instance, -1 where it is not there."""
        rows = torch.full((n,), -1, dtype=torch.long)
        rows[self.where] = torch.arange(len(self.where))
        return rows


@dataclass(frozen=True)
class Span:
    """The least and the largest of some numbers."""

    low: int
    high: int

    @staticmethod
    def of(values: Tensor) -> Span:
        """That of a tensor."""
        return Span(int(values.min()), int(values.max()))

    def meets(self, other: Span) -> bool:
        """Whether a number may be in both."""
        return self.low <= other.high and other.low <= self.high

    def is_all_of(self, other: Span) -> bool:
        """Whether both hold the same single number."""
        return self.low == self.high == other.low == other.high


@dataclass(frozen=True)
class Chunk:
    """Rows of a tile: all views of consecutive instances in the order of the plan (or some sampled anchors)."""

    z: Tensor  # (rows, d), in the embeddings' own precision; in host memory where the device has no room for all
    y: Tensor  # (rows,) class codes
    ranks: tuple[int, ...]  # class ranks of the rows of sampled anchors, if they ascend; else nothing
    group: Tensor  # (rows,) super-class codes; empty where there are none
    instance: Tensor  # (rows,) original instance index
    anchor: Tensor  # (rows,) original anchor index, instance * v + view
    weight: Tensor  # (rows,) float64 candidate weight w_b
    at: slice  # where these rows stand among the rows of all chunks
    start: int  # first instance, in the order of the plan
    stop: int
    classes: Span  # class ranks present
    groups: Span  # super-class ranks present, and perhaps some between
    places: Span  # positions in the order of all instances, likewise

    def __len__(self) -> int:
        return len(self.y)

    def rows_of(self, classes: Span) -> slice:
        """Where rows of some of these classes may be; of sampled anchors, which are few of many classes, exactly."""
        if self.ranks:
            return slice(bisect_left(self.ranks, classes.low), bisect_right(self.ranks, classes.high))
        return slice(0, len(self) if self.classes.meets(classes) else 0)

    def part(self, rows: slice) -> Chunk:
        """Some consecutive rows."""
        at, ranks = slice(self.at.start + rows.start, self.at.start + rows.stop), self.ranks[rows]
        classes = Span(ranks[0], ranks[-1]) if ranks else self.classes
        return replace(self, **{name: getattr(self, name)[rows] for name in _OF_ROWS}, at=at, classes=classes)


_OF_ROWS = ("z", "y", "ranks", "group", "instance", "anchor", "weight")


def spans(sizes: Sequence[int], most: int, unit: int = 1) -> list[tuple[int, int]]:
    """Consecutive [start, stop) of at most `most` instances; none across the border of a class of more than half that.

    Args:
        sizes: instances of each class, in the order of the instances.
        most: instances of a span.
        unit: spans are multiples of this, but for one odd one in each run of classes that are cut together.
    """
    runs: list[int] = []  # a large class each, or small neighbours together
    small = False
    for size in sizes:
        if small and 2 * size <= most:
            runs[-1] += size
        else:
            runs.append(size)
        small = 2 * size <= most
    most -= most % unit
    out, start = [], 0
    for size in runs:
        pieces, odd = max(1, -(-size // most)), size % unit
        edges = [odd * (i > 0) + size // unit * i // pieces * unit for i in range(pieces + 1)]
        out += [(start + low, start + high) for low, high in pairwise(edges) if low < high]
        start += size
    return out
