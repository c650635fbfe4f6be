"""Exact: the decoupled loss over all negatives against that over other classes (Luthra et al. 2025)."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from boundcheck.embeddings import EmbeddingSet
from boundcheck.pairwise.cumulants import CumulantTable
from boundcheck.pools import ALL
from tests.claims.designs import clusters, evidence_of, judged, verdicts, with_log_sums
from tests.strategies import embedding_sets


@given(embedding_sets(), st.sampled_from([0.01, 0.1, 1.0]))
def test_holds_on_every_data_set(emb: EmbeddingSet, temperature: float) -> None:
    (judgement,) = judged("ucl_minus_nscl", evidence_of(emb, intervals=False, temperature=temperature, betas=[1]))
    assert judgement.verdict == "holds"
    assert judgement.finding is not None
    assert 0 <= judgement.finding.lhs <= judgement.finding.rhs < math.inf


@pytest.mark.parametrize("temperature", [0.01, 0.07, 1.0])
def test_near_its_bound_on_antipodal_classes(temperature: float) -> None:
    """The largest class collapsed opposite the rest: only the anchor itself keeps the bound from being met."""
    largest, rest, views = 50, 3, 2
    y = np.repeat([0, 1], [largest, rest])
    z = np.where(y == 0, 1.0, -1.0)[:, None, None] * np.ones((1, views, 1))
    evidence = evidence_of(EmbeddingSet(z, y), temperature=temperature, betas=[1])
    (judgement,) = judged("ucl_minus_nscl", evidence)
    finding = judgement.finding
    assert judgement.verdict == "holds" and finding is not None and finding.slack is not None
    assert finding.rhs == pytest.approx(np.logaddexp(0, math.log(largest / rest) + 2 / temperature))
    expected = finding.rhs - np.logaddexp(0, math.log((largest - 1) / rest) + 2 / temperature)
    assert float(finding.slack[0]) == pytest.approx(expected, abs=1e-6)
    assert 0 < float(finding.slack.min()) < 0.03


def test_zero_where_no_instance_has_a_partner() -> None:
    (judgement,) = judged("ucl_minus_nscl", evidence_of(clusters(per_class=1, classes=4), betas=[1]))
    assert judgement.verdict == "holds"
    assert judgement.finding is not None and judgement.finding.lhs == 0


def test_a_same_class_sum_too_large_is_caught() -> None:
    evidence = evidence_of(clusters(), betas=[1])
    assert verdicts("ucl_minus_nscl", with_log_sums(evidence, part=0, change=10.0, anchor=5)) == {"violated"}


def test_a_sum_over_all_below_its_part_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    evidence = evidence_of(clusters(), betas=[1])
    right = CumulantTable.log_sum
    monkeypatch.setattr(
        CumulantTable, "log_sum", lambda self, pool, term: right(self, pool, term) - (2.0 if pool is ALL else 0.0)
    )
    (judgement,) = judged("ucl_minus_nscl", evidence)
    assert judgement.verdict == "violated"
    assert judgement.finding is not None and judgement.finding.slack is not None
    assert torch.isfinite(judgement.finding.slack).all()


@pytest.mark.parametrize(
    ("options", "said"),
    [({"class_prior": "balanced"}, "class_prior='empirical'"), ({"self_pairs": "include"}, "self_pairs='exclude'")],
)
def test_needs_plain_sums_over_other_instances(options: dict[str, str], said: str) -> None:
    (judgement,) = judged("ucl_minus_nscl", evidence_of(clusters(), betas=[1], **options))
    assert judgement.verdict == "inapplicable" and said in judgement.reason


def test_needs_unit_norm() -> None:
    emb = clusters()
    (judgement,) = judged("ucl_minus_nscl", evidence_of(EmbeddingSet(3 * emb.z, emb.y, normalize=False), betas=[1]))
    assert judgement.verdict == "inapplicable" and "unit-norm" in judgement.reason


@pytest.mark.parametrize("options", [{"anchors": 10}, {"negatives": 3}])
def test_is_about_log_sums_and_so_holds_for_sampled_anchors_and_finite_k(options: dict[str, int]) -> None:
    assert verdicts("ucl_minus_nscl", evidence_of(clusters(), betas=[1], **options)) == {"holds"}
