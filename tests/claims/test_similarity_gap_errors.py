"""Intervals of the claims about mean similarities, whose bounds are statistics of the sample themselves."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import boundcheck as bc
from boundcheck.claims import CLAIMS
from boundcheck.claims.nearest_mean_error import BOTH, bounds_and_error
from boundcheck.claims.statistics import (
    negative_similarity,
    positive_similarity,
    several_of_instances,
    similarity_gap,
)
from boundcheck.falsification.evidence import exact_evidence
from boundcheck.spec import Variant

N = 60


def embeddings(n: int, views: int, seed: int) -> bc.EmbeddingSet:
    """Three classes of unequal spread."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    centre = np.eye(3, 5)[y] * (1 + y)[:, None] + rng.standard_normal((n, 5))
    return bc.EmbeddingSet(centre[:, None] + 0.4 * rng.standard_normal((n, views, 5)), y)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "views", "positives"),
    [
        ("ucl_ge_similarity_gap", 2, "augmentation"),
        ("ucl_ge_similarity_gap", 2, "class"),
        ("ucl_ge_similarity_gap", 1, "class"),
        ("positives_exceed_negatives", 2, "augmentation"),
    ],
)
@pytest.mark.parametrize("q", [1.0, math.inf])
def test_the_standard_error_is_the_jackknife_s(name: str, views: int, positives: str, q: float) -> None:
    emb = embeddings(N, views, 0)
    variant = Variant(betas=[2.0], q=[q], positives=positives, design="iid").on(emb)
    frame = bc.verify(emb, variant, claims=[name], null=False).to_frame()

    def gaps(some: bc.EmbeddingSet) -> list[float]:
        return [finding.gap.plugin for finding in CLAIMS[name].evaluate(exact_evidence(some, variant))]

    without = np.array([gaps(emb.subset(np.arange(N) != i)) for i in range(N)])
    jackknife = np.sqrt((N - 1) / N * np.square(without - without.mean(0)).sum(0))
    np.testing.assert_allclose(frame.se, jackknife, rtol=0.05)


@pytest.mark.parametrize("views", [1, 2])
def test_fixed_class_sizes_restore_the_share_of_the_anchor_s_class(views: int) -> None:
    """Where classes are tight and their sizes fixed, intervals without it covered 70 % at 40 instances."""
    emb = bc.EmbeddingSet(*(part[:25] for part in (embeddings(N, views, 3).z, embeddings(N, views, 3).y)))
    z, a = emb.z.reshape(-1, emb.d), np.arange(25 * views)
    label, t = emb.y[a // views], z @ z.T
    size = emb.class_counts[label].astype(float)
    weight = np.where(label[:, None] == label, (size / (size - 1))[:, None], 1.0)
    weight *= a[:, None] // views != a // views
    for design, weighed in (("fixed", weight), ("iid", weight > 0)):
        losses = bc.estimate(emb, betas=[], positives="class", design=design)
        points = torch.from_numpy(emb.z)
        positive, negative = positive_similarity(losses, points), negative_similarity(losses, points)
        found, _ = similarity_gap(losses, points, positive, negative)
        negatives = float(((t * weighed).sum(1) / weighed.sum(1)).mean())
        positives = float(positive.mean())
        assert found.value == pytest.approx(negatives - positives, abs=1e-9)
        assert (found.value == found.plugin) == (design == "iid")


def test_clusters_are_one_draw() -> None:
    """Every instance twice, told that it is one draw: the error is that of half as many."""
    emb = embeddings(N, 2, 1)
    twice = bc.EmbeddingSet(np.repeat(emb.z, 2, axis=0), np.repeat(emb.y, 2))
    options = dict(claims=["positives_exceed_negatives"], betas=[], design="iid", null=False)
    alone, kept, grouped = (
        bc.verify(e, duplicates=how, **options).to_frame().se.item()
        for e, how in ((emb, "keep"), (twice, "keep"), (twice, "group"))
    )
    assert kept == pytest.approx(alone / math.sqrt(2), rel=0.05)
    assert grouped == pytest.approx(alone, rel=0.05)


def test_classes_that_are_points_decide_nothing_about_the_nearest_mean() -> None:
    """All groups of the jackknife agree on an error and a bound of zero: no spread is seen, which is no proof."""
    points = np.repeat(np.eye(4, 6), 30, axis=0)
    frame = bc.verify(
        bc.EmbeddingSet(points, np.repeat(np.arange(4), 30)), claims=["ncm_directional", "ncm_second_moments"]
    ).to_frame()
    assert list(frame.verdict) == ["undecided", "undecided"]
    assert list(frame.rhs) == [0.0, 0.0] and frame.ci_low.isna().all()


def gaussians(y: np.ndarray, seed: int) -> np.ndarray:
    """Four classes in six dimensions, of which means tell 96 % apart; (n, 1, 6)."""
    centre = 1.6 * np.random.default_rng(5).normal(size=(4, 6))
    noise = np.random.default_rng([seed, 1]).normal(size=(len(y), 1, 6))
    return centre[y][:, None] + (0.6 + 0.3 * (y % 2))[:, None, None] * noise


@pytest.mark.slow
def test_the_interval_of_the_nearest_mean_covers_what_it_says() -> None:
    """The error moves in steps: a jackknife's correction of it is noise, and the intervals covered 75 %."""
    many, y, times = np.arange(100_000) % 4, np.arange(160) % 4, 40
    z = torch.from_numpy(gaussians(many, 0))
    *bounds, error = bounds_and_error(z, many)
    truth = [bound - error for bound in bounds]
    covered = np.zeros(2)
    for seed in range(1, times + 1):
        emb = bc.EmbeddingSet(gaussians(y, seed), y, normalize=False)
        losses = bc.estimate(emb, betas=[], temperature=50.0, intervals=False)
        z = torch.from_numpy(emb.z)
        for i, found in enumerate(several_of_instances(losses, z, bounds_and_error, len(BOTH))):
            low, high = found.interval(0.95)
            covered[i] += low <= truth[i] <= high
    assert covered.min() >= 0.85 * times  # 95 % less 2.9 standard errors


@pytest.mark.slow
def test_clusters_leave_the_jackknife_together() -> None:
    """Every instance three times, told that it is one draw: the error is about that of a third as many."""
    y = np.arange(120) % 4
    z = gaussians(y, 1)
    alone, copies = bc.EmbeddingSet(z, y), bc.EmbeddingSet(np.repeat(z, 3, axis=0), np.repeat(y, 3))
    options = {"claims": ["ncm_second_moments"], "betas": [], "null": False}
    one, kept, grouped = (
        bc.verify(emb, duplicates=how, **options).to_frame().se.item()
        for emb, how in ((alone, "keep"), (copies, "keep"), (copies, "group"))
    )
    assert kept < 0.8 * one
    assert grouped == pytest.approx(one, rel=0.35)


@pytest.mark.slow
@pytest.mark.parametrize("views", [1, 2])
def test_one_point_for_all_decides_nothing(views: int) -> None:
    """Every influence is zero: the standard error is, too, and still the data are a sample."""
    emb = bc.EmbeddingSet(np.ones((200, views, 8)), np.arange(200) % 4)
    frame = bc.verify(emb).to_frame()
    judged = frame[(frame.kind != "exact") & (frame.verdict != "inapplicable")]
    assert len(judged) and set(judged.verdict) == {"undecided"}


def test_the_rounding_of_one_point_explains_no_error() -> None:
    """What float64 leaves of nine points that are one was taken for variance between classes, and the bound for 0."""
    z = np.tile(np.array([0.38403233, -0.73017245, 0.27885004, -0.49153841]), (9, 1, 1))
    y = np.array([0] * 8 + [1])
    options = {"temperature": 0.01, "betas": (0.5,), "self_pairs": "include", "claims": "spectral_error"}
    found = bc.verify(bc.EmbeddingSet(z, y), **options).to_frame()
    assert found.verdict.tolist() == ["passes"] and found.vacuous.tolist() == [True]


def test_what_fixed_class_sizes_correct_contradicts_no_theorem() -> None:
    """True of every data set and population, and near equality: the correction alone puts the interval below zero."""
    z = np.random.default_rng(1).standard_normal((24, 1, 2)).repeat(2, 1)
    y = [3, 9, 11, 3, 10, 9, 9, 6, 10, 1, 1, 11, 5, 4, 8, 3, 7, 10, 9, 1, 11, 8, 8, 2]
    options = dict(claims=["positives_exceed_negatives"], positives="augmentation", design="fixed", null=False)
    row = bc.verify(bc.EmbeddingSet(z, y), **options).to_frame().iloc[0]
    assert row.ci_high < 0 and row.verdict == "undecided" and "only the bias correction" in row.reason
