"""Passes over all pairs by several processes, of which none holds all candidates.

The instances, in the order of a plan, are dealt to the ranks in shards. A pass goes around a ring: every rank compares
the anchors of its own shard with its guest, another rank's shard, while the next one is on its way, and what the ranks
found is put together on the first. Functions of a plan that are marked `shared` do so when given a `ShardedPlan`.
"""

from __future__ import annotations

import functools
import inspect
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeAlias, TypeVar, cast

import torch.distributed as dist
from torch import Tensor

from boundcheck.pairwise.plan import PairPlan, Shard, plan_shards, sorted_order
from boundcheck.ranks import Ranks, cores, meeting

P = ParamSpec("P")
T = TypeVar("T")
Join: TypeAlias = Callable[[Any, Any], Any]


@dataclass(frozen=True)
class Ring:
    """What one rank knows of embeddings that are dealt to all.

    Attributes:
        ranks: the ranks.
        own: this rank's shard, on its device.
        y: (n,) class codes of all instances.
        largest_norm: of all embeddings.
    """

    ranks: Ranks
    own: Shard
    y: Tensor
    largest_norm: float

    @property
    def cores(self) -> int:
        """Cores of all ranks, taken to be as many on each."""
        return self.ranks.size * cores()

    @property
    def edges(self) -> list[int]:
        """Positions at which the ranks' shards begin, and the end."""
        return shard_edges(len(self.y), self.ranks.size)

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
    """The pairs of embeddings that are dealt to several ranks, as the first of them knows it: without chunks.

    Attributes:
        ring: the first rank's.
        chosen: original indices of the anchors; None for all.
        options: of `plan_shards`, but for the anchors and what differs from rank to rank.
    """

    ring: Ring
    chosen: Tensor | None
    options: Mapping[str, Any]

    @property
    def n_anchors(self) -> int:
        """Anchors of a pass."""
        return self.n * self.v if self.chosen is None else len(self.chosen)


def sharded_plan(ring: Ring, anchors: Tensor | None, **options: Any) -> ShardedPlan:
    """A plan that `shared` functions pass over together.

    Args:
        ring: the first rank's.
        anchors: original indices; None for all.
        **options: temperature, weights, self_pairs, dtype and mixed of `plan_pairs`.
    """
    weights = options["weights"]
    return ShardedPlan(
        anchors=(),
        candidates=(),
        order=sorted_order(ring.y),
        symmetric=False,
        reach=ring.largest_norm**2 / options["temperature"],
        n=len(ring.y),
        v=ring.own.z.shape[1],
        temperature=options["temperature"],
        self_pairs=options["self_pairs"],
        weighted=bool((weights != 1).any()),
        dtype=options["dtype"],
        mixed=options["mixed"],
        device=ring.ranks.device,
        threads=1,
        ring=ring,
        chosen=anchors,
        options=options,
    )


def shared(
    over_candidates: Join = operator.add, over_anchors: Join = operator.add
) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Lets a function of a plan be computed by all ranks where the plan is dealt to them.

    Args:
        over_candidates: puts together the results for the same anchors and the candidates of two shards.
        over_anchors: puts together the results for the anchors of two ranks.
    """

    def mark(function: Callable[P, T]) -> Callable[P, T]:
        signature = inspect.signature(function)

        @functools.wraps(function)
        def on_any_plan(*args: P.args, **kwargs: P.kwargs) -> T:
            given = signature.bind(*args, **kwargs).arguments
            plan = given["plan"]
            if not isinstance(plan, ShardedPlan):
                return function(*args, **kwargs)
            ranks, progress = plan.ring.ranks, given.pop("progress", None)
            assert ranks.held["ring"] is plan.ring, "the ranks hold the set that was dealt last"
            ranks.held["progress"] = progress and functools.partial(_told, progress, plan.n_anchors)
            rest = {name: value for name, value in given.items() if name != "plan"}
            return cast(T, ranks.call(_together, on_any_plan, joins, plan.chosen, plan.options, rest))

        joins = over_candidates, over_anchors
        return on_any_plan

    return mark


def _told(progress: Callable[[int, int, str], None], anchors: int, done: float) -> None:
    progress(round(anchors * done), anchors, "anchors")


def _together(
    ranks: Ranks,
    function: Callable[..., T],
    joins: tuple[Join, Join],
    anchors: Tensor | None,
    options: Mapping[str, Any],
    arguments: Mapping[str, Any],
) -> T | None:
    """One rank's part of a pass; the whole on the first rank."""
    ring: Ring = ranks.held["ring"]
    over_candidates, over_anchors = joins
    progress = ranks.held.get("progress")
    own: T | None = None
    for round_, guest in enumerate(ring.guests(), start=1):
        if len(ring.own.z) and len(guest.z):
            plan = plan_shards(
                ring.own,
                guest,
                ring.y,
                largest_norm=ring.largest_norm,
                anchors=anchors,
                device=ranks.device,
                **options,
            )
            if plan.anchors:
                part = function(plan, **arguments)
                own = part if own is None else over_candidates(own, part)
        if progress is not None:
            progress(round_ / ranks.size)
    whole: T | None = None
    for part_of_rank in ranks.gather_on_first(own):
        if part_of_rank is not None:
            whole = part_of_rank if whole is None else over_anchors(whole, part_of_rank)
    return whole


def shard_edges(n: int, ranks: int) -> list[int]:
    """Where the shards of n instances begin, one a rank, and the end; sizes differ by one at most."""
    return [n * rank // ranks for rank in range(ranks + 1)]
