"""Sampled anchors and drawn negatives: reproducible, unbiased, and converging to the exact value."""

import math

import numpy as np
import pytest
import torch

import boundcheck as bc
from boundcheck.embeddings import EmbeddingSet
from boundcheck.errors import InputError
from boundcheck.estimators.exact import exact
from boundcheck.estimators.finite import finite_losses
from boundcheck.estimators.montecarlo import montecarlo
from boundcheck.hardening import CONSTANT, Exponential, Threshold
from boundcheck.losses import HSCL, SCL, UCL, LossKey
from boundcheck.spec import Execution, Variant
from tests.oracles import literal
from tests.oracles.bridge import eta_of, problem_of
from tests.strategies import clouds

SPEC = Variant(0.5, hardening=(Exponential(1.0), Exponential(5.0)), q=(1.0, math.inf))


@pytest.fixture(scope="module")
def crowd() -> EmbeddingSet:
    return EmbeddingSet(*clouds("clustered", n=60, v=2, d=6))


def test_the_same_seed_gives_the_same_numbers_and_another_gives_others(crowd):
    for negatives in (None, 3):
        first, again, other = (
            montecarlo(crowd, SPEC, Execution(anchors=40, seed=seed, device="cpu"), negatives=negatives)
            for seed in (7, 7, 8)
        )
        assert first.to_frame().equals(again.to_frame())
        assert not np.allclose(first.to_frame().plugin, other.to_frame().plugin)


def test_the_record_looks_like_the_exact_one(crowd):
    whole, sampled, drawn = (
        exact(crowd, SPEC, Execution(device="cpu")),
        montecarlo(crowd, SPEC, Execution(anchors=40, device="cpu")),
        montecarlo(crowd, SPEC, Execution(anchors=40, device="cpu"), negatives=5),
    )
    keys = ["loss", "hardening", "beta", "q", "temperature", "positives"]
    for table, k in ((sampled, math.nan), (drawn, 5.0)):
        frame = table.to_frame()
        assert list(frame.columns) == list(whole.to_frame().columns)
        assert frame[keys].equals(whole.to_frame()[keys])
        assert (frame.estimator == "montecarlo").all()
        assert (frame.n_anchors == 40).all()
        assert frame.k.isna().all() if math.isnan(k) else (frame.k == k).all()
        assert (frame.se > 0).all()
        assert list(table.assumption_frame().columns) == list(whole.assumption_frame().columns)


@pytest.mark.parametrize("mode", ["augmentation", "class"])
def test_sampled_anchors_are_rows_of_the_exact_run(crowd, mode):
    spec = Variant(0.5, hardening=SPEC.tilts, q=SPEC.q, positives=mode)
    whole, part = (
        exact(crowd, spec, Execution(device="cpu")),
        montecarlo(crowd, spec, Execution(anchors=25, seed=3, device="cpu")),
    )
    torch.testing.assert_close(part.losses.value, whole.losses.value[part.table.anchors], atol=1e-5, rtol=0)
    torch.testing.assert_close(
        part.margins[CONSTANT].margin, whole.margins[CONSTANT].margin[part.table.anchors], atol=1e-5, rtol=0
    )


def test_all_anchors_sampled_is_the_exact_estimator(crowd):
    whole, part = (
        exact(crowd, SPEC, Execution(device="cpu")),
        montecarlo(crowd, SPEC, Execution(anchors=120, device="cpu")),
    )
    for column in ("estimate", "plugin", "se"):
        np.testing.assert_allclose(part.to_frame()[column], whole.to_frame()[column], atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("prior", ["empirical", "balanced"])
def test_sampled_anchors_are_unbiased_and_their_standard_error_covers(prior):
    emb = EmbeddingSet(*clouds("clustered", n=90, v=2, d=6, seed=1))
    spec = Variant(0.5, hardening=(Exponential(2.0),), class_prior=prior)
    whole = exact(emb, spec, Execution(device="cpu"))
    runs = [montecarlo(emb, spec, Execution(anchors=30, seed=seed, device="cpu")) for seed in range(100, 160)]
    for key in whole.keys:
        plugin, value = (np.array([getattr(run.loss(key), name) for run in runs]) for name in ("plugin", "value"))
        noise = plugin.std(ddof=1)
        assert abs(plugin.mean() - whole.loss(key).plugin) < 3.5 * noise / math.sqrt(60)
        assert abs(value.mean() - whole.loss(key).value) < 3.5 * value.std(ddof=1) / math.sqrt(60)
        # Sampling anchors comes on top of the noise that the sample of instances has anyway.
        expected = math.hypot(noise, whole.loss(key).se)
        assert np.mean([run.loss(key).se for run in runs]) == pytest.approx(expected, rel=0.25)


def literal_finite(problem: literal.Problem, key: LossKey, k: int) -> float:
    expectation = {1: literal.finite_loss_one, 2: literal.finite_loss_two}[k]
    eta = eta_of(key.hardening, problem.temperature)
    values = [expectation(problem, a, key.loss.pool.id, eta, key.q, "augmentation") for a in problem.anchors()]
    return literal.weighted_mean(problem, np.array(values).reshape(problem.n, problem.views))


@pytest.mark.slow
@pytest.mark.parametrize(("k", "prior"), [(1, "empirical"), (1, "balanced"), (2, "balanced")])
def test_k_negatives_have_the_expectation_of_enumerating_them(k, prior):
    emb = EmbeddingSet(*clouds("imbalanced", n=14, v=2, d=4))
    spec = Variant(0.4, hardening=(Exponential(2.0), Threshold(0.1)), class_prior=prior)
    problem = problem_of(emb, spec)
    runs = [
        montecarlo(emb, spec, Execution(anchors=28, seed=seed, device="cpu"), negatives=k, intervals=False)
        for seed in range(80)
    ]
    for key in spec.keys:
        values = np.array([run.loss(key).plugin for run in runs])
        assert abs(values.mean() - literal_finite(problem, key, k)) < 3.5 * values.std(ddof=1) / math.sqrt(80)


def test_many_negatives_approach_the_limit_from_below(crowd):
    limit = montecarlo(crowd, SPEC, Execution(anchors=120, seed=1, device="cpu"))
    errors = []
    for k in (1, 8, 64, 1024, 16384):
        drawn = montecarlo(crowd, SPEC, Execution(anchors=120, seed=1, device="cpu"), negatives=k, intervals=False)
        finite = [i for i, key in enumerate(drawn.keys) if math.isfinite(key.q)]
        errors.append(float((limit.losses.mean - drawn.losses.mean)[finite].mean()))
    assert errors[0] > errors[1] > abs(errors[2])
    assert abs(errors[3]) < 0.01
    assert abs(errors[4]) < 0.002


@pytest.mark.slow
def test_the_standard_error_covers_the_draws_too(crowd):
    """The scatter over seeds is only a part of the standard error, which covers the sample of instances as well."""
    runs = [montecarlo(crowd, SPEC, Execution(anchors=120, seed=seed, device="cpu"), negatives=1) for seed in range(40)]
    whole = exact(crowd, SPEC, Execution(device="cpu"))
    for key in whole.keys:
        scatter = np.std([run.loss(key).plugin for run in runs], ddof=1)
        mean_se = np.mean([run.loss(key).se for run in runs])
        assert scatter < 1.25 * mean_se
        assert mean_se == pytest.approx(math.hypot(scatter, whole.loss(key).se), rel=0.35)


def test_draws_do_not_depend_on_how_the_pairs_are_cut(crowd, monkeypatch):
    first = montecarlo(crowd, SPEC, Execution(anchors=40, device="cpu"), negatives=4)
    monkeypatch.setattr("boundcheck.pairwise.plan.CPU_ROWS", 7)
    second = montecarlo(crowd, SPEC, Execution(anchors=40, device="cpu"), negatives=4)
    np.testing.assert_allclose(second.to_frame().plugin, first.to_frame().plugin, atol=1e-6)
    np.testing.assert_allclose(second.to_frame().se, first.to_frame().se, rtol=1e-4)


@pytest.mark.slow
def test_where_the_data_are_the_population_sampling_is_all_that_is_left_to_chance():
    emb = EmbeddingSet(*clouds("clustered", n=60, v=2, d=6))
    spec = Variant(0.5, hardening=(Exponential(2.0),), self_pairs="include")
    whole = exact(emb, spec, Execution(device="cpu"))
    assert whole.exhaustive
    for negatives, anchors in ((None, 40), (1, 120)):
        runs = [
            montecarlo(emb, spec, Execution(anchors=anchors, seed=seed, device="cpu"), negatives=negatives)
            for seed in range(60)
        ]
        assert not any(run.exhaustive for run in runs)
        for key in whole.keys:
            scatter = np.std([run.loss(key).value for run in runs], ddof=1)
            mean_se = np.mean([run.loss(key).se for run in runs])
            assert scatter < 1.25 * mean_se
            if negatives is None:  # two views of an instance that are sampled together widen it a little
                assert mean_se < 1.6 * scatter


def test_losses_that_differ_in_q_share_their_draws(crowd):
    table = montecarlo(crowd, SPEC, Execution(anchors=20, device="cpu"), negatives=3)
    one, decoupled = (table.per_anchor(LossKey(HSCL, Exponential(5.0), q)) for q in SPEC.q)
    torch.testing.assert_close(one, torch.nn.functional.softplus(decoupled), atol=1e-9, rtol=0)


def test_negatives_come_from_the_pool_alone():
    """A negative of another class only, never of the anchor's own instance: here both show in the value."""
    emb = EmbeddingSet(np.repeat(np.eye(2)[[0, 0, 1, 1]][:, None], 2, axis=1), [0, 0, 1, 1])
    table = montecarlo(emb, Variant(1.0, hardening=(), q=(math.inf,)), Execution(anchors=8, device="cpu"), negatives=50)
    torch.testing.assert_close(table.per_anchor(LossKey(SCL, CONSTANT, math.inf)), -torch.ones(8).double())
    # A third of the pool `all` is at cosine 1: between e^0 and e^1, so strictly between -1 and 0.
    everyone = table.per_anchor(LossKey(UCL, CONSTANT, math.inf))
    assert bool((everyone < 0).all())
    assert bool((everyone > -1).all())


def test_singletons_have_no_positive_and_stay_out():
    emb = EmbeddingSet(np.random.default_rng(0).standard_normal((9, 3)), [0, 0, 0, 0, 1, 1, 1, 1, 2])
    spec = Variant(0.5, hardening=(Exponential(1.0),), positives="class")
    table = montecarlo(emb, spec, Execution(anchors=9, device="cpu"), negatives=2)
    assert (table.to_frame().n_anchors == 8).all()
    assert np.isfinite(table.to_frame()[["estimate", "se"]]).all(axis=None)


@pytest.mark.parametrize("anchors", [0, 1, 121, -3])
def test_how_many_anchors(crowd, anchors):
    with pytest.raises(InputError, match=f"anchors: .*{anchors}"):
        montecarlo(crowd, SPEC, Execution(anchors=anchors))


def test_how_many_negatives(crowd):
    with pytest.raises(InputError, match="negatives: must be a whole number >= 1, received 0"):
        montecarlo(crowd, SPEC, Execution(anchors=10), negatives=0)


def test_auto_samples_when_asked_to_or_when_all_pairs_are_too_many(crowd, monkeypatch):
    assert bc.estimate(crowd, device="cpu").estimator == "exact"
    assert bc.estimate(crowd, anchors=30, device="cpu").estimator == "montecarlo"
    assert bc.estimate(crowd, negatives=2, device="cpu").k == 2
    monkeypatch.setattr("boundcheck.estimators.choice.SECONDS", 1e-9)
    assert bc.estimate(crowd, device="cpu").estimator == "montecarlo"


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["augmentation", "class"])
def test_draws_agree_with_the_mean_over_every_draw(crowd, mode):
    spec = Variant(0.5, hardening=SPEC.tilts, q=(1.0,), positives=mode)
    exactly = finite_losses(crowd, spec, (3, 40), Execution(device="cpu"), intervals=False)
    for k in (3, 40):
        drawn = [
            montecarlo(
                crowd, spec, Execution(anchors=120, seed=seed, device="cpu"), negatives=k, intervals=False
            ).losses.mean
            for seed in range(20)
        ]
        mean, noise = torch.stack(drawn).mean(0), torch.stack(drawn).std(0) / math.sqrt(20)
        z = (mean - exactly.tables[k].losses.mean) / noise.clamp_min(1e-6)
        assert z.abs().max() < 4, z
