"""Passes over all pairs by several processes, of which none holds all candidates.

The instances, in the order of a plan, are sharded among the ranks. A pass goes around a ring: every rank compares the
anchors of its own shard with its guest, another rank's shard, while the next one is on its way, and what the ranks
found is put together on the first.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from boundcheck.pairwise.chunks import Source
from boundcheck.pairwise.labels import Labels
from boundcheck.pairwise.passes import Request, serve
from boundcheck.pairwise.plan import PairPlan, Tally, plan_pairs
from boundcheck.ranks import Ranks, cores, meeting
from boundcheck.spec import Progress


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


@dataclass(frozen=True)
class Ring:
    """What one rank knows of embeddings that are sharded among all.

    Attributes:
        ranks: the processes.
        own: this rank's shard, on its device.
        labels: of all instances.
        largest_norm: of all embeddings.
    """

    ranks: Ranks
    own: Shard
    labels: Labels
    largest_norm: float

    @property
    def cores(self) -> int:
        """Cores of all ranks, taken to be as many on each."""
        return self.ranks.size * cores()

    @property
    def edges(self) -> list[int]:
        """Positions at which the ranks' shards begin, and the end."""
        return shard_edges(len(self.labels.y), self.ranks.size)

    def guests(self) -> Iterator[Shard]:
        """Every rank's shard in turn, the own one first; the next is on its way while one is used."""
        size, rank, edges = self.ranks.size, self.ranks.rank, self.edges
        here = self.own
        for step in range(1, size):
            start, stop = edges[(rank + step) % size : (rank + step) % size + 2]
            following = Shard(here.z.new_empty(stop - start, *here.z.shape[1:]), start)
            with meeting():
                moves = [
                    dist.P2POp(operation, shard.z, (rank + side) % size)
                    for operation, shard, side in ((dist.isend, here, -1), (dist.irecv, following, 1))
                    if len(shard.z)
                ]
                under_way = dist.batch_isend_irecv(moves) if moves else []
            yield here
            with meeting():
                for move in under_way:
                    move.wait()
            here = following
        yield here


@dataclass(frozen=True)
class ShardedPlan(PairPlan):
    """The pairs of embeddings that are sharded among ranks, as the first of them knows it: without chunks.

    Attributes:
        ring: the first rank's.
        chosen: original indices of the anchors; None for all.
    """

    ring: Ring = field(repr=False)
    chosen: Tensor | None = field(repr=False)

    @property
    def n_anchors(self) -> int:
        """Anchors of a pass."""
        return self.n * self.v if self.chosen is None else len(self.chosen)

    def of(self, anchors: Tensor | None) -> ShardedPlan:
        """The pairs of some anchors."""
        return replace(self, chosen=anchors)

    def served(self, requests: Sequence[Any], progress: Progress | None) -> list[Any]:
        """What all ranks answer together."""
        ranks = self.ring.ranks
        assert ranks.held["ring"] is self.ring, "the ranks hold the set that was sharded last"
        ranks.held["progress"] = progress and functools.partial(_told, progress, self.n_anchors)
        options = {
            "temperature": self.temperature,
            "weights": self.weights,
            "self_pairs": self.self_pairs,
            "partition": self.partition,
            "precision": self.precision,
        }
        self.tally.passes += 1
        self.tally.pairs += self.pairs
        answers: list[Any] | None = ranks.call(_together, tuple(requests), self.chosen, options)
        assert answers is not None, "the first rank has them"
        return answers


def sharded_plan(ring: Ring, anchors: Tensor | None, tally: Tally | None = None, **options: Any) -> ShardedPlan:
    """A plan whose requests all ranks serve together.

    Args:
        ring: the first rank's.
        anchors: original indices; None for all.
        tally: counts it.
        **options: temperature, weights, self_pairs, partition and precision of `plan_pairs`.
    """
    tally = tally or Tally()
    tally.plans += 1
    nothing = Source(ring.own.z[:0], torch.empty(0, dtype=torch.long))
    return ShardedPlan(
        own=nothing,
        guest=nothing,
        labels=ring.labels,
        anchors=(),
        candidates=(),
        order=ring.labels.order,
        symmetric=False,
        largest_norm=ring.largest_norm,
        device=ring.ranks.device,
        threads=1,
        rows=(0, 0),
        tally=tally,
        ring=ring,
        chosen=anchors,
        **options,
    )


def _told(progress: Callable[[int, int, str], None], anchors: int, done: float) -> None:
    progress(round(anchors * done), anchors, "anchors")


def _together(
    ranks: Ranks, requests: tuple[Request[Any], ...], anchors: Tensor | None, options: Mapping[str, Any]
) -> list[Any] | None:
    """One rank's part of a pass; the whole on the first rank."""
    ring: Ring = ranks.held["ring"]
    progress = ranks.held.get("progress")
    own = ring.own
    mine: list[Any] | None = None
    for round_, guest in enumerate(ring.guests(), start=1):
        if len(own.z) and len(guest.z):
            plan = _plan(ring, guest, anchors, options)
            if plan.anchors:
                found = serve(plan, requests)
                mine = found if mine is None else [
                    request.over_candidates(one, two) for request, one, two in zip(requests, mine, found, strict=True)
                ]  # fmt: skip
        if progress is not None:
            progress(round_ / ranks.size)
    whole: list[Any] | None = None
    for of_rank in ranks.gather_on_first(mine):
        if of_rank is not None:
            whole = of_rank if whole is None else [
                request.over_anchors(one, two) for request, one, two in zip(requests, whole, of_rank, strict=True)
            ]  # fmt: skip
    return whole


def _plan(ring: Ring, guest: Shard, anchors: Tensor | None, options: Mapping[str, Any]) -> PairPlan:
    """The pairs of this rank's anchors and a guest's candidates."""
    labels, device = ring.labels, ring.ranks.device
    sources = [Source(shard.z, labels.order[shard.start : shard.stop]) for shard in (guest, ring.own)]
    own = sources[0] if guest.start == ring.own.start else sources[1]
    return plan_pairs(
        sources[0], labels.y, groups=labels.groups, own=own, largest_norm=ring.largest_norm, anchors=anchors,
        device=device, **options,
    )  # fmt: skip


def shard_edges(n: int, ranks: int) -> list[int]:
    """Where the shards of n instances begin, one a rank, and the end; sizes differ by one at most."""
    return [n * rank // ranks for rank in range(ranks + 1)]
