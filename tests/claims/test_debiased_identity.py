"""Exact: all negatives less their same-class part are the other-class negatives (Chuang et al. 2020)."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from boundcheck.embeddings import EmbeddingSet
from boundcheck.pairwise.cumulants import CumulantTable
from boundcheck.pools import ALL, DIFF, SAME, Pool
from tests.claims.designs import clusters, evidence_of, judged, verdicts
from tests.oracles.closed_forms import collapsed
from tests.strategies import embedding_sets


@given(
    embedding_sets(),
    st.sampled_from([0.01, 0.1, 1.0]),
    st.sampled_from(["empirical", "balanced"]),
    st.sampled_from(["exclude", "include"]),
)
def test_holds_on_every_data_set(emb: EmbeddingSet, temperature: float, prior: str, self_pairs: str) -> None:
    evidence = evidence_of(
        emb, intervals=False, temperature=temperature, betas=[1], class_prior=prior, self_pairs=self_pairs
    )
    assert verdicts("debiased_identity", evidence) == {"holds"}


@pytest.mark.parametrize("temperature", [1.0, 0.1, 0.01])
def test_cancellation_at_collapsed_classes_is_not_a_violation(temperature: float) -> None:
    """The same-class part makes up all but e^{-C / ((C - 1) tau)} of the sum: subtracted, nothing would be left."""
    z, y = collapsed(3, 20, 2)
    (judgement,) = judged("debiased_identity", evidence_of(EmbeddingSet(z, y), temperature=temperature, betas=[1]))
    assert judgement.verdict == "holds"
    assert judgement.finding is not None and judgement.finding.slack is not None
    assert judgement.finding.lhs == pytest.approx(judgement.finding.rhs, abs=1e-9)
    assert len(judgement.finding.slack) == 120 and not torch.isnan(judgement.finding.slack).any()


def test_a_sum_over_all_that_is_not_the_sum_of_its_parts_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    evidence = evidence_of(clusters(), betas=[1])
    right = CumulantTable.log_sum

    def greater_part(self: CumulantTable, pool: Pool, term: object) -> torch.Tensor:
        if pool is ALL:
            return torch.maximum(right(self, SAME, term), right(self, DIFF, term))
        return right(self, pool, term)

    monkeypatch.setattr(CumulantTable, "log_sum", greater_part)
    assert verdicts("debiased_identity", evidence) == {"violated"}


def test_trivial_where_no_instance_has_a_partner() -> None:
    assert verdicts("debiased_identity", evidence_of(clusters(per_class=1, classes=4), betas=[1])) == {"holds"}


@pytest.mark.parametrize("options", [{"anchors": 10}, {"negatives": 3}])
def test_is_about_log_sums_and_so_holds_for_sampled_anchors_and_finite_k(options: dict[str, int]) -> None:
    assert verdicts("debiased_identity", evidence_of(clusters(), betas=[1], **options)) == {"holds"}
