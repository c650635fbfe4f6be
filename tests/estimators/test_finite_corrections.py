"""What corrects losses at finite k: the sample's part of the bias, which drawing few negatives takes away."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from boundcheck.embeddings import EmbeddingSet
from boundcheck.estimators.finite import finite_losses
from boundcheck.estimators.montecarlo import montecarlo
from boundcheck.losses import UCL
from boundcheck.spec import Execution, Variant
from tests.strategies import clouds


@pytest.fixture(scope="module")
def crowd() -> EmbeddingSet:
    return EmbeddingSet(*clouds("clustered", n=60, v=2, d=6))


def test_one_negative_of_an_untilted_pool_leaves_nothing_to_correct(crowd: EmbeddingSet) -> None:
    """At k = 1 the loss averages over pairs, an unbiased mean; at k a share 1 - 1/k of the bias is left."""
    found = finite_losses(crowd, Variant(0.5, losses=(UCL,), design="iid"), (1, 2, 4), Execution(device="cpu"))
    limit = float(found.limit.correction)
    assert limit > 1e-4
    for k, table in found.tables.items():
        assert float(table.correction) == pytest.approx((1 - 1 / k) * limit, abs=0.1 * abs(limit))


def test_an_anchor_that_leaves_with_its_only_positive_is_corrected_for_at_every_k() -> None:
    """Against leaving out each instance in turn; at k = 1 nothing else is left to correct."""
    rng = np.random.default_rng(0)
    y = np.concatenate([np.arange(24) % 2, np.repeat(np.arange(2, 8), 2), [8]])
    z, variant = rng.standard_normal((len(y), 1, 4)) + y[:, None, None] / 4, Variant(0.5, losses=(UCL,), design="iid")

    def at_one(kept: np.ndarray) -> float:
        emb = EmbeddingSet(z[kept], y[kept])
        found = finite_losses(emb, variant, (1,), Execution(device="cpu"), intervals=False)
        return float(found.tables[1].losses.mean)

    every = np.arange(len(y))
    without = np.array([at_one(every[every != i]) for i in every])
    jackknife = (len(y) - 1) * (at_one(every) - without.mean())
    found = finite_losses(EmbeddingSet(z, y), variant, (1,), Execution(device="cpu")).tables[1]
    se = np.sqrt((len(y) - 1) / len(y) * np.square(without - without.mean()).sum())
    assert abs(jackknife) > 0.2 * se
    assert float(found.correction) == pytest.approx(jackknife, abs=0.1 * se)
    assert found.loss(found.keys[0]).se == pytest.approx(se, rel=0.1)


def test_drawn_negatives_are_not_corrected_as_the_limit_is(crowd: EmbeddingSet) -> None:
    execution = Execution(anchors=40, device="cpu")
    drawn, limit = (montecarlo(crowd, Variant(0.5), execution, negatives=k) for k in (5, None))
    assert torch.equal(drawn.correction, torch.zeros_like(drawn.correction))
    assert limit.correction.abs().min() > 0
