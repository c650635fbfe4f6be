"""Tiles: logits of one chunk of anchors against one chunk of candidates, and which pairs of them are related how."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from boundcheck.pairwise.chunks import Chunk
from boundcheck.pairwise.plan import PairPlan
from boundcheck.pools import BY_CLASS


@dataclass(frozen=True)
class Part:
    """The pairs of a tile that belong to one part of the partition: all of them, or all but those in `drop`."""

    place: int  # in the partition
    drop: Tensor | None  # (a, b) bool, True where the pair is not in the part

    def keep_finite(self, values: Tensor, fill: float) -> Tensor:
        """`values` (a, b) with the pairs outside the part set to `fill`."""
        return values if self.drop is None else values.masked_fill(self.drop, fill)

    def mask(self, t: Tensor) -> Tensor:
        """`drop`, or as many rows of nothing where nothing is dropped: what the compiled loops take."""
        return t.new_empty(len(t), 0, dtype=torch.bool) if self.drop is None else self.drop

    def turned(self) -> Part:
        """Of the tile with its sides exchanged."""
        return self if self.drop is None else Part(self.place, self.drop.T.contiguous())


@dataclass(frozen=True)
class Tile:
    """Logits of one anchor chunk against one candidate chunk; `t` is a buffer that the next tile overwrites."""

    t: Tensor  # (a, b)
    candidates: Chunk
    parts: tuple[Part, ...]
    mirrored: bool = False  # its candidates are to be served as anchors too: no other tile holds these pairs
    _as: dict[torch.dtype, Tensor] = field(default_factory=dict, repr=False, compare=False)

    def logits(self, dtype: torch.dtype) -> Tensor:
        """(a, b) in some precision."""
        if dtype == self.t.dtype:
            return self.t
        if dtype not in self._as:
            self._as[dtype] = self.t.to(dtype)
        return self._as[dtype]

    def turned(self, anchors: Chunk) -> Tile:
        """The tile with its sides exchanged, for a kernel that knows one side."""
        return Tile(self.t.T.contiguous(), anchors, tuple(part.turned() for part in self.parts))


def tiles_of(
    plan: PairPlan, row: int, buffer: Tensor, *, same_only: bool = False, mirrored: bool = False
) -> Iterator[tuple[Chunk, Tile]]:
    """The tiles of one row of the plan, with their anchors; diagonal and border tiles carry masks, the others none.

    Args:
        plan: the pairs.
        row: which chunk of anchors.
        buffer: holds the largest tile, in the precision of the logits.
        same_only: skip tiles, and of sampled anchors rows, that hold no same-class pair.
        mirrored: form each tile off the diagonal once, for both its sides: half the work.
    """
    anchors = plan.anchors[row]
    # Where the device has no room for all, rows wait on the host.
    rows = anchors.z.to(plan.device, buffer.dtype) * (1 / plan.temperature)
    for column in _half_row(row, len(plan.candidates)) if mirrored else range(len(plan.candidates)):
        candidates = plan.candidates[column]
        alike = anchors.rows_of(candidates.classes)
        apart = alike.start == alike.stop
        if same_only and apart:
            continue
        some = anchors.part(alike) if same_only and alike.stop - alike.start < len(anchors) else anchors
        t = buffer[: len(some) * len(candidates)].view(len(some), len(candidates))
        first = some.at.start - anchors.at.start
        torch.matmul(rows[first : first + len(some)], candidates.z.to(plan.device, buffer.dtype).T, out=t)
        yield some, Tile(t, candidates, _parts(plan, some, candidates, apart), mirrored and column != row)


def _half_row(row: int, chunks: int) -> Iterator[int]:
    """Half of the chunks, from `row` onwards and around: every unordered pair falls to one row, all rows are alike."""
    for ahead in range(chunks // 2 + 1):
        if 2 * ahead < chunks or row < chunks // 2:
            yield (row + ahead) % chunks


def _parts(plan: PairPlan, anchors: Chunk, candidates: Chunk, apart: bool) -> tuple[Part, ...]:
    """The parts that a tile's pairs are in, as few as can be told; `apart`: it holds no same-class pair."""
    by_class, is_same = plan.partition == BY_CLASS, anchors.classes.is_all_of(candidates.classes)
    if apart and (by_class or not anchors.groups.meets(candidates.groups)):
        return (Part(len(plan.partition) - 1, None),)
    if apart and anchors.groups.is_all_of(candidates.groups):
        return (Part(1, None),)
    own = None
    if plan.self_pairs == "exclude" and anchors.places.meets(candidates.places):
        own = anchors.instance[:, None] == candidates.instance[None, :]
    if is_same:
        return (Part(0, own),)
    other = anchors.y[:, None] != candidates.y[None, :]
    same = () if apart else (Part(0, other if own is None else other | own),)
    if by_class:
        return (*same, Part(1, ~other))
    foreign = anchors.group[:, None] != candidates.group[None, :]
    return (*same, Part(1, ~other | foreign), Part(2, ~other | ~foreign))
