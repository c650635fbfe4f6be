"""The mini-batch estimator: what it is without a tilt, with one negative, and for large batches."""

import math

import pytest
import torch

from boundcheck.embeddings import EmbeddingSet
from boundcheck.estimators.finite import finite_losses
from boundcheck.estimators.minibatch import minibatch_frame, undefined_batches
from boundcheck.spec import Execution, Variant
from tests.strategies import clouds


@pytest.mark.parametrize("positives", ["augmentation", "class"])
def test_batches_against_draws_from_the_tilted_pool(positives):
    emb = EmbeddingSet(*clouds("clustered", n=60, v=2, d=6, seed=2))
    spec = Variant(betas=[3.0], hardening=["exp", "poly:2"], q=[1.0, math.inf], positives=positives).on(emb)
    finite = finite_losses(emb, spec, (1, 5, 1000), Execution(device="cpu"), intervals=False)
    frame = minibatch_frame(finite.limit, (1, 5, 1000, 5000), seed=3)
    assert set(frame.k) == {1, 5, 1000} and len(frame) == 3 * len(finite.limit.keys)
    at = frame.set_index(["loss", "hardening", "q", "k"])
    for key in finite.limit.keys:
        one, five, many = (at.loc[(key.loss.id, key.hardening.family, key.q, k)] for k in (1, 5, 1000))
        plain = next(k for k in finite.limit.keys if k.loss.id == key.loss.id.removeprefix("h") and k.q == key.q)
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
    finite = finite_losses(emb, Variant(betas=[1.0]).on(emb), (4,), Execution(device="cpu"), intervals=False)
    frame = minibatch_frame(finite.limit, (4,))
    assert frame.minibatch.notna().all() and torch.isnan(finite.limit.per_anchor(finite.limit.keys[0])).sum() == 1


def test_batches_below_a_threshold_have_no_loss_and_are_counted():
    """An anchor whose pool of 19 holds p above the threshold sees none of them in k draws with (1 - p / 19)^k."""
    emb = EmbeddingSet(*clouds("clustered", n=20, v=1, d=3, seed=1))
    spec = Variant(hardening="threshold:0.6").on(emb)
    limit = finite_losses(emb, spec, (1,), Execution(device="cpu"), intervals=False).limit
    frame = minibatch_frame(limit, (1, 3, 40))
    assert frame.minibatch.notna().all() and (frame.minibatch_undefined[frame.hardening == "constant"] == 0).all()
    hard = frame[(frame.loss == "hucl") & (frame.hardening != "constant")].set_index("k")
    weight = limit.losses.weight[:, [key.loss.id for key in limit.keys].index("hucl")]
    z = torch.from_numpy(emb.z[:, 0])
    passing = ((z @ z.T >= 0.6).sum(1) - 1) / 19
    for k in (1, 3, 40):
        expected = float((weight * (1 - passing) ** k).sum() / weight.sum())
        assert hard.minibatch_undefined[k] == pytest.approx(expected, abs=0.03)
    assert 0 < hard.minibatch_undefined[3] < hard.minibatch_undefined[1] < 1
    warnings = undefined_batches(frame)
    assert len(warnings) == 2 and "hucl (threshold:0.6): no negative passes in" in warnings[0]
    assert "% of batches of 3" in warnings[0]


def test_the_average_over_defined_batches_and_its_error():
    """Repeats of the whole experiment scatter as the standard error says; batches without a loss count for nothing."""
    emb = EmbeddingSet(*clouds("clustered", n=24, v=1, d=3, seed=1))
    limit = finite_losses(
        emb, Variant(hardening="threshold:0.5").on(emb), (1,), Execution(device="cpu"), intervals=False
    ).limit
    frames = [minibatch_frame(limit, (3,), seed=seed) for seed in range(100)]
    for row in range(len(frames[0])):
        values = [frame.minibatch[row] for frame in frames]
        assert torch.tensor(values).std() == pytest.approx(
            sum(frame.minibatch_se[row] for frame in frames) / 100, rel=0.3
        )


def test_no_batch_at_all_is_undefined_not_a_number_of_something():
    emb = EmbeddingSet([[1.0, 0.0], [0.999, 0.01], [0.0, 1.0], [0.01, 0.999]] * 30, [0, 0, 1, 1] * 30)
    limit = finite_losses(
        emb, Variant(hardening="threshold:0.9").on(emb), (1,), Execution(device="cpu"), intervals=False
    ).limit
    frame = minibatch_frame(limit, (5,))
    row = frame.query("loss == 'hscl' and hardening == 'threshold:0.9'")  # the classes are far apart
    assert math.isnan(row.minibatch.item()) and row.minibatch_undefined.item() == 1
    assert "hscl (threshold:0.9): no negative passes in 100.0% of batches of 5" in undefined_batches(frame)[-1]
