"""Standard errors and bias corrections against resampling that recomputes everything: deletion and bootstrap."""

import math

import numpy as np
import pytest
import torch

from boundcheck.embeddings import EmbeddingSet
from boundcheck.estimators import LossTable, estimate
from boundcheck.hardening import CONSTANT, Exponential
from boundcheck.inference.influence import (
    density_at_zero,
    instance_influence,
    kernel_width,
    loss_effect,
    share_effect,
    standard_error,
    top_share,
)
from boundcheck.losses import LOSSES, LossKey
from boundcheck.spec import Variant
from tests.oracles import literal
from tests.oracles.bridge import eta_of, problem_of
from tests.oracles.dense import bootstrap, dense_loss, jackknife

TAU = 0.5
BETAS = (0.0, 1.0, 4.0)


def sample(n: int, views: int, seed: int = 0, imbalanced: bool = False) -> EmbeddingSet:
    """Three overlapping clusters; with imbalance of sizes 3 : 2 : 1."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.resize([0, 0, 0, 1, 1, 2] if imbalanced else [0, 1, 2], n))
    centres = np.random.default_rng(100).standard_normal((3, 5))
    instance = centres[y] + 0.7 * rng.standard_normal((n, 5))
    return EmbeddingSet(instance[:, None] + 0.3 * rng.standard_normal((n, views, 5)), y)


def estimated(emb: EmbeddingSet, q: float, mode: str, prior: str) -> LossTable:
    """As of independent draws, whose class sizes vary: what the deletions and bootstraps here stand for."""
    tilts = tuple(Exponential(b) for b in BETAS if b)
    spec = Variant(TAU, hardening=tilts, q=(q,), positives=mode, class_prior=prior, design="iid")
    return estimate(emb, spec, device="cpu", precision="float64")


def key_of(pool: str, beta: float, q: float) -> LossKey:
    name = {"all": "ucl", "diff": "scl"}[pool]
    return LossKey(LOSSES["h" + name if beta else name], Exponential(beta) if beta else CONSTANT, q)


@pytest.mark.parametrize("prior", ["empirical", "balanced"])
@pytest.mark.parametrize("mode", ["augmentation", "class"])
def test_the_dense_oracle_is_the_literal_loop(mode, prior):
    emb = sample(12, 2, imbalanced=True)
    copies = np.array([2, 1, 3, 1, 1, 0, 1, 2, 1, 1, 1, 1])
    for beta, pool, q in ((0.0, "all", 1.0), (3.0, "diff", 2.0), (1.0, "all", math.inf)):
        problem = literal.Problem(emb.z, emb.y, TAU, prior=prior, copies=tuple(copies.tolist()))
        expected = literal.population_loss(problem, pool, literal.exponential(beta), q, mode)
        found = dense_loss(literal.Problem(emb.z, emb.y, TAU, prior=prior), copies, pool, beta, q, mode)
        assert found == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize(
    ("mode", "views", "prior", "q"),
    [
        ("class", 1, "empirical", 1.0),
        ("class", 2, "empirical", math.inf),
        ("augmentation", 2, "empirical", 1.0),
        ("augmentation", 3, "balanced", 5.0),
        ("class", 1, "balanced", 1.0),
    ],
)
def test_influences_are_those_of_deleting_each_instance(mode, views, prior, q):
    """As anchor, as negative and as positive; up to the O(1/n) by which deletion and influence differ."""
    emb = sample(72, views, imbalanced=prior == "balanced")
    table = estimated(emb, q, mode, prior)
    problem = literal.Problem(emb.z, emb.y, TAU, prior=prior)
    deleted = {}
    for pool in ("all", "diff"):
        for beta in BETAS:
            key = key_of(pool, beta, q)
            deleted[pool, beta], _ = jackknife(problem, pool, beta, q, mode)
            deleted[pool, beta] -= deleted[pool, beta].mean()
            found = table.influence[:, table.keys.index(key)].numpy()
            assert np.corrcoef(found, deleted[pool, beta])[0, 1] > 0.99
            assert table.loss(key).se == pytest.approx(standard_error(torch.from_numpy(deleted[pool, beta])), rel=0.08)
    for beta in BETAS:
        gap = torch.from_numpy(deleted["all", beta] - deleted["diff", beta])
        found_gap = table.gap(key_of("all", beta, q), key_of("diff", beta, q))
        assert found_gap.se == pytest.approx(standard_error(gap), rel=0.1)


@pytest.mark.parametrize(("mode", "views"), [("augmentation", 2), ("class", 1)])
def test_the_correction_is_quenouilles(mode, views):
    emb = sample(72, views)
    table = estimated(emb, 1.0, mode, "empirical")
    problem = literal.Problem(emb.z, emb.y, TAU)
    for pool in ("all", "diff"):
        for beta in BETAS:
            found = table.loss(key_of(pool, beta, 1.0))
            _, bias = jackknife(problem, pool, beta, 1.0, mode)
            # A class positive that is also a negative adds a cross term, left out: a tenth of a standard error here.
            slack = 0.1 * found.se if mode == "class" and pool == "all" else 0.01 * found.se
            assert found.value - found.plugin == pytest.approx(-bias, abs=slack)


@pytest.mark.parametrize("q", [1.0, math.inf])
def test_an_anchor_leaves_with_its_only_positive(q):
    """Classes of two, and of one: deletion takes the partner out of the average too."""
    emb = sample(80, 1)
    pairs = np.repeat(np.arange(3, 13), 2)
    near = emb.z[:22] + 0.5 * np.random.default_rng(1).standard_normal((22, 1, 5))
    emb = EmbeddingSet(np.concatenate([emb.z, near]), np.concatenate([emb.y, pairs, [13, 14]]))
    table = estimated(emb, q, "class", "empirical")
    problem = literal.Problem(emb.z, emb.y, TAU)
    for pool in ("all", "diff"):
        for beta in BETAS:
            deleted, bias = jackknife(problem, pool, beta, q, "class")
            found = table.loss(key_of(pool, beta, q))
            influence = table.influence[:, table.keys.index(key_of(pool, beta, q))].numpy()
            assert np.corrcoef(influence, deleted)[0, 1] > 0.99
            assert found.se == pytest.approx(standard_error(torch.from_numpy(deleted - deleted.mean())), rel=0.08)
            assert found.value - found.plugin == pytest.approx(-bias, abs=0.1 * found.se)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "views", "prior"),
    [("class", 1, "empirical"), ("augmentation", 2, "empirical"), ("augmentation", 2, "balanced")],
)
def test_a_plain_instance_bootstrap_agrees_within_noise(mode, views, prior):
    emb = sample(120, views, imbalanced=prior == "balanced")
    table = estimated(emb, 1.0, mode, prior)
    losses = [(pool, beta) for beta in (0.0, 1.0) for pool in ("all", "diff")]
    draws = bootstrap(literal.Problem(emb.z, emb.y, TAU, prior=prior), losses, 1.0, mode, samples=250, seed=1)
    for i, (pool, beta) in enumerate(losses):
        assert table.loss(key_of(pool, beta, 1.0)).se == pytest.approx(draws[:, i].std(), rel=0.2)
    for i in (0, 2):
        gap = table.gap(key_of("all", losses[i][1], 1.0), key_of("diff", losses[i][1], 1.0))
        assert gap.se == pytest.approx((draws[:, i] - draws[:, i + 1]).std(), rel=0.2)


def test_treating_anchors_as_independent_is_wrong():
    """All anchors share their negatives: here that alone doubles the standard error."""
    rng = np.random.default_rng(0)
    base = rng.standard_normal((120, 1, 3)) + np.array([1.0, 0.0, 0.0])
    emb = EmbeddingSet(np.repeat(base, 2, axis=1), np.arange(120) % 3)  # equal views: t_ap does not vary
    table = estimated(emb, 1.0, "augmentation", "empirical")
    key = key_of("all", 0.0, 1.0)
    naive = float(table.per_anchor(key).std()) / math.sqrt(emb.n * emb.v)
    draws = bootstrap(literal.Problem(emb.z, emb.y, TAU), [("all", 0.0)], 1.0, "augmentation", samples=300, seed=2)
    assert draws.std() > 1.9 * naive
    assert table.loss(key).se == pytest.approx(draws.std(), rel=0.2)


def test_the_paired_gap_is_narrower_than_its_parts_suggest():
    table = estimated(sample(120, 2), 1.0, "augmentation", "empirical")
    high, low = key_of("diff", 1.0, 1.0), key_of("diff", 0.0, 1.0)
    gap = table.gap(high, low)
    assert gap.value == pytest.approx(table.loss(high).value - table.loss(low).value)
    assert gap.se < 0.5 * math.hypot(table.loss(high).se, table.loss(low).se)
    assert (table.gap(high, high).value, table.gap(high, high).se) == (0.0, 0.0)


def test_the_data_as_population_leave_nothing_to_chance():
    emb = sample(30, 2)
    spec = Variant(TAU, hardening=(Exponential(2.0),), self_pairs="include")
    table = estimate(emb, spec, device="cpu")
    for key in table.keys:
        found = table.loss(key)
        expected = literal.population_loss(
            problem_of(emb, spec), key.loss.pool.id, eta_of(key.hardening, TAU), 1.0, "augmentation"
        )
        assert found.se == 0.0
        assert found.value == found.plugin == pytest.approx(expected, abs=1e-5)


def test_the_share_of_margins_has_the_standard_error_of_a_bootstrap():
    emb = sample(150, 1)
    table = estimated(emb, 1.0, "class", "empirical")
    problem = literal.Problem(emb.z, emb.y, TAU)
    t = np.exp(problem.logits.reshape(150, 150))
    same = (emb.y[:, None] == emb.y) & ~np.eye(150, dtype=bool)
    diff = emb.y[:, None] != emb.y
    rng = np.random.default_rng(5)
    draws = []
    for _ in range(400):
        copies = rng.multinomial(150, np.full(150, 1 / 150))
        means = [(np.where(mask, t, 0) @ copies) / (mask @ copies) for mask in (same, diff)]
        draws.append(np.average(means[0] >= means[1], weights=copies))
    share = table.margins[CONSTANT].share
    assert share.value == np.mean((t * same).sum(1) / same.sum(1) >= (t * diff).sum(1) / diff.sum(1))
    assert share.se == pytest.approx(np.std(draws), rel=0.3)


def test_stratified_influence_is_centred_in_every_class():
    y = torch.tensor([0, 0, 0, 1, 1])
    value = torch.tensor([1.0, 2.0, 6.0, 10.0, 20.0], dtype=torch.float64)
    weight = torch.tensor([5 / 6] * 3 + [5 / 4] * 2, dtype=torch.float64)
    none = torch.zeros(5, dtype=torch.float64)
    influence = instance_influence(value, weight, torch.arange(5), none, y, 1, True)
    # Three and two instances leave two and one degrees of freedom, of which four fifths are those of five.
    three, two = math.sqrt(3 / 2 * 4 / 5) * 5 / 6, math.sqrt(2 * 4 / 5) * 5 / 4
    assert influence.tolist() == pytest.approx([-2 * three, -1 * three, 3 * three, -5 * two, 5 * two])
    plain = instance_influence(value, torch.ones(5, dtype=torch.float64), torch.arange(5), none, y, 1, False)
    assert plain.tolist() == pytest.approx((value - value.mean()).tolist())
    assert standard_error(plain) == pytest.approx(float(value.std() / math.sqrt(5)))


def test_the_effect_on_a_loss_is_exact_for_one_positive_and_second_order_for_several():
    x = torch.linspace(-4, 4, 9, dtype=torch.float64)
    for delta in (-2.0, 0.01, 5.0):
        s = torch.sigmoid(x)
        change = torch.full_like(x, delta)
        expected = torch.nn.functional.softplus(x) - torch.nn.functional.softplus(x - delta)
        torch.testing.assert_close(loss_effect(s, s * (1 - s), change), expected)
    xs = torch.tensor([-1.0, 0.5, 2.0], dtype=torch.float64)
    s = torch.sigmoid(xs)
    small = 1e-3
    expected = (torch.nn.functional.softplus(xs) - torch.nn.functional.softplus(xs - small)).mean()
    found = loss_effect(s.mean(), (s * (1 - s)).mean(), torch.tensor(small, dtype=torch.float64))
    assert float(found) == pytest.approx(float(expected), abs=1e-9)
    one, flat = torch.ones(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    assert float(loss_effect(one, flat, 3 * one)) == pytest.approx(3.0)  # Q = inf is linear


def test_density_at_zero_estimates_the_slope_of_a_share():
    values = torch.from_numpy(np.random.default_rng(0).standard_normal(20_000))
    width = kernel_width(values)
    assert float(density_at_zero(values, width).mean()) == pytest.approx(1 / math.sqrt(2 * math.pi), rel=0.05)
    step = torch.full_like(values, 1e-4)
    assert float(share_effect(values, width, step).mean()) / 1e-4 == pytest.approx(
        float(density_at_zero(values, width).mean()), rel=1e-3
    )
    for flat in (torch.zeros(5), torch.tensor([math.nan, 1.0, math.nan]), torch.full((4,), math.nan)):
        assert kernel_width(flat.double()) == 0.0
        assert density_at_zero(flat.double(), 0.0).tolist() == [0.0] * len(flat)
    assert density_at_zero(torch.tensor([math.nan, 0.0, 1.0]).double(), 0.5)[0] == 0.0


def test_top_share_is_that_of_the_largest_square() -> None:
    assert top_share(torch.tensor([3.0, -4.0, 0.0, 1.0])) == pytest.approx(16 / 26)
    assert top_share(torch.zeros(4)) == 0


def test_class_shares_of_sampled_anchors_are_left_to_chance_in_proportion_to_what_is_unsampled():
    """Half of the anchors, one a class: between the classes the variance is half of what it is with replacement."""
    y = torch.tensor([0, 0, 1, 1])
    found = instance_influence(
        value=torch.tensor([1.0, 3.0], dtype=torch.float64),
        weight=torch.tensor([2.0, 2.0], dtype=torch.float64),
        anchors=torch.tensor([0, 2]),
        others=torch.zeros(4, dtype=torch.float64),
        y=y,
        v=1,
        stratified=True,
    )
    # Two instances of a class leave one degree of freedom, of which three quarters are those of four.
    expected = torch.tensor([-1.0, 0.0, 1.0, 0.0], dtype=torch.float64) * 2 * 0.5**0.5 * (2 * 3 / 4) ** 0.5
    torch.testing.assert_close(found, expected)
