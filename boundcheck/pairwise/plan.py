"""Which pairs a pass forms, and in what pieces: instances sorted by class and cut into chunks that fit a cache.

Sorting by class (within super-classes, where there are some), the largest first, and cutting at class borders where
classes are large, makes nearly every tile (anchor chunk x candidate chunk) wholly of one relation, so masks are needed
only beside the diagonal. Within a chunk rows are view-major (all first views, then all second views, ...), so that
summing an instance's views is a sum of contiguous slices.

A plan holds the embeddings once, in their own precision, and serves every temperature, precision and sample of anchors.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from boundcheck.pairwise.chunks import Chunk, Source, Span, spans
from boundcheck.pairwise.labels import Labels
from boundcheck.pools import BY_CLASS, Partition
from boundcheck.ranks import cores

# About how many rows a chunk has: square tiles, so that each serves both its sides, that stay within a core's cache.
CPU_ROWS = 512
# Rows come in multiples of this, which vector instructions and matrix products like best.
LANES = 32
DEVICE_ROWS = 4096


@dataclass
class Tally:
    """What a computation took: plans made, passes over pairs, ordered pairs formed in them."""

    plans: int = 0
    passes: int = 0
    pairs: int = 0


@dataclass(frozen=True)
class PairPlan:
    """All ordered pairs (anchor, candidate) of an embedding set, cut into tiles; logits are <z_a, z_b> / tau."""

    own: Source = field(repr=False)  # of the anchors
    guest: Source = field(repr=False)  # of the candidates; the same but for shards
    labels: Labels = field(repr=False)
    anchors: tuple[Chunk, ...] = field(repr=False)
    candidates: tuple[Chunk, ...] = field(repr=False)
    order: Tensor = field(repr=False)  # (m,) original indices of the candidates, in their order; m < n of a shard
    symmetric: bool  # the anchor chunks are the candidate chunks
    largest_norm: float
    temperature: float
    weights: Tensor = field(repr=False)  # (n,) float64
    self_pairs: str
    partition: Partition
    precision: str  # "auto", "float32" or "float64"
    device: torch.device
    threads: int
    rows: tuple[int, int]
    tally: Tally = field(compare=False, repr=False)

    @property
    def n(self) -> int:
        """Instances in all."""
        return len(self.labels.y)

    @property
    def v(self) -> int:
        """Views of each."""
        return int(self.guest.z.shape[1])

    @property
    def reach(self) -> float:
        """No logit is larger in size."""
        return self.largest_norm * self.largest_norm / self.temperature

    @property
    def parts(self) -> int:
        """Sets of relations that sums are kept apart for."""
        return len(self.partition)

    @cached_property
    def weighted(self) -> bool:
        """Whether candidate weights are not all one."""
        return bool((self.weights != 1).any())

    @property
    def n_anchors(self) -> int:
        """Anchors of a pass."""
        return sum(len(chunk) for chunk in self.anchors)

    @cached_property
    def anchor_index(self) -> Tensor:
        """(a,) original index of the anchors, in the order of the rows; a rank's shard may hold none."""
        return torch.cat([chunk.anchor for chunk in self.anchors]).cpu() if self.anchors else self.order.new_empty(0)

    @property
    def pairs(self) -> int:
        """Ordered pairs in one pass."""
        return self.n_anchors * len(self.order) * self.v

    def served(self, requests: Sequence[Any], progress: Any) -> list[Any] | None:
        """What others answer to requests for sums over these pairs (`passes.serve`); None where nobody does."""
        return None

    def at(self, temperature: float, partition: Partition | None = None) -> PairPlan:
        """The same pairs at another temperature."""
        return replace(self, temperature=temperature, partition=partition or self.partition)

    def of(self, anchors: Tensor | None) -> PairPlan:
        """The pairs of some anchors, by original index (those elsewhere are left out); None for all of them."""
        if anchors is not None:
            rows = min(self.rows[0], math.ceil(len(anchors) / self.threads) or 1)  # work for everyone
            return replace(self, anchors=tuple(_some_anchors(self, anchors, rows)), symmetric=False)
        if self.own is self.guest and self.rows[0] == self.rows[1]:
            return replace(self, anchors=self.candidates, symmetric=True)
        return replace(self, anchors=tuple(_cut(self, self.own, self.rows[0])), symmetric=False)

    def dtype(self, steepness: float) -> torch.dtype:
        """The precision of logits whose rounding errors are multiplied by this much."""
        return choose_dtype(self.precision, steepness * self.reach)

    def rounding(self, steepness: float) -> float:
        """What a difference of two of its log-sums may be off by, nats: a few roundings of sums and of exponents.

        Embeddings that came in float32 are no more exact in float64: points that were equal need not be.
        """
        exact = self.precision == "float64" and self.guest.z.dtype == torch.float64
        kind = torch.float64 if exact else torch.float32
        return torch.finfo(kind).eps * (32 + 4 * steepness * self.reach)

    def powers(self, dtype: torch.dtype, in_float32: bool) -> torch.dtype:
        """Of exponentials of logits in `dtype`: float32 where it will do and nothing else is asked for."""
        return torch.float32 if in_float32 and self.precision == "auto" else dtype


def choose_dtype(precision: str, reach: float) -> torch.dtype:
    """float32 errs by about 3e-7 of the largest exponent, `reach` = max |gamma t|: good to 1e-5 nats up to 24;
    float64 beyond."""
    if precision != "auto":
        return {"float32": torch.float32, "float64": torch.float64}[precision]
    return torch.float32 if reach <= 24.001 else torch.float64  # unit rows may be 1e-7 longer


def plan_pairs(
    z: Tensor | Source,
    y: Tensor,
    *,
    temperature: float,
    groups: Tensor | None = None,
    weights: Tensor | None = None,
    self_pairs: str = "exclude",
    anchors: Tensor | None = None,
    partition: Partition = BY_CLASS,
    precision: str = "float64",
    largest_norm: float | None = None,
    own: Source | None = None,
    device: torch.device | str = "cpu",
    rows: tuple[int, int] | None = None,
    threads: int | None = None,
    tally: Tally | None = None,
) -> PairPlan:
    """Sort, cut and place the embeddings.

    Args:
        z: (n, v, d) embeddings, or where those of the candidates are taken from.
        y: (n,) class codes of all instances.
        temperature: tau > 0.
        groups: (n,) super-class codes.
        weights: (n,) candidate weights w_b; None means one each.
        self_pairs: "exclude" leaves the anchor's own instance out of every pool; "include" is the V-statistic.
        anchors: original anchor indices (instance * v + view) to take; None means all.
        partition: what sums are kept apart for.
        precision: of the products: "auto" takes float32 where it is good to 1e-5 nats.
        largest_norm: of all embeddings; None means that of z.
        own: where the anchors are taken from; None means the candidates.
        device: where tiles are computed.
        rows: about how many rows an anchor chunk and a candidate chunk have.
        threads: on a CPU.
        tally: counts this plan, and the passes over it.

    Returns:
        The plan, a value that any number of passes share.
    """
    device, labels, tally = torch.device(device), Labels(y, groups), tally or Tally()
    tally.plans += 1
    guest = z if isinstance(z, Source) else Source(z, torch.arange(len(y)))
    on_cpu = device.type == "cpu"
    empty = PairPlan(
        own=own or guest,
        guest=guest,
        labels=labels,
        anchors=(),
        candidates=(),
        order=_order(labels, guest),
        symmetric=False,
        largest_norm=float(guest.z.norm(dim=2).max()) if largest_norm is None else largest_norm,
        temperature=temperature,
        weights=torch.ones(len(y), dtype=torch.float64) if weights is None else weights.to(torch.float64),
        self_pairs=self_pairs,
        partition=partition,
        precision=precision,
        device=device,
        threads=(threads or cores()) if on_cpu else 1,
        rows=rows or ((CPU_ROWS, CPU_ROWS) if on_cpu else (DEVICE_ROWS, DEVICE_ROWS)),
        tally=tally,
    )
    return replace(empty, candidates=tuple(_cut(empty, guest, empty.rows[1]))).of(anchors)


def _order(labels: Labels, source: Source) -> Tensor:
    """The instances of a source, in the order of the plan."""
    return labels.order[source.rows(len(labels.y))[labels.order] >= 0]


def _cut(plan: PairPlan, source: Source, target_rows: int) -> Iterator[Chunk]:
    """All views of a source, in chunks."""
    z, v, labels = source.z, plan.v, plan.labels
    order, row = _order(labels, source), source.rows(plan.n)
    home = home_of(plan.device, z.numel() * z.element_size())
    most, unit = max(1, target_rows // v), LANES // math.gcd(LANES, v)
    sizes = torch.unique_consecutive(labels.y[order], return_counts=True)[1].tolist()
    for start, stop in spans(sizes, most, unit if 2 * unit <= most else 1):
        own = order[start:stop]
        rows = z[row[own]].to(home).transpose(0, 1).reshape(-1, z.shape[2]).contiguous()
        instance, view = own.repeat(v), torch.arange(v).repeat_interleave(stop - start)
        yield _chunk(plan, rows if home == plan.device else rows.pin_memory(), instance, view, start, stop, start * v)


def _some_anchors(plan: PairPlan, anchors: Tensor, rows: int) -> Iterator[Chunk]:
    """Chunks of sampled anchors, in the order of the plan."""
    row, v, done = plan.own.rows(plan.n), plan.v, 0
    anchors = anchors[row[anchors // v] >= 0]
    anchors = anchors[torch.argsort(plan.labels.places[anchors // v], stable=True)]
    for some in torch.split(anchors, rows) if len(anchors) else ():
        z = plan.own.z[row[some // v], some % v].to(plan.device).contiguous()
        yield _chunk(plan, z, some // v, some % v, -1, -1, done)
        done += len(some)


def _chunk(plan: PairPlan, z: Tensor, instance: Tensor, view: Tensor, start: int, stop: int, at: int) -> Chunk:
    labels, device = plan.labels, plan.device
    classes, groups = labels.ranks
    own = classes[instance]
    ascend = start < 0 and bool((own.diff() >= 0).all())  # not where a class lies in several super-classes
    return Chunk(
        z=z,
        y=labels.y[instance].to(device),
        ranks=tuple(own.tolist()) if ascend else (),
        group=_groups(labels, instance).to(device),
        instance=instance.to(device),
        anchor=(instance * plan.v + view).to(device),
        weight=plan.weights[instance].to(device),
        at=slice(at, at + len(instance)),
        start=start,
        stop=stop,
        classes=Span.of(own),
        groups=Span.of(groups[instance]),
        places=Span.of(labels.places[instance]),
    )


def _groups(labels: Labels, instance: Tensor) -> Tensor:
    return labels.y.new_empty(0) if labels.groups is None else labels.groups[instance]


def home_of(device: torch.device, size: int) -> torch.device:
    """Where embeddings of `size` bytes wait: on the device if they leave half of its free memory, else on the host."""
    fits = device.type != "cuda" or 2 * size <= torch.cuda.mem_get_info(device)[0]
    return device if fits else torch.device("cpu")


def by_instance(plan: PairPlan, columns: Sequence[Tensor]) -> Tensor:
    """(n, f) the threads' sums (f, candidates), added up, in the order of the data; zeros for who is no candidate.

    They are consumed: of a million instances each copy takes much memory.
    """
    summed, *others = columns
    for other in others:
        summed += other
        other.data = other.new_empty(0)  # whoever still holds it
    total = torch.zeros(plan.n, summed.shape[0], dtype=torch.float64)
    total[plan.order] = summed.cpu().T
    return total
