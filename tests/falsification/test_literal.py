"""The evaluation at 50 digits against the float64 loops of the test oracles and against the exact estimator."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from mpmath import mp

from boundcheck.embeddings import EmbeddingSet
from boundcheck.falsification.evidence import dense_evidence, exact_evidence, literal_evidence
from boundcheck.falsification.literal import literal
from boundcheck.losses import SCL, LossKey
from boundcheck.spec import Variant
from tests.oracles import literal as oracle
from tests.oracles.bridge import eta_of, problem_of


def points(views: int = 1, seed: int = 0) -> EmbeddingSet:
    y = np.array([0, 0, 0, 1, 1, 2])
    return EmbeddingSet(np.random.default_rng(seed).standard_normal((6, views, 4)), y)


VARIANTS: list[dict[str, Any]] = [
    {"positives": "class"},
    {"positives": "class", "self_pairs": "include", "class_prior": "balanced"},
    {"views": 2, "positives": "augmentation", "class_prior": "balanced"},
    {"views": 2, "positives": "class"},
]


@pytest.mark.parametrize("variant", VARIANTS)
def test_literal_definitions(variant: dict[str, Any]) -> None:
    options = dict(variant)
    emb = points(options.pop("views", 1))
    spec = Variant(
        temperature=0.3, betas=[2], hardening=["exp", "threshold:0.2", "poly:3"], q=[0.5, math.inf], **options
    ).on(emb)
    found, worst = literal(emb, spec)
    problem = problem_of(emb, spec)
    for key in spec.keys:
        eta, group = eta_of(key.hardening, 0.3), oracle.POOL_OF_LOSS[key.loss.id]
        expected = oracle.anchor_losses(problem, group, eta, key.q, spec.positives).flatten()
        np.testing.assert_allclose(found.per_anchor(key).numpy(), expected, atol=1e-12)
        assert found.loss(key).value == pytest.approx(oracle.weighted_mean(problem, expected.reshape(emb.n, -1)))
    for h, summary in found.margins.items():
        expected = np.array([oracle.margin(problem, a, eta_of(h, 0.3)) for a in problem.anchors()])
        np.testing.assert_allclose(summary.margin.numpy(), expected, atol=1e-12)
    for mine, theirs in (
        (found.table.log_sums, exact_evidence(emb, spec).losses.table.log_sums),
        (torch.stack(list(worst.values())), torch.stack(list(dense_evidence(emb, spec).worst_case.values()))),
    ):
        torch.testing.assert_close(mine, theirs, atol=1e-12, rtol=0, equal_nan=True)


def test_no_overflow_where_plain_float64_sums_overflow() -> None:
    emb = points()
    spec = Variant(temperature=0.01, betas=[100], positives="class").on(emb)
    found, _ = literal(emb, spec)
    expected = exact_evidence(emb, spec).losses
    assert expected.table.log_sums.abs().max() > 5000
    torch.testing.assert_close(found.table.log_sums, expected.table.log_sums, atol=0, rtol=1e-14)


def test_really_at_50_digits() -> None:
    """Two candidates whose logits differ by 1e-14: float64 log-sums lose the margin's digits, these do not."""
    gap = 1e-14
    emb = EmbeddingSet(np.array([[1.0, 0.0], [0.6, 0.8], [0.6 - gap, 0.8]]), np.array([0, 0, 1]), normalize=False)
    spec = Variant(temperature=1.0, betas=[1], positives="class").on(emb)
    margin = literal(emb, spec)[0].table.log_sums[0, 0, 1] - literal(emb, spec)[0].table.log_sums[0, 1, 1]
    assert float(margin) == pytest.approx(0.6 - float(emb.z[2, 0, 0]), abs=2e-16)
    key = LossKey(SCL, spec.hardenings[0], 1.0)
    with mp.workdps(50):
        t_positive, t_negative = mp.mpf(emb.z[1, 0, 0]), mp.mpf(emb.z[2, 0, 0])
        exactly = float(mp.log(1 + mp.exp(t_negative - t_positive)))
    assert float(literal(emb, spec)[0].per_anchor(key)[0]) == exactly


def test_evidence_over_some_anchors() -> None:
    emb = points()
    spec = Variant(betas=[1], positives="class").on(emb)
    some = torch.tensor([0, 1, 3])
    for evidence in (dense_evidence(emb, spec), exact_evidence(emb, spec), literal_evidence(emb, spec)):
        part = evidence.over(some)
        assert part.table.anchors.tolist() == [0, 1, 3]
        estimate = part.loss(spec.keys[0])
        assert estimate.se == 0
        assert estimate.value == pytest.approx(float(evidence.losses.per_anchor(spec.keys[0])[some].mean()), abs=1e-12)
