"""The standard error of a share of anchors: which way an effect counts, and what is one observation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import norm

import boundcheck
from boundcheck.embeddings import EmbeddingSet
from boundcheck.estimators import estimate
from boundcheck.estimators.averages import _share_change
from boundcheck.estimators.shares import share_of
from boundcheck.hardening import CONSTANT


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_an_effect_moves_the_margin_the_way_its_pool_does(sign: float) -> None:
    """The margin is other classes less the same class: what leaves one pool lowers it, the other raises it."""
    weight, margin = np.array([1.0, 2.0]), np.array([0.1, -0.3])
    placed, delta = torch.from_numpy(np.stack([weight, margin])), np.array([0.2, 0.4])
    change = _share_change(torch.tensor([3, 8]), placed, 0.5, sign, torch.tensor([3, 8]), torch.from_numpy(delta))
    expected = weight * (norm.cdf(margin / 0.5) - norm.cdf((margin - sign * delta) / 0.5))
    np.testing.assert_allclose(change, expected, rtol=1e-12)


def test_views_of_an_instance_are_one_observation() -> None:
    margin = torch.tensor([0.1, -0.2, 0.3, 0.4, -0.1], dtype=torch.float64)
    one = share_of(margin, torch.ones(5, dtype=torch.float64), torch.arange(5), 1, False)
    two = share_of(margin.repeat_interleave(2), torch.ones(10, dtype=torch.float64), torch.arange(10), 2, False)
    assert (two.n, two.value) == (5, one.value) and two.se == pytest.approx(one.se, rel=1e-12)


def test_a_weighted_share_and_its_error_are_those_of_the_definition() -> None:
    """A ratio of weighted sums: sqrt of the sum over instances of (sum over its views of w (met - share))^2, over W."""
    rng = np.random.default_rng(4)
    margin, weight = rng.normal(size=(6, 2)), rng.uniform(0.5, 3.0, size=(6, 2))
    margin[2] = np.nan  # without a partner
    anchors = torch.arange(12)
    found = share_of(torch.from_numpy(margin).flatten(), torch.from_numpy(weight).flatten(), anchors, 2, False)
    weight[2] = 0.0
    met = np.nan_to_num(margin, nan=-1.0) >= 0
    value = (weight * met).sum() / weight.sum()
    se = np.sqrt(np.square((weight * (met - value)).sum(1)).sum()) / weight.sum()
    assert (found.value, found.n) == (pytest.approx(value), 5) and found.se == pytest.approx(se, rel=1e-12)


def test_a_second_view_that_is_a_copy_tells_nothing_new() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(80) % 4
    z = rng.normal(size=(80, 1, 6)) + 1.5 * np.eye(4, 6)[y][:, None]
    once, twice = EmbeddingSet(z, y), EmbeddingSet(np.repeat(z, 2, axis=1), y)
    options = {"betas": [1.0], "positives": "class", "claims": ["hscl_le_hucl"]}
    columns = ["share_holding", "share_low", "share_high"]
    one, two = (boundcheck.verify(emb, **options).run.assumption[columns] for emb in (once, twice))
    assert one["share_holding"].between(0.01, 0.99).any()
    np.testing.assert_allclose(one, two, atol=0.01)  # the kernel's width knows how many anchors there are


def test_a_share_on_few_effective_instances_is_not_to_be_relied_on():
    """Halves agree where a hard tilt reads one neighbour, and neither is the population's share."""
    rng = np.random.default_rng(0)
    emb = EmbeddingSet(rng.standard_normal((400, 16)), np.arange(400) % 4)
    frame = estimate(emb, betas=[0.5, 50.0], temperature=0.5).assumption_frame(0.95).set_index("beta")
    assert frame.loc[50.0, "median_ess"] < 8 < frame.loc[0.5, "median_ess"]
    assert not frame.loc[50.0, "reliable"]
    whole = estimate(emb, betas=[50.0], temperature=0.5, self_pairs="include").assumption_frame(0.95)
    assert whole.set_index("beta").loc[50.0, "reliable"]  # the data are the population


def test_a_cluster_is_one_draw_for_a_share_too() -> None:
    """Every instance twice, told that it is one draw: the error is that of half as many."""
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(60) % 3, 2)
    z = np.repeat(np.eye(3, 8)[np.arange(60) % 3][:, None] + 0.8 * rng.standard_normal((60, 2, 8)), 2, axis=0)
    kept, grouped = (
        boundcheck.verify(EmbeddingSet(z, y), duplicates=how, betas=[], claims="scl_le_ucl", null=False).losses
        for how in ("keep", "group")
    )
    one, two = (losses.margins[CONSTANT].share for losses in (kept, grouped))
    assert 0 < one.value == two.value < 1 and (one.n, two.n) == (120, 60)
    assert two.se == pytest.approx(one.se * np.sqrt(2 * 60 - 1) / np.sqrt(60 - 1))


def test_a_cluster_is_one_draw_for_the_share_of_any_claim() -> None:
    """Pairs of instances that agree: the error is that of pairs, by the definition."""
    rng = np.random.default_rng(1)
    pairs = rng.standard_normal(50)
    margin, weight = np.repeat(pairs, 2), np.repeat(rng.uniform(0.5, 2.0, 50), 2)
    anchors, clusters = torch.arange(100), torch.arange(100) // 2
    arguments = torch.from_numpy(margin), torch.from_numpy(weight), anchors, 1, False
    alone, grouped = share_of(*arguments), share_of(*arguments, clusters=clusters)
    met = margin >= 0
    value = (weight * met).sum() / weight.sum()
    each = (weight * (met - value)).reshape(50, 2).sum(1)
    assert (grouped.value, grouped.n) == (pytest.approx(value), 50)
    assert grouped.se == pytest.approx(np.sqrt(np.square(each).sum()) / weight.sum(), rel=1e-12)
    assert grouped.se == pytest.approx(np.sqrt(2) * alone.se, rel=1e-12)
