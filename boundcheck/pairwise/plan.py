"""Which pairs, and in what pieces: instances sorted by class and cut into chunks that fit a cache.

Sorting by class, the largest first, and cutting at class borders where classes are large, makes nearly every tile
(anchor chunk x candidate chunk) wholly same-class or wholly other-class, so masks are needed only beside the diagonal.
Within a chunk rows are view-major (all first views, then all second views, ...), so that summing an instance's views
is a sum of contiguous slices.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

from boundcheck.ranks import cores

SelfPairs = Literal["exclude", "include"]

# About how many rows a chunk has: square tiles, so that each serves both its sides, that stay within a core's cache.
CPU_ROWS = 512
# Rows come in multiples of this, which vector instructions and matrix products like best.
LANES = 32
DEVICE_ROWS = 4096


@dataclass(frozen=True)
class Chunk:
    """Rows of a tile: all views of consecutive instances in class order (or, for sampled anchors, some of them)."""

    z: Tensor  # (rows, d); in host memory where the device has no room for all
    y: Tensor  # (rows,) class codes
    instance: Tensor  # (rows,) original instance index
    anchor: Tensor  # (rows,) original anchor index, instance * v + view
    weight: Tensor  # (rows,) candidate weight w_b
    at: slice  # where these rows stand among the rows of all chunks
    start: int  # first instance, in the order of the plan
    stop: int
    classes: tuple[int, int]  # first and last class present, in the order of the plan
    instances: tuple[int, int]  # positions in the order of all instances, [first, last]

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True)
class PairPlan:
    """All ordered pairs (anchor, candidate) of an embedding set at one temperature, cut into tiles."""

    anchors: tuple[Chunk, ...]  # z divided by the temperature
    candidates: tuple[Chunk, ...]
    order: Tensor  # (m,) original instance index of each candidate, in the order of the plan; m = n but for a shard
    symmetric: bool  # the anchor chunks hold the rows of the candidate chunks, one for one
    reach: float  # no logit is larger in size
    n: int  # instances in all
    v: int
    temperature: float
    self_pairs: SelfPairs
    weighted: bool  # candidate weights are not all one
    dtype: torch.dtype  # of the logits
    mixed: bool  # exponentials may be float32 where 1e-5 nats allow it, though logits are float64
    device: torch.device
    threads: int

    @property
    def n_anchors(self) -> int:
        """Anchors of a pass."""
        return sum(len(chunk) for chunk in self.anchors)

    def to(self, dtype: torch.dtype) -> PairPlan:
        """The same pairs with logits of another precision."""
        anchors, candidates = (
            tuple(replace(chunk, z=chunk.z.to(dtype), weight=chunk.weight.to(dtype)) for chunk in chunks)
            for chunks in (self.anchors, self.candidates)
        )
        return replace(self, anchors=anchors, candidates=candidates, dtype=dtype)

    @property
    def pairs(self) -> int:
        """Ordered pairs in one pass."""
        return self.n_anchors * len(self.order) * self.v


def choose_dtype(precision: str, reach: float) -> torch.dtype:
    """float32 errs by about 3e-7 of the largest exponent, `reach` = max |gamma t|: good to 1e-5 nats up to 24;
    float64 beyond."""
    if precision != "auto":
        return {"float32": torch.float32, "float64": torch.float64}[precision]
    return torch.float32 if reach <= 24.001 else torch.float64  # unit rows may be 1e-7 longer


@dataclass(frozen=True)
class Shard:
    """The embeddings of instances that stand side by side in the order of a plan.

    Attributes:
        z: (m, v, d).
        start: position of the first of them.
    """

    z: Tensor
    start: int

    @property
    def stop(self) -> int:
        """Position behind the last of them."""
        return self.start + len(self.z)


def plan_pairs(
    z: Tensor,
    y: Tensor,
    *,
    temperature: float,
    weights: Tensor | None = None,
    self_pairs: SelfPairs = "exclude",
    anchors: Tensor | None = None,
    dtype: torch.dtype = torch.float64,
    mixed: bool = False,
    device: torch.device | str = "cpu",
    rows: tuple[int, int] | None = None,
    threads: int | None = None,
) -> PairPlan:
    """Sort, cut and place the embeddings.

    Args:
        z: (n, v, d) embeddings.
        y: (n,) class codes.
        temperature: tau > 0; logits are <z_a, z_b> / tau.
        weights: (n,) candidate weights w_b; None means one each.
        self_pairs: "exclude" leaves the anchor's own instance out of every pool; "include" is the V-statistic.
        anchors: original anchor indices (instance * v + view) to take; None means all.
        dtype: of the products and exponentials; sums across tiles are always float64.
        mixed: float32 exponentials of float64 products will do wherever they keep log-sums within 1e-5 nats.
        device: where tiles are computed.
        rows: about how many rows an anchor chunk and a candidate chunk have.
        threads: threads on a CPU.

    Returns:
        The plan, a value that any number of passes share.
    """
    whole = Shard(z[sorted_order(y)], 0)
    return plan_shards(
        whole,
        whole,
        y,
        largest_norm=float(z.norm(dim=2).max()),
        temperature=temperature,
        weights=weights,
        self_pairs=self_pairs,
        anchors=anchors,
        dtype=dtype,
        mixed=mixed,
        device=device,
        rows=rows,
        threads=threads,
    )


def sorted_order(y: Tensor) -> Tensor:
    """(n,) instances by class, the largest class first, so that small ones are side by side."""
    return torch.argsort(_class_rank(y)[y], stable=True)


def _class_rank(y: Tensor) -> Tensor:
    """(c,) place of each class in the order of the plan."""
    return torch.argsort(torch.argsort(torch.bincount(y), descending=True, stable=True))


def plan_shards(
    own: Shard,
    guest: Shard,
    y: Tensor,
    *,
    largest_norm: float,
    temperature: float,
    weights: Tensor | None = None,
    self_pairs: SelfPairs = "exclude",
    anchors: Tensor | None = None,
    dtype: torch.dtype = torch.float64,
    mixed: bool = False,
    device: torch.device | str = "cpu",
    rows: tuple[int, int] | None = None,
    threads: int | None = None,
) -> PairPlan:
    """The pairs of the anchors in one shard and the candidates in another.

    Instances, anchors and classes keep their numbers, so that sums over the plans of all shards are those over all
    pairs: functions of a plan take what is known of all anchors, and leave zeros for those that the plan does not hold.

    Args:
        own: the anchors'.
        guest: the candidates'; the same object for a symmetric plan.
        y: (n,) class codes of all instances.
        largest_norm: of all embeddings.
        temperature, weights, self_pairs, dtype, mixed, device, rows, threads: as of `plan_pairs`, for all instances.
        anchors: original indices of the anchors to take; those outside the shard are left out. None means all.
    """
    n, (v, d) = len(y), own.z.shape[1:]
    device = torch.device(device)
    on_cpu = device.type == "cpu"
    threads = (threads or cores()) if on_cpu else 1
    anchor_rows, candidate_rows = rows or ((CPU_ROWS, CPU_ROWS) if on_cpu else (DEVICE_ROWS, DEVICE_ROWS))
    w = torch.ones(n, dtype=torch.float64) if weights is None else weights.to(torch.float64)
    rank = _class_rank(y)
    order = sorted_order(y)
    home = home_of(device, 2 * guest.z.numel() * dtype.itemsize)

    def cut(shard: Shard, target_rows: int, scale: float) -> tuple[Chunk, ...]:
        z = shard.z.to(home, dtype)
        where = order[shard.start : shard.stop]
        label = y[where]

        def chunk(start: int, stop: int) -> Chunk:
            instance = where[start:stop].repeat(v)
            view = torch.arange(v).repeat_interleave(stop - start)
            rows = (z[start:stop].transpose(0, 1).reshape(-1, d) * scale).contiguous()
            return Chunk(
                z=rows if home == device else rows.pin_memory(),
                y=label[start:stop].repeat(v).to(device),
                instance=instance.to(device),
                anchor=(instance * v + view).to(device),
                weight=w[instance].to(device, dtype),
                at=slice(start * v, stop * v),
                start=start,
                stop=stop,
                classes=(int(rank[label[start]]), int(rank[label[stop - 1]])),
                instances=(shard.start + start, shard.start + stop - 1),
            )

        most, unit = max(1, target_rows // v), LANES // math.gcd(LANES, v)
        sizes = torch.unique_consecutive(label, return_counts=True)[1].tolist()
        return tuple(chunk(start, stop) for start, stop in spans(sizes, most, unit if 2 * unit <= most else 1))

    if anchors is None:
        anchor_chunks = cut(own, anchor_rows, 1 / temperature)
    else:
        position = torch.empty(n, dtype=torch.long)
        position[order] = torch.arange(n)
        rows_each = min(anchor_rows, math.ceil(len(anchors) / threads) or 1)  # work for everyone
        anchor_chunks = _some_anchors(own, y, rank, w, anchors, position, rows_each, 1 / temperature, dtype, device)
    return PairPlan(
        anchors=anchor_chunks,
        candidates=cut(guest, candidate_rows, 1.0),
        order=order[guest.start : guest.stop],
        symmetric=anchors is None and own is guest and anchor_rows == candidate_rows,
        reach=largest_norm * largest_norm / temperature,
        n=n,
        v=v,
        temperature=temperature,
        self_pairs=self_pairs,
        weighted=bool((w != 1).any()),
        dtype=dtype,
        mixed=mixed,
        device=device,
        threads=threads,
    )


def home_of(device: torch.device, size: int) -> torch.device:
    """Where embeddings of `size` bytes wait: on the device if they leave half of its free memory, else on the host."""
    fits = device.type != "cuda" or 2 * size <= torch.cuda.mem_get_info(device)[0]
    return device if fits else torch.device("cpu")


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


def _some_anchors(
    own: Shard,
    y: Tensor,
    rank: Tensor,
    w: Tensor,
    anchors: Tensor,
    position: Tensor,
    rows: int,
    scale: float,
    dtype: torch.dtype,
    device: torch.device,
) -> tuple[Chunk, ...]:
    """Chunks of the sampled anchors in a shard, in the order of the plan."""
    v = own.z.shape[1]
    at = position[anchors // v]
    here = ((own.start <= at) & (at < own.stop)).nonzero()[:, 0]
    anchors = anchors[here[torch.argsort(at[here], stable=True)]]
    chunks, done = [], 0
    for some in torch.split(anchors, rows) if len(anchors) else ():
        instance = some // v
        where = position[instance]
        chunks.append(
            Chunk(
                z=(own.z[where - own.start, some % v].to(device, dtype) * scale).contiguous(),
                y=y[instance].to(device),
                instance=instance.to(device),
                anchor=some.to(device),
                weight=w[instance].to(device, dtype),
                at=slice(done, done := done + len(some)),
                start=-1,
                stop=-1,
                classes=(int(rank[y[instance]].min()), int(rank[y[instance]].max())),
                instances=(int(where.min()), int(where.max())),
            )
        )
    return tuple(chunks)


def by_instance(plan: PairPlan, columns: Sequence[Tensor]) -> Tensor:
    """(n, f) the threads' sums (f, candidates), added up, in the order of the data; zeros for who is no candidate."""
    total = torch.zeros(plan.n, columns[0].shape[0], dtype=torch.float64)
    total[plan.order] = torch.stack(list(columns)).sum(0).cpu().T
    return total
