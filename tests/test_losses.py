"""The four losses against the literal loop, their reductions, and neural collapse in closed form."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from boundcheck.embeddings import EmbeddingSet
from boundcheck.errors import InputError
from boundcheck.estimators.anchor_losses import (
    AnchorLosses,
    anchor_losses,
    instance_weights,
    normalise_weights,
    weighted_mean,
)
from boundcheck.hardening import CONSTANT, Exponential, Polynomial, Threshold, terms_for
from boundcheck.losses import LOSSES, LossKey, choose_losses
from boundcheck.pairwise.cumulants import LogSumsOf
from boundcheck.pairwise.passes import ask, run_one
from boundcheck.spec import Variant
from tests.oracles import literal
from tests.oracles.bridge import eta_of, plan_of, problem_of
from tests.oracles.closed_forms import collapsed, collapsed_loss
from tests.strategies import clouds, embedding_sets

HARDENINGS = (Exponential(1.0), Exponential(12.0), Threshold(0.2718), Polynomial(3.0))
QS = (1.0, 7.0, math.inf)


def losses_of(emb: EmbeddingSet, spec: Variant, **options: object) -> AnchorLosses:
    plan = plan_of(emb, spec, **options)
    table = ask(plan, LogSumsOf(terms_for(spec.hardenings)))
    return run_one(plan, anchor_losses(emb, spec, table))


def column(losses: AnchorLosses, key: LossKey) -> torch.Tensor:
    return losses.value[:, losses.keys.index(key)]


@pytest.mark.slow
@settings(max_examples=25)
@given(
    emb=embedding_sets(max_n=10),
    temperature=st.sampled_from([0.05, 0.5]),
    mode=st.sampled_from(["augmentation", "class"]),
    self_pairs=st.sampled_from(["exclude", "include"]),
    prior=st.sampled_from(["empirical", "balanced"]),
)
def test_every_variant_follows_the_definition(emb, temperature, mode, self_pairs, prior):
    assume(mode == "class" or emb.v > 1)
    spec = Variant(temperature, hardening=HARDENINGS, q=QS, positives=mode, self_pairs=self_pairs, class_prior=prior)
    problem = problem_of(emb, spec)
    losses = losses_of(emb, spec, rows=(7, 5))
    for f, key in enumerate(losses.keys):
        expected = literal.anchor_losses(problem, key.loss.pool.id, eta_of(key.hardening, temperature), key.q, mode)
        np.testing.assert_allclose(losses.value[:, f].reshape(emb.n, emb.v), expected, atol=1e-8)
        assert bool((losses.weight[:, f] == 0).equal(losses.value[:, f].isnan()))
        if not np.isnan(expected).all():
            assert float(losses.mean[f]) == pytest.approx(literal.weighted_mean(problem, expected), abs=1e-8)
            assert float(losses.weight[:, f].sum()) == pytest.approx(emb.n * emb.v)


def test_without_a_tilt_the_hard_losses_are_the_plain_ones():
    emb = EmbeddingSet(*clouds("imbalanced", n=30, v=2, d=5))
    losses = losses_of(emb, Variant(0.3, hardening=(Exponential(0.0), Threshold(-1.0)), q=QS, positives="class"))
    for q in QS:
        for plain in ("ucl", "scl"):
            expected = column(losses, LossKey(LOSSES[plain], CONSTANT, q))
            assert bool(expected.isfinite().any())
            for none in (Exponential(0.0), Threshold(-1.0)):
                found = column(losses, LossKey(LOSSES["h" + plain], none, q))
                torch.testing.assert_close(found, expected, atol=1e-10, rtol=0, equal_nan=True)


@pytest.mark.parametrize("mode", ["augmentation", "class"])
def test_a_balanced_prior_on_balanced_classes_is_the_empirical_one(mode):
    emb = EmbeddingSet(*clouds("clustered", n=30, v=2, d=5))
    empirical = losses_of(emb, Variant(0.3, hardening=HARDENINGS, q=QS, positives=mode))
    balanced = losses_of(emb, Variant(0.3, hardening=HARDENINGS, q=QS, positives=mode, class_prior="balanced"))
    torch.testing.assert_close(balanced.value, empirical.value, atol=1e-10, rtol=0, equal_nan=True)
    torch.testing.assert_close(balanced.mean, empirical.mean, atol=1e-10, rtol=0, equal_nan=True)


def test_every_class_weighs_the_same_under_a_balanced_prior():
    emb = EmbeddingSet(*clouds("imbalanced", n=30, v=1, d=5))
    weights = instance_weights(torch.from_numpy(emb.y), "balanced")
    by_class = torch.zeros(emb.c, dtype=torch.float64).index_add_(0, torch.from_numpy(emb.y), weights)
    assert by_class.tolist() == pytest.approx([emb.n / emb.c] * emb.c)


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("temperature", [0.07, 0.5, 1.0])
@pytest.mark.parametrize("q", [1.0, 255.0, math.inf])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_neural_collapse_has_its_closed_form(classes, temperature, q, precision):
    per_class, beta = 4, 3.0
    z, y = collapsed(classes, per_class, views=2)
    emb = EmbeddingSet(z, y)
    tolerance = {"float32": 1e-5, "float64": 1e-6}[precision]
    for mode in ("augmentation", "class"):
        spec = Variant(temperature, hardening=(Exponential(beta),), q=(q,), positives=mode)
        losses = losses_of(emb, spec, precision=precision)
        for key, mean in zip(losses.keys, losses.mean.tolist(), strict=True):
            expected = collapsed_loss(key.loss.id, classes, per_class, temperature, q, beta)
            assert mean == pytest.approx(expected, abs=tolerance)


def test_weighted_means_ignore_what_is_undefined():
    value = torch.tensor([[1.0, math.nan], [math.nan, math.nan], [3.0, math.nan]], dtype=torch.float64)
    weight = normalise_weights(torch.tensor([1.0, 5.0, 3.0], dtype=torch.float64), ~value.isnan(), 3.0)
    assert weight[:, 0].tolist() == pytest.approx([0.75, 0.0, 2.25])
    mean = weighted_mean(value, weight)
    assert float(mean[0]) == pytest.approx(2.5)
    assert math.isnan(mean[1])


def test_keys_come_in_reporting_order():
    spec = Variant(0.5, hardening=(Exponential(1.0), CONSTANT), q=(1.0, math.inf))
    assert [(key.loss.id, key.q) for key in spec.keys[:4]] == [("ucl", 1.0), ("scl", 1.0), ("hucl", 1.0), ("hscl", 1.0)]
    assert len(spec.keys) == len(set(spec.keys)) == 8


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan, math.inf])
def test_temperature_must_be_positive(temperature):
    with pytest.raises(InputError, match="temperature"):
        Variant(temperature, hardening=())


@pytest.mark.parametrize("q", [0.0, -1.0, math.nan])
def test_q_must_be_positive(q):
    with pytest.raises(InputError, match="q: must be > 0"):
        Variant(0.5, hardening=(), q=(q,))


def test_losses_are_chosen_by_id_or_object_each_once():
    own = replace(LOSSES["ucl"], id="mine")
    assert [loss.id for loss in choose_losses([own, "hscl", " ucl"])] == ["ucl", "hscl", "mine"]
    for wrong, message in (
        ([own, replace(own, title="another")], "ids must be distinct, received 'mine' for two losses"),
        ([], "expected at least one"),
        ("ucl,uclx", "received 'uclx'"),
    ):
        with pytest.raises(InputError, match=message):
            choose_losses(wrong)


def test_weights_of_few_anchors_are_scaled_whatever_their_sum():
    """One defined anchor of a large class may weigh far less than one; where none is defined nothing weighs."""
    weight = torch.tensor([0.25, 2.0], dtype=torch.float64)
    scaled = normalise_weights(weight, torch.tensor([[True, False], [False, False]]), 6.0)
    assert scaled.tolist() == [[6.0, 0.0], [0.0, 0.0]]
