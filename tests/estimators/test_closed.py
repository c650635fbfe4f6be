"""Closed forms as an estimator: against neural collapse, against large samples, and against themselves."""

import math

import numpy as np
import pytest
import torch

import boundcheck as bc
from boundcheck.errors import InputError
from boundcheck.estimators.closed import _allocation, _influence, closed, population_limits, population_worst_case
from boundcheck.estimators.exact import exact
from boundcheck.estimators.populations import Population, parse_population
from boundcheck.estimators.vmf import VmfMixture, simplex
from boundcheck.hardening import CONSTANT, Exponential, Threshold
from boundcheck.inference.influence import standard_error
from boundcheck.losses import HSCL, HUCL, LOSSES, LossKey
from boundcheck.spec import Execution, Variant
from tests.oracles import closed_forms

SPEC = Variant(0.5, hardening=(Exponential(1.0), Exponential(5.0)), q=(1.0, math.inf), positives="class")
MIXED = Population(
    "two classes of two clusters each, of unequal spread",
    VmfMixture(
        simplex(4, 6), np.array([8.0, 30.0, 15.0, 15.0]), np.array([0.4, 0.4, 0.05, 0.15]), np.array([0, 0, 1, 1])
    ),
    n=3000,
    v=2,
)


def test_neural_collapse_is_known_to_rounding():
    table = closed(parse_population("simplex:classes=5,dim=8"), SPEC, anchors=50)
    for key in table.keys:
        many = closed_forms.collapsed_loss(key.loss.id, 5, 10**9, 0.5, key.q, key.hardening.beta or 0.0)
        assert table.loss(key).value == pytest.approx(many, abs=1e-8)
        assert table.loss(key).se == pytest.approx(0, abs=1e-9)
    for h, summary in table.margins.items():
        torch.testing.assert_close(summary.margin, torch.full((50,), 2.5).double()), h
        assert summary.share.value == 1


@pytest.mark.slow
@pytest.mark.parametrize("positives", ["augmentation", "class"])
@pytest.mark.parametrize("prior", ["empirical", "balanced"])
def test_a_large_sample_has_the_losses_of_its_population(positives, prior):
    """Positives from the instance's cluster and from its class differ here; so do the two priors."""
    spec = Variant(0.5, hardening=(Exponential(2.0),), positives=positives, class_prior=prior)
    truth, sample = closed(MIXED, spec), exact(MIXED.sample(2), spec, Execution(device="cpu"))
    for key in spec.keys:
        known, found = truth.loss(key), sample.loss(key)
        assert found.value == pytest.approx(known.value, abs=3.5 * math.hypot(known.se, found.se))
    gap = [t.gap(LossKey(HUCL, Exponential(2.0), 1.0), LossKey(HSCL, Exponential(2.0), 1.0)) for t in (truth, sample)]
    assert gap[1].value == pytest.approx(gap[0].value, abs=3.5 * math.hypot(gap[0].se, gap[1].se))


def test_positives_and_priors_matter():
    found = {
        (positives, prior): closed(
            MIXED, Variant(0.5, hardening=(), positives=positives, class_prior=prior)
        ).losses.mean[0]
        for positives in ("augmentation", "class")
        for prior in ("empirical", "balanced")
    }
    values = [float(value) for value in found.values()]
    assert min(abs(a - b) for i, a in enumerate(values) for b in values[:i]) > 0.005


def test_the_standard_error_is_that_of_the_sampled_anchors():
    population = parse_population("vmf:classes=4,dim=6,kappa=8")
    tables = [closed(population, SPEC, anchors=200, seed=seed) for seed in range(60)]
    for key in SPEC.keys:
        values = np.array([table.loss(key).value for table in tables])
        assert np.mean([table.loss(key).se for table in tables]) == pytest.approx(values.std(ddof=1), rel=0.3)
    h = Exponential(5.0)
    shares = np.array([table.margins[h].share.value for table in tables])
    assert np.mean([table.margins[h].share.se for table in tables]) == pytest.approx(shares.std(ddof=1), rel=0.3)


@pytest.mark.slow
def test_few_anchors_of_unequal_components_neither_bias_the_losses_nor_their_variance():
    """Components of 60, 39.5 and 0.5 % of the mass with 14 anchors in all: the last would hold none by its share."""
    share, kappa = np.array([0.6, 0.395, 0.005]), np.array([5.0, 3.0, 40.0])
    population = Population("unequal", VmfMixture(simplex(3, 4), kappa, share))
    truth, h = closed(population, SPEC), Exponential(5.0)
    tables = [closed(population, SPEC, anchors=14, seed=seed) for seed in range(400)]
    assert all(table.emb.class_counts.min() >= 2 for table in tables)
    assert all(table.weight.mean() == pytest.approx(1) for table in tables)
    for of in (*(lambda t, key=key: t.loss(key) for key in SPEC.keys), lambda t: t.margins[h].share):
        values = np.array([of(table).value for table in tables])
        variance = np.mean([of(table).se ** 2 for table in tables])
        assert variance == pytest.approx(values.var(ddof=1), rel=0.25)
        assert values.mean() == pytest.approx(of(truth).value, abs=3.5 * math.hypot(values.std() / 20, of(truth).se))


def test_anchors_are_dealt_by_share_on_average_over_where_the_dealing_starts():
    share = np.array([0.5, 0.3, 0.2])
    dealt = [_allocation(share, 25, start) for start in (np.arange(1000) + 0.5) / 1000]
    np.testing.assert_allclose(np.mean(dealt, axis=0), 25 * share, atol=1e-9)
    assert np.abs(np.array(dealt) - 25 * share).max() < 1


def test_the_variance_of_a_stratified_mean():
    """Two strata of weight 1/4 and 3/4 with 2 and 3 values: sum of W^2 s^2 / m."""
    values, stratum = torch.tensor([[1.0], [3.0], [0.0], [1.0], [5.0]]).double(), torch.tensor([0, 0, 1, 1, 1])
    weight = torch.tensor([5 / 8, 5 / 8, 5 / 4, 5 / 4, 5 / 4]).double()
    expected = (1 / 4) ** 2 * 2 / 2 + (3 / 4) ** 2 * 7 / 3
    assert standard_error(_influence(values, weight, stratum)[:, 0]) ** 2 == pytest.approx(expected)


def test_margins_that_are_zero_but_for_rounding_meet_the_assumption():
    """Two classes of one distribution: same-class and other-class negatives are alike, so every margin is 0."""
    alike = VmfMixture(np.array([[1.0, 0, 0], [1.0, 0, 0]]), np.array([5.0, 5.0]), np.array([0.3, 0.7]))
    for summary in closed(Population("alike", alike), SPEC, anchors=20).margins.values():
        assert summary.margin.abs().max() < 1e-12
        assert summary.share.value == 1


def test_limits_pool_the_tables():
    population = parse_population("vmf:classes=3,dim=6,kappa=8")
    one, four = (population_limits(population, SPEC, tables=k) for k in (1, 4))
    assert list(one.columns) == ["quantity", "hardening", "beta", "q", "limit", "limit_se"]
    assert len(one) == len(SPEC.keys) + 3
    assert (one.quantity[len(SPEC.keys) :] == "assumption1").all()
    np.testing.assert_allclose(four.limit_se, one.limit_se / 2, rtol=0.1)
    assert ((four.limit - one.limit).abs() <= 4 * one.limit_se + 1e-12).all()


def test_the_losses_rise_to_their_worst_case():
    table = closed(parse_population("vmf:classes=3,dim=4,kappa=8"), SPEC, anchors=30)
    for key, worst in population_worst_case(table).items():
        hard = table.per_anchor(LossKey(LOSSES["h" + key.loss.id], Exponential(5.0), key.q))
        assert bool((worst >= hard).all())
        assert bool((hard >= table.per_anchor(key)).all())


def test_the_same_seed_gives_the_same_numbers():
    population = parse_population("vmf:kappa=8,dim=12")
    first, again, other = (closed(population, SPEC, anchors=40, seed=seed).to_frame() for seed in (1, 1, 2))
    assert first.equals(again)
    assert not np.allclose(first.estimate, other.estimate)


def test_estimate_takes_a_population_or_its_text():
    text = "vmf:classes=3,dim=6,kappa=8"
    named, given = bc.estimate(text, betas=[1.0]), bc.estimate(parse_population(text), betas=[1.0])
    assert named.to_frame().equals(given.to_frame())
    frame = named.to_frame()
    assert (frame.estimator == "closed").all()
    assert (frame.n_anchors == 10_000).all()
    assert (frame.positives == "class").all()
    assert (bc.estimate(text + ",views=2", betas=[]).to_frame().positives == "augmentation").all()
    assert not np.isinf(named.assumption_frame().beta).any()


def test_claims_read_closed_forms():
    found = bc.verify("vmf:classes=3,dim=6,kappa=8", betas=[1.0, 5.0], anchors=300)
    assert found.claims["hscl_le_hucl"].verdict == "holds"
    assert found.claims["monotone_in_beta"].verdict == "passes"
    assert found.claims["scl_ge_collapse"].verdict == "inapplicable"
    assert (found.run.losses.estimator == "closed").all()


@pytest.mark.slow
def test_a_sample_of_a_known_population_is_reported_beside_its_limits(tmp_path):
    population = parse_population("vmf:classes=3,dim=6,kappa=8,n=300")
    found = bc.verify(population.sample(), population=population, betas=[1.0], claims="scl_le_ucl", device="cpu")
    saved = bc.runs.load_run(found.save(tmp_path / "run"))
    for frame in (found.run.population, saved.population):
        losses = frame[frame.quantity != "assumption1"]
        assert ((losses.estimate - losses.limit).abs() < 4 * losses.se).all()
        np.testing.assert_array_equal(losses.estimate, found.run.losses.estimate)
        assert len(frame) == 6
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "Exact limits of the population" in page
    assert (tmp_path / "run" / "tables" / "population.md").exists()
    unknown = bc.verify(population.sample(), betas=[1.0], claims="scl_le_ucl", device="cpu")
    assert unknown.run.population.empty


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(estimator="exact"), "take embeddings instead"),
        (dict(negatives=3), r"negatives: .*received \[3\]; take embeddings instead"),
        (dict(hardening="threshold:0.5"), "exp alone, received threshold:0.5"),
        (dict(self_pairs="include"), "has no mass, received include"),
        (dict(anchors=5), "must be a whole number >= 20, received 5; each class needs two"),
        (dict(q=[]), "q: needs at least one value"),
    ],
)
def test_what_has_no_closed_form(options, message):
    with pytest.raises(InputError, match=message):
        bc.estimate("vmf", **options)


def test_two_anchors_of_each_class_are_enough():
    assert bc.estimate("vmf", anchors=20, betas=[1.0]).losses.mean.isfinite().all()
    with pytest.raises(InputError, match="must be a whole number >= 20"):
        bc.estimate("vmf", anchors=19)


def test_embeddings_have_no_closed_form():
    with pytest.raises(InputError, match="closed needs a population"):
        bc.estimate(MIXED.sample(), estimator="closed")
    population = parse_population("vmf:n=50")
    with pytest.raises(InputError, match="exp alone"):
        bc.verify(population.sample(), population=population, hardening="poly:2")


def test_what_a_table_refuses():
    with pytest.raises(InputError, match="exp alone"):
        closed(MIXED, Variant(0.5, hardening=(Threshold(0.1),)))
    assert CONSTANT in closed(MIXED, Variant(0.5, hardening=()), anchors=20).margins
