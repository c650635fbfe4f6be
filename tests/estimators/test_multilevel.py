"""Sampled negatives: unbiased for the data set's own limit, with a standard error that covers what was sampled."""

import math
from importlib import import_module

import numpy as np
import pytest

import boundcheck as bc
from boundcheck.embeddings import EmbeddingSet
from boundcheck.errors import InputError
from boundcheck.estimators.exact import exact
from boundcheck.estimators.multilevel import multilevel
from boundcheck.hardening import Exponential, Polynomial
from boundcheck.losses import LossKey, LossSpec
from tests.strategies import clouds

SEEDS = 25


@pytest.fixture(autouse=True)
def few_draws(monkeypatch):
    """Four draws at the lowest level: a large bias to take away, and five levels in the smallest of pools."""
    monkeypatch.setattr(import_module("boundcheck.estimators.multilevel"), "DRAWS", 4)


CASES = [
    ("clustered", dict(), 48),
    ("imbalanced", dict(positives="class"), 24),
    ("imbalanced", dict(self_pairs="include", positives="class"), 24),
    ("clustered", dict(class_prior="balanced"), 48),
]


@pytest.mark.slow
@pytest.mark.parametrize(("cloud", "variant", "anchors"), CASES)
def test_the_mean_over_seeds_is_the_exact_value(cloud, variant, anchors):
    emb = EmbeddingSet(*clouds(cloud, n=24, v=2, d=6, seed=1))
    spec = LossSpec(0.5, (Exponential(2.0), Polynomial(2.0)), **variant)
    whole = exact(emb, spec, intervals=False, device="cpu")
    runs = [multilevel(emb, spec, anchors=anchors, seed=seed) for seed in range(SEEDS)]
    for key in spec.keys:
        values = np.array([run.loss(key).value for run in runs])
        scatter = values.std(ddof=1)
        assert abs(values.mean() - whole.loss(key).plugin) < 3.5 * scatter / math.sqrt(SEEDS), key
        rms = math.sqrt(np.mean([run.loss(key).se ** 2 for run in runs]))
        assert rms == pytest.approx(scatter, rel=0.45), key


def test_the_lowest_level_alone_would_be_biased():
    """The test above can fail: g_0 of four draws is far from the limit."""
    emb = EmbeddingSet(*clouds("clustered", n=40, v=2, d=6, seed=1))
    spec = LossSpec(0.5, (Exponential(2.0),), (math.inf,))
    key = LossKey("hucl", Exponential(2.0), math.inf)
    limit = exact(emb, spec, intervals=False, device="cpu").loss(key).plugin
    short = np.mean(
        [bc.estimate(emb, betas=[2.0], q=[math.inf], negatives=4, seed=s).loss(key).plugin for s in range(5)]
    )
    assert limit - short > 0.01


def test_the_same_seed_gives_the_same_numbers():
    emb = EmbeddingSet(*clouds("clustered", n=30, v=2, d=6))
    first, again, other = (bc.estimate(emb, estimator="multilevel", anchors=20, seed=s).to_frame() for s in (1, 1, 2))
    assert first.equals(again)
    assert not np.allclose(first.estimate, other.estimate)
    assert (first.estimator == "multilevel").all()
    assert list(first.columns) == list(bc.estimate(emb, device="cpu").to_frame().columns)


def test_every_anchor_sampled_leaves_the_draws_alone_to_chance():
    """At collapse the draws of a pool of one class are all alike, so that SCL is known; sampling half of it is too."""
    emb = EmbeddingSet(np.repeat(np.eye(2)[[0, 0, 0, 1, 1, 1]][:, None], 2, axis=1), [0, 0, 0, 1, 1, 1])
    for anchors in (12, 6):
        found = multilevel(emb, LossSpec(1.0, (Exponential(3.0),)), anchors=anchors)
        for key in found.keys:
            if key.loss in ("scl", "hscl"):
                assert found.loss(key).value == pytest.approx(math.log1p(math.exp(-1)), abs=1e-9)
                assert found.loss(key).se == pytest.approx(0, abs=1e-9)


def test_cost_is_a_fraction_of_all_pairs():
    emb = EmbeddingSet(*clouds("clustered", n=1500, v=1, d=4))
    found = bc.estimate(emb, estimator="multilevel", anchors=50, betas=[1.0])
    assert found.cost.pairs < 0.3 * 50 * 1500


def test_loners_stay_out():
    emb = EmbeddingSet(np.random.default_rng(0).standard_normal((9, 3)), [0, 0, 0, 0, 1, 1, 1, 1, 2])
    table = bc.estimate(emb, estimator="multilevel", anchors=9, betas=[1.0])
    assert (table.to_frame().n_anchors == 8).all()
    assert np.isfinite(table.to_frame()[["estimate", "se"]]).all(axis=None)
    assert table.assumption_frame().empty


def test_what_it_refuses():
    emb = EmbeddingSet(*clouds("clustered", n=30, v=2, d=6))
    for options, message in (
        (dict(hardening="threshold:0.2"), "needs eta > 0 everywhere, received threshold:0.2"),
        (dict(negatives=3), "negatives: multilevel estimates the limit, received 3"),
        (dict(anchors=61), "between 2 and the 60 there are, received 61"),
        (dict(anchors=1), "received 1"),
    ):
        with pytest.raises(InputError, match=message):
            bc.estimate(emb, estimator="multilevel", **options)
    with pytest.raises(InputError, match="claims need every anchor"):
        bc.verify(emb, estimator="multilevel")
