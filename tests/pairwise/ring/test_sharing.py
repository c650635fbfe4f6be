"""The ring without processes: sums over all pairs of shards are those over all pairs."""

import functools
from itertools import pairwise

import numpy as np
import pytest
import torch

from boundcheck.embeddings import EmbeddingSet
from boundcheck.estimators.anchor_losses import anchor_losses, instance_weights
from boundcheck.estimators.averages import functionals
from boundcheck.hardening import Exponential, Threshold, terms_for
from boundcheck.losses import LOSSES, Loss
from boundcheck.pairwise.chunks import Source
from boundcheck.pairwise.critical import TiltedSums
from boundcheck.pairwise.cumulants import LogSumsOf
from boundcheck.pairwise.jackknife.leave_out import LeaveOneOutOf
from boundcheck.pairwise.labels import Labels
from boundcheck.pairwise.laplace.pools import PoolInfluenceOf, PoolTransformsOf
from boundcheck.pairwise.laplace.positives import ClassInfluenceOf, ClassTransformOf
from boundcheck.pairwise.passes import Request, ask, run_one
from boundcheck.pairwise.plan import plan_pairs
from boundcheck.pairwise.positives import ClassMeansOf
from boundcheck.pairwise.ring.sharing import shard_edges
from boundcheck.pools import BY_CLASS, BY_CLASS_AND_GROUP, DIFF, SIBLINGS, Partition
from boundcheck.spec import Variant

OPTIONS = dict(hardening=(Exponential(3.0), Threshold(0.1)), positives="class", class_prior="balanced")
SPEC = Variant(0.3, **OPTIONS)
AMONG_SIBLINGS = Variant(0.3, **OPTIONS, losses=[*LOSSES, Loss("sib", "H-SCL among siblings", SIBLINGS, True)])
SOME = torch.tensor([3, 4, 11, 16, 17, 23])


@pytest.fixture(scope="module")
def emb() -> EmbeddingSet:
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat([0, 1, 2], [2, 1, 9]))
    return EmbeddingSet(rng.standard_normal((12, 2, 5)), y, groups=y % 2)


class Shards:
    """Every rank's shard with every guest's, and the whole."""

    def __init__(self, emb: EmbeddingSet, ranks: int, anchors: torch.Tensor | None, spec: Variant) -> None:
        z, y, groups = (torch.from_numpy(values) for values in (emb.z, emb.y, emb.groups))
        options = dict(
            temperature=spec.temperature, groups=groups, weights=instance_weights(y, spec.class_prior),
            partition=spec.partition, anchors=anchors, rows=(7, 5), threads=1,
        )  # fmt: skip
        self.whole = plan_pairs(z, y, **options)
        order = Labels(y, groups).order
        where = [order[a:b] for a, b in pairwise(shard_edges(emb.n, ranks)) if a < b]
        cut = [Source(z[some], some) for some in where]
        norm = float(z.norm(dim=2).max())
        self.plans = [
            [plan_pairs(guest, y, own=None if guest is own else own, largest_norm=norm, **options) for guest in cut]
            for own in cut
        ]
        self.plans = [row for row in self.plans if row[0].anchors]

    def around(self, request: Request):
        """What the ranks find together."""
        rows = [functools.reduce(request.over_candidates, [ask(plan, request) for plan in row]) for row in self.plans]
        return functools.reduce(request.over_anchors, rows)


@pytest.mark.slow
@pytest.mark.parametrize(("spec", "partition"), [(SPEC, BY_CLASS), (AMONG_SIBLINGS, BY_CLASS_AND_GROUP)])
@pytest.mark.parametrize(("ranks", "anchors"), [(2, SOME), (5, None), (15, SOME)])
def test_sums_over_shards_are_sums_over_all(
    emb: EmbeddingSet, ranks: int, anchors: torch.Tensor | None, spec: Variant, partition: Partition
) -> None:
    shards = Shards(emb, ranks, anchors, spec)
    assert sum(plan.pairs for row in shards.plans for plan in row) == shards.whole.pairs
    assert shards.whole.partition == partition
    y, whole = torch.from_numpy(emb.y), shards.whole
    close = functools.partial(torch.testing.assert_close, rtol=1e-9, atol=1e-11, equal_nan=True)

    request = LogSumsOf(terms_for(spec.hardenings))
    table, around = ask(whole, request), shards.around(request)
    assert around.anchors.equal(table.anchors)
    close(around.log_sums, table.log_sums)
    close(around.largest, table.largest)

    losses = run_one(whole, anchor_losses(emb, spec, table))
    request = LeaveOneOutOf(table, tuple(functionals(emb, spec, table, losses)))
    one, many = ask(whole, request), shards.around(request)
    for field in ("row_sum", "influence"):
        close(getattr(many, field), getattr(one, field), rtol=1e-7, atol=1e-9)
    for field in ("shift", "spread", "ess"):
        for tilt, values in getattr(one, field).items():
            close(getattr(many, field)[tilt], values, rtol=1e-7, atol=1e-9)

    rho = torch.stack([table.rho(key.tilt.pool, key.hardening) for key in spec.keys], 1)
    request = ClassMeansOf(table.anchors, rho, tuple(key.q for key in spec.keys), losses.weight, steepness=4.0)
    one, many = ask(whole, request), shards.around(request)
    for field in ("value", "slope", "curvature", "influence"):
        close(getattr(many, field), getattr(one, field))

    beta = torch.linspace(0, 4, len(table.anchors), dtype=torch.float64)
    request = TiltedSums(table.anchors, beta, table.largest_logit(DIFF))
    close(shards.around(request), ask(whole, request))

    log_u, nodes = torch.full((len(table.anchors),), -3.0, dtype=torch.float64), 9
    of_pools = dict(table=table, hardenings=spec.hardenings, log_u=log_u, nodes=nodes)
    request = PoolTransformsOf(**of_pools)
    transforms, around = ask(whole, request), shards.around(request)
    tilts = tuple(key.tilt for key in spec.keys)
    for tilt in tilts:
        close(around.of(tilt), transforms.of(tilt))
    slope = torch.rand(len(table.anchors), len(tilts), nodes, dtype=torch.float64, generator=torch.Generator())
    request = PoolInfluenceOf(**of_pools, transforms=transforms, tilts=tilts, slope=slope)
    close(shards.around(request), ask(whole, request))

    count = torch.bincount(y)[y[table.anchors // emb.v]] * emb.v - 1
    of_positives = dict(rows=table.anchors, count=count, log_u=log_u, nodes=nodes)
    request = ClassTransformOf(**of_positives)
    transform = ask(whole, request)
    close(shards.around(request), transform)
    request = ClassInfluenceOf(**of_positives, transform=transform, slope=slope)
    close(shards.around(request), ask(whole, request))
