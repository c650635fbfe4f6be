"""The exact estimator's record: what it holds, and what it must not depend on."""

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import boundcheck as bc
from boundcheck.embeddings import EmbeddingSet
from boundcheck.errors import InputError
from boundcheck.estimators import LossTable, estimate
from boundcheck.estimators.exact import exact
from boundcheck.hardening import CONSTANT, Exponential, Threshold
from boundcheck.losses import HSCL, LossKey
from boundcheck.spec import Execution, Variant
from tests.oracles import literal
from tests.oracles.bridge import eta_of, problem_of
from tests.strategies import clouds, embedding_sets

COLUMNS = (
    "loss hardening beta q temperature positives estimator k estimate plugin se ci_low ci_high n_anchors ess design "
    "reliable"
)


@pytest.fixture(scope="module")
def crowd() -> EmbeddingSet:
    return EmbeddingSet(*clouds("clustered", n=60, v=2, d=6))


@pytest.mark.slow
@settings(max_examples=25)
@given(
    emb=embedding_sets(max_n=16),
    mode=st.sampled_from(["augmentation", "class"]),
    prior=st.sampled_from(["empirical", "balanced"]),
    self_pairs=st.sampled_from(["exclude", "include"]),
)
def test_awkward_data_give_the_literal_values_and_defined_numbers(emb, mode, prior, self_pairs):
    assume(mode == "class" or emb.v > 1)
    spec = Variant(
        0.3,
        hardening=(Exponential(1.0), Exponential(20.0)),
        q=(1.0, math.inf),
        positives=mode,
        self_pairs=self_pairs,
        class_prior=prior,
    )
    table = exact(emb, spec, Execution(device="cpu"))
    problem = problem_of(emb, spec)
    for key in table.keys:
        eta = eta_of(key.hardening, spec.temperature)
        expected = literal.anchor_losses(problem, key.loss.pool.id, eta, key.q, mode)
        estimate = table.loss(key)
        assert estimate.plugin == pytest.approx(literal.weighted_mean(problem, expected), abs=1e-5)
        assert math.isfinite(estimate.value)
        assert math.isfinite(estimate.se)
        assert table.anchors_used(key) == np.isfinite(expected).sum()
    for h, summary in table.margins.items():
        margins = [literal.margin(problem, a, eta_of(h, spec.temperature)) for a in problem.anchors()]
        np.testing.assert_allclose(summary.margin, margins, atol=1e-5)
        assert math.isnan(summary.share.value) == np.isnan(margins).all()
    frame = table.assumption_frame()
    assert (frame.n_anchors + frame.n_undefined == emb.n * emb.v).all()


def test_frames_have_the_promised_columns(crowd):
    table = bc.estimate(crowd, betas=[1, 5], q=[1, math.inf], device="cpu")
    frame = table.to_frame()
    assert " ".join(frame.columns) == COLUMNS
    assert frame.loss.tolist() == ["ucl", "scl", "hucl", "hscl", "hucl", "hscl"] * 2
    assert frame.beta.isna().tolist() == [True, True, False, False, False, False] * 2
    assert frame.k.isna().all()
    assert (frame.ci_low < frame.estimate).all()
    assert (frame.estimate < frame.ci_high).all()
    assumption = table.assumption_frame()
    assert assumption.beta.tolist()[1:] == [1.0, 5.0, math.inf]
    assert assumption.median_ess.iloc[1:3].is_monotonic_decreasing


def test_the_limit_of_the_shares_is_nearest_neighbour_accuracy(crowd):
    row = bc.estimate(crowd, betas=[1], device="cpu").assumption_frame().iloc[-1]
    t = crowd.z.reshape(120, -1) @ crowd.z.reshape(120, -1).T
    instance = np.repeat(np.arange(60), 2)
    t[instance[:, None] == instance] = -np.inf
    label = crowd.y[instance]
    assert row.share_holding == np.mean(label[t.argmax(1)] == label)


def test_order_and_rotation_change_nothing(crowd):
    rng = np.random.default_rng(0)
    order, rotation = rng.permutation(60), np.linalg.qr(rng.standard_normal((6, 6)))[0]
    moved = EmbeddingSet(crowd.z[order] @ rotation, crowd.y[order])
    first, second = (bc.estimate(emb, betas=[5], device="cpu", precision="float64") for emb in (crowd, moved))
    for column in ("estimate", "plugin", "se"):
        np.testing.assert_allclose(second.to_frame()[column], first.to_frame()[column], rtol=1e-9)
    torch.testing.assert_close(second.influence, first.influence[order], atol=1e-8, rtol=0)


def test_single_and_double_precision_agree(crowd):
    first, second = (
        bc.estimate(crowd, betas=[1, 5], device="cpu", precision=precision).to_frame()
        for precision in ("float32", "float64")
    )
    for column in ("estimate", "plugin", "se"):
        np.testing.assert_allclose(second[column], first[column], atol=2e-5)


def test_without_intervals_there_is_no_correction(crowd):
    quick = bc.estimate(crowd, betas=[5], intervals=False, device="cpu")
    whole = bc.estimate(crowd, betas=[5], device="cpu")
    assert quick.to_frame().estimate.tolist() == pytest.approx(whole.to_frame().plugin.tolist())
    assert quick.to_frame().se.isna().all()
    assert 0 < quick.cost.pairs < whole.cost.pairs


def test_a_threshold_that_few_anchors_meet_leaves_the_other_shares_alone():
    """Anchors at which one loss is undefined keep their weight in everything else."""
    emb = EmbeddingSet(*clouds("clustered", n=60, v=2, d=6, seed=2))
    alone, beside = (
        exact(emb, Variant(0.5, hardening=hardenings), Execution(device="cpu"))
        for hardenings in ((), (Threshold(0.6),))
    )
    rare = beside.anchors_used(LossKey(HSCL, Threshold(0.6), 1.0))
    assert 0 < rare < emb.n * emb.v
    assert beside.margins[CONSTANT].share.value == alone.margins[CONSTANT].share.value
    assert beside.margins[CONSTANT].share.se == pytest.approx(alone.margins[CONSTANT].share.se)
    margin = alone.margins[CONSTANT].margin
    assert alone.margins[CONSTANT].share.value == pytest.approx(float((margin >= 0).double().mean()))


def test_a_tilt_that_empties_every_pool_is_undefined_alone():
    emb = EmbeddingSet(np.repeat(np.eye(3), 4, axis=0), np.repeat(np.arange(3), 4))
    table = exact(emb, Variant(0.5, hardening=(Threshold(0.5),), positives="class"), Execution(device="cpu"))
    gone = LossKey(HSCL, Threshold(0.5), 1.0)
    assert table.anchors_used(gone) == 0
    assert math.isnan(table.loss(gone).value)
    for key in table.keys:
        if key != gone:
            assert math.isfinite(table.loss(key).value)
            assert math.isfinite(table.loss(key).se)
    assert math.isnan(table.margins[Threshold(0.5)].share.value)
    assert table.margins[CONSTANT].share.value == 1.0


def test_cost_counts_the_pairs_of_every_run(crowd):
    table: LossTable = bc.estimate(crowd, betas=[1], device="cpu")
    assert table.cost.pairs == 2 * 120**2
    assert table.cost.ns_per_pair == pytest.approx(table.cost.seconds / table.cost.pairs * 1e9)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"positives": "views"}, "augmentation, class"),
        ({"self_pairs": "none"}, "exclude, include"),
        ({"class_prior": "flat"}, "empirical, balanced"),
        ({"q": []}, "at least one"),
        ({"q": [-1.0]}, "must be > 0"),
        ({"temperature": 0.0}, "temperature"),
        ({"betas": [-2.0]}, "betas"),
        ({"hardening": "cubic"}, "hardening"),
    ],
)
def test_options_that_make_no_sense(crowd, options, words):
    with pytest.raises(InputError, match=words):
        Variant(**options).on(crowd)


def test_options_the_data_do_not_allow():
    flat = EmbeddingSet(np.eye(3), [0, 1, 2])
    with pytest.raises(InputError, match="two or more views"):
        Variant(positives="augmentation").on(flat)
    with pytest.raises(InputError, match="need a class with two"):
        Variant(positives="auto").on(flat)


def test_the_exact_estimator_does_not_sample(crowd):
    spec = Variant().on(crowd)
    with pytest.raises(InputError, match="use montecarlo"):
        estimate(crowd, spec, estimator="exact", anchors=10)
    with pytest.raises(InputError, match="estimator"):
        estimate(crowd, spec, estimator="bootstrap")
    with pytest.raises(InputError, match="precision"):
        estimate(crowd, spec, precision="float16")


def test_the_nearest_neighbours_do_not_depend_on_the_temperature():
    """Margins of nearly collapsed sets are small in nats, but not ties."""
    rng = np.random.default_rng(0)
    y = np.arange(120) % 3
    z = np.ones((120, 1, 8)) + 0.02 * (rng.standard_normal((120, 1, 8)) + 0.5 * np.eye(3, 8)[y][:, None])
    emb = EmbeddingSet(z.astype(np.float32), y)
    cosine = emb.z[:, 0].astype(np.float64) @ emb.z[:, 0].T.astype(np.float64)
    np.fill_diagonal(cosine, -np.inf)
    same = y[:, None] == y
    share = np.mean(np.where(same, cosine, -np.inf).max(1) >= np.where(same, -np.inf, cosine).max(1))
    assert 0.3 < share < 0.9
    for temperature in (0.05, 0.5, 1.0):
        frame = bc.estimate(emb, temperature=temperature, betas=[1], device="cpu").assumption_frame()
        assert float(frame[frame.beta == np.inf].share_holding.iloc[0]) == pytest.approx(share, abs=0.02)
