"""The ring without processes: sums over all pairs of shards are those over all pairs."""

import functools
from itertools import pairwise
from operator import add

import numpy as np
import pytest
import torch

from boundcheck.embeddings import EmbeddingSet
from boundcheck.estimators.anchor_losses import anchor_losses, instance_weights
from boundcheck.estimators.exact import functionals
from boundcheck.hardening import Exponential, Threshold, terms_for
from boundcheck.pairwise.critical import tilted_sums
from boundcheck.pairwise.cumulants import LogSumsOf, pooled, stacked
from boundcheck.pairwise.jackknife.leave_out import leave_one_out
from boundcheck.pairwise.laplace.pools import pool_influence, pool_transforms, weighted_sums
from boundcheck.pairwise.laplace.positives import class_influence, class_transform
from boundcheck.pairwise.passes import ask
from boundcheck.pairwise.plan import Shard, plan_pairs, plan_shards, sorted_order
from boundcheck.pairwise.positives import class_means
from boundcheck.pairwise.ring.sharing import shard_edges
from boundcheck.pools import DIFF
from boundcheck.spec import Variant

SPEC = Variant(0.3, hardening=(Exponential(3.0), Threshold(0.1)), positives="class", class_prior="balanced")
SOME = torch.tensor([3, 4, 11, 16, 17, 23])


@pytest.fixture(scope="module")
def emb() -> EmbeddingSet:
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat([0, 1, 2], [2, 1, 9]))
    return EmbeddingSet(rng.standard_normal((12, 2, 5)), y)


class Shards:
    """Every rank's shard with every guest's, and the whole."""

    def __init__(self, emb: EmbeddingSet, ranks: int, anchors: torch.Tensor | None) -> None:
        z, y = torch.from_numpy(emb.z), torch.from_numpy(emb.y)
        options = dict(
            temperature=SPEC.temperature, weights=instance_weights(y, SPEC.class_prior), anchors=anchors,
            rows=(7, 5), threads=1,
        )  # fmt: skip
        self.whole = plan_pairs(z, y, **options)
        edges = shard_edges(emb.n, ranks)
        cut = [Shard(z[sorted_order(y)[a:b]], a) for a, b in pairwise(edges)]
        norm = float(z.norm(dim=2).max())
        self.plans = [
            [plan_shards(own, other, y, largest_norm=norm, **options) for other in cut if len(other.z)]
            for own in cut
            if len(own.z)
        ]
        self.plans = [row for row in self.plans if row[0].anchors]

    def around(self, function, *arguments, over_candidates=add, over_anchors=add):
        rows = [functools.reduce(over_candidates, [function(plan, *arguments) for plan in row]) for row in self.plans]
        return functools.reduce(over_anchors, rows)


@pytest.mark.parametrize(("ranks", "anchors"), [(2, SOME), (5, None), (15, SOME)])
def test_sums_over_shards_are_sums_over_all(emb, ranks, anchors):
    shards = Shards(emb, ranks, anchors)
    assert sum(plan.pairs for row in shards.plans for plan in row) == shards.whole.pairs
    z, y, whole = torch.from_numpy(emb.z), torch.from_numpy(emb.y), shards.whole
    terms = terms_for(SPEC.hardenings)
    close = functools.partial(torch.testing.assert_close, rtol=1e-9, atol=1e-11, equal_nan=True)

    table = ask(whole, LogSumsOf(terms))
    around = shards.around(cumulant_table, terms, over_candidates=pooled, over_anchors=stacked)
    assert around.anchors.equal(table.anchors)
    close(around.log_sums, table.log_sums)
    close(around.largest, table.largest)

    losses = anchor_losses(z, y, whole, table, SPEC)
    wanted = functionals(emb, SPEC, table, losses)
    one = leave_one_out(whole, table, wanted)
    many = shards.around(leave_one_out, table, wanted)
    for field in ("row_sum", "influence"):
        close(getattr(many, field), getattr(one, field), rtol=1e-7, atol=1e-9)
    for field in ("shift", "spread", "ess"):
        for tilt, values in getattr(one, field).items():
            close(getattr(many, field)[tilt], values, rtol=1e-7, atol=1e-9)

    rho = torch.stack([table.rho(key.tilt.pool, key.hardening) for key in SPEC.keys], 1)
    arguments = y, table.anchors, rho, tuple(key.q for key in SPEC.keys), losses.weight
    one, many = class_means(whole, *arguments), shards.around(class_means, *arguments)
    for field in ("value", "slope", "curvature", "influence"):
        close(getattr(many, field), getattr(one, field))

    beta, largest = torch.linspace(0, 4, len(table.anchors), dtype=torch.float64), table.largest[:, DIFF]
    arguments = table.anchors, beta, largest
    close(shards.around(tilted_sums, *arguments), tilted_sums(whole, *arguments))

    log_u, nodes = torch.full((len(table.anchors),), -3.0, dtype=torch.float64), 9
    arguments = table, SPEC.hardenings, log_u, nodes
    close(shards.around(weighted_sums, *arguments), weighted_sums(whole, *arguments))
    transforms = pool_transforms(whole, *arguments)
    tilts = [key.tilt for key in SPEC.keys]
    slope = torch.rand(len(table.anchors), len(tilts), nodes, dtype=torch.float64, generator=torch.Generator())
    arguments = transforms, tilts, slope, log_u
    close(shards.around(pool_influence, *arguments), pool_influence(whole, *arguments))

    count = torch.bincount(y)[y[table.anchors // emb.v]] * emb.v - 1
    arguments = table.anchors, count, log_u, nodes
    transform = class_transform(whole, *arguments)
    close(shards.around(class_transform, *arguments), transform)
    arguments = table.anchors, transform, count, slope, log_u
    close(shards.around(class_influence, *arguments), class_influence(whole, *arguments))
