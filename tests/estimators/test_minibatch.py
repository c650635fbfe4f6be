"""The mini-batch estimator: what it is without a tilt, with one negative, and for large batches."""

import math

import pytest
import torch

from boundcheck.embeddings import EmbeddingSet
from boundcheck.estimators import loss_spec
from boundcheck.estimators.finite import finite_losses
from boundcheck.estimators.minibatch import minibatch_frame
from tests.strategies import clouds


@pytest.mark.parametrize("positives", ["augmentation", "class"])
def test_batches_against_draws_from_the_tilted_pool(positives):
    emb = EmbeddingSet(*clouds("clustered", n=60, v=2, d=6, seed=2))
    spec = loss_spec(emb, betas=[3.0], hardening=["exp", "poly:2"], q=[1.0, math.inf], positives=positives)
    finite = finite_losses(emb, spec, (1, 5, 1000), intervals=False, device="cpu")
    frame = minibatch_frame(finite.limit, (1, 5, 1000, 5000), seed=3)
    assert set(frame.k) == {1, 5, 1000} and len(frame) == 3 * len(finite.limit.keys)
    at = frame.set_index(["loss", "hardening", "q", "k"])
    for key in finite.limit.keys:
        one, five, many = (at.loc[(key.loss, key.hardening.family, key.q, k)] for k in (1, 5, 1000))
        plain = next(k for k in finite.limit.keys if k.loss == key.loss.removeprefix("h") and k.q == key.q)
        # One negative leaves nothing to weigh: whatever the tilt, the loss is that of an untilted draw.
        expected = finite.tables[1].loss(plain).plugin
        assert abs(one.minibatch - expected) < 4.5 * one.minibatch_se
        tilted = finite.tables[5].loss(key).plugin
        if key == plain:
            assert abs(five.minibatch - tilted) < 4.5 * five.minibatch_se
        else:
            assert five.minibatch < tilted - 3 * five.minibatch_se
        assert abs(many.minibatch - finite.limit.loss(key).plugin) < max(0.01, 4.5 * many.minibatch_se)


def test_anchors_without_a_positive_are_left_out():
    emb = EmbeddingSet(*clouds("clustered", n=31, v=1, d=6, seed=2))
    emb = EmbeddingSet(emb.z, [*emb.y[:-1], 77])
    finite = finite_losses(emb, loss_spec(emb, betas=[1.0]), (4,), intervals=False, device="cpu")
    frame = minibatch_frame(finite.limit, (4,))
    assert frame.minibatch.notna().all() and torch.isnan(finite.limit.per_anchor(finite.limit.keys[0])).sum() == 1
