"""The lower bound of the supervised losses at neural collapse, and where the statement stops to apply."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boundcheck.claims.scl_ge_collapse import collapse_loss
from boundcheck.embeddings import EmbeddingSet
from boundcheck.pools import DIFF
from boundcheck.verdicts import is_unmet
from tests.claims.designs import FAMILIES, clusters, evidence_of, judged, verdicts, with_loss
from tests.oracles.closed_forms import collapsed, collapsed_loss

QS = [0.1, 1.0, 10.0, math.inf]


@pytest.mark.parametrize("q", QS)
@pytest.mark.parametrize("classes", [2, 7])
def test_bound_is_the_closed_form(classes: int, q: float) -> None:
    for temperature in (0.05, 0.5):
        assert collapse_loss(classes, temperature, q) == pytest.approx(
            collapsed_loss("scl", classes, 3, temperature, q, 0.0), rel=1e-9
        )


def test_bound_neither_overflows_nor_vanishes_where_it_should_not() -> None:
    assert collapse_loss(2, 0.01, 1.0) == pytest.approx(math.exp(-200), rel=1e-9)
    assert collapse_loss(2, 0.5, 1e300) == pytest.approx(300 * math.log(10) - 4)
    assert collapse_loss(2, 0.01, math.inf) == -200


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("temperature", [0.05, 0.5])
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_equality_at_neural_collapse_is_not_a_violation(classes: int, temperature: float, dtype: str) -> None:
    """Nothing is violated in a sample of it, and the bound holds where the data are the population."""
    z, y = collapsed(classes, 12, 2)
    for self_pairs in ("exclude", "include"):
        evidence = evidence_of(
            EmbeddingSet(z.astype(dtype), y), temperature=temperature, betas=[1, 10], q=QS, self_pairs=self_pairs
        )
        judgements = judged("scl_ge_collapse", evidence)
        assert len(judgements) == 3 * len(QS)
        for judgement in judgements:
            assert judgement.finding is not None
            assert judgement.finding.gap.value == pytest.approx(0, abs=4e-5)
            assert judgement.verdict == "holds" if self_pairs == "include" else not is_unmet(judgement.verdict)


@pytest.mark.slow
@settings(max_examples=25)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(2, 5),
    st.sampled_from([0.0, 0.3, 2.0]),
    st.sampled_from([0.05, 0.5]),
    st.sampled_from(["class", "augmentation"]),
)
def test_never_below_the_bound_on_balanced_data(
    seed: int, classes: int, spread: float, temperature: float, mode: str
) -> None:
    emb = clusters(per_class=3, classes=classes, spread=spread, seed=seed)
    evidence = evidence_of(emb, temperature=temperature, betas=[2], q=QS, hardening=FAMILIES, positives=mode)
    for judgement in judged("scl_ge_collapse", evidence):
        assert judgement.finding is not None
        assert judgement.verdict != "violated"
        assert not judgement.finding.gap.plugin < -1e-5


def test_a_loss_below_the_bound_is_caught() -> None:
    z, y = collapsed(4, 5, 2)
    evidence = evidence_of(EmbeddingSet(z, y), betas=[1], self_pairs="include")
    (h,) = evidence.tilts
    moved = with_loss(evidence, evidence.key("hscl", h, 1.0), -1e-3)
    scl, hscl = judged("scl_ge_collapse", moved)
    assert (scl.verdict, hscl.verdict) == ("holds", "violated")


def test_needs_unit_norm() -> None:
    emb = clusters()
    raw = EmbeddingSet(emb.z * np.linspace(0.5, 2, emb.n)[:, None, None], emb.y, normalize=False)
    (judgement,) = judged("scl_ge_collapse", evidence_of(raw, betas=[1]))
    assert judgement.verdict == "inapplicable" and "unit-norm" in judgement.reason


def test_needs_balance_of_counts_or_of_the_prior() -> None:
    emb = clusters().subset(np.arange(5, 36))
    (judgement,) = judged("scl_ge_collapse", evidence_of(emb, betas=[1]))
    assert judgement.verdict == "inapplicable" and "class_prior='balanced'" in judgement.reason
    assert verdicts("scl_ge_collapse", evidence_of(emb, betas=[1], class_prior="balanced")) == {"holds"}


def test_needs_every_anchor() -> None:
    (judgement,) = judged("scl_ge_collapse", evidence_of(clusters(), betas=[1], anchors=20))
    assert judgement.verdict == "inapplicable" and "use all anchors" in judgement.reason


def test_every_unmet_requirement_is_named() -> None:
    emb = clusters().subset(np.arange(5, 36))
    raw = EmbeddingSet(2 * emb.z, emb.y, normalize=False)
    (judgement,) = judged("scl_ge_collapse", evidence_of(raw, betas=[1], anchors=20))
    assert judgement.reason.count(";") >= 2


@pytest.mark.slow
def test_needs_a_positive_for_every_anchor() -> None:
    """Leaving a lonely class out of the average breaks the bound, so the claim must not be judged there."""
    angle = math.acos(-1 / 4)  # of two collapsed classes, mirror images about the lonely third
    places = np.repeat([angle, -angle, 0.0], [4, 4, 1])
    emb = EmbeddingSet(np.stack([np.cos(places), np.sin(places)], 1), np.repeat([0, 1, 2], [4, 4, 1]))
    evidence = evidence_of(emb, betas=[], class_prior="balanced", q=[math.inf], temperature=0.02)
    scl = evidence.losses.loss(evidence.key("scl", evidence.exponentials[0], math.inf))
    tilted = evidence.losses.table.rho(DIFF, evidence.exponentials[0])
    assert scl.plugin > 0 or len(tilted) == 9
    (judgement,) = judged("scl_ge_collapse", evidence)
    assert judgement.verdict == "inapplicable" and "1 have no positive" in judgement.reason
