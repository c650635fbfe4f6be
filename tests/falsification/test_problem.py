"""What a search lowers, and along which gradient."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

import boundcheck as bc
from boundcheck.claims import CLAIMS, Claim, Evidence, Finding
from boundcheck.claims.base import without_uncertainty
from boundcheck.embeddings import EmbeddingSet
from boundcheck.errors import InputError
from boundcheck.falsification.descent import descend
from boundcheck.falsification.problem import PENALTY, Point, Problem
from boundcheck.inference.intervals import Estimate
from boundcheck.pairwise.cumulants import TOLERANCE
from boundcheck.pools import ALL
from boundcheck.spec import Variant


def points() -> EmbeddingSet:
    return EmbeddingSet(np.random.default_rng(0).standard_normal((8, 1, 3)), np.arange(8) % 2)


def problem(claim: str | Claim, premise: str = "free", **options: Any) -> Problem:
    spec = Variant(betas=[2], positives="class", **options).on(points())
    return Problem(CLAIMS[claim] if isinstance(claim, str) else claim, spec, premise)


def looked_at(made: Problem, emb: EmbeddingSet | None = None) -> tuple[Point, torch.Tensor]:
    """The point with its gradient, zero where it has none."""
    emb = emb or points()
    z = torch.from_numpy(emb.z).requires_grad_()
    point = made.point(emb, 0, z)
    assert point is not None
    if not point.score.requires_grad:
        return point, torch.zeros_like(z)
    return point, torch.autograd.grad(point.score, z)[0]


def by_floats(name: str = "floats") -> Claim:
    """hscl_le_hucl as averages alone, without the slack of any anchor."""

    @bc.claim(id=name, source="here")
    def floats(evidence: Evidence) -> Iterator[Finding]:
        (h,) = evidence.tilts
        margin = evidence.losses.gap(evidence.key("hucl", h, 1.0), evidence.key("hscl", h, 1.0))
        yield Finding(h.family, h.beta, 1.0, 0.0, margin.value, margin)

    return floats


@bc.claim(id="far_from_centred", source="here")
def far_from_centred(evidence: Evidence) -> Iterator[Finding]:
    "The points' mean is not short: a margin that no loss knows of."
    mean = evidence.losses.emb.z.reshape(-1, evidence.losses.emb.d).mean(0)
    length = float(np.linalg.norm(mean))
    yield Finding(None, None, None, 0.1, length, without_uncertainty(length - 0.1))


def test_the_score_is_the_margin_that_is_judged() -> None:
    point, _ = looked_at(problem("hscl_le_hucl"))
    assert point.judgement.finding is not None
    assert point.gap == pytest.approx(point.judgement.finding.gap.value, abs=1e-12)
    assert point.found == (point.judgement.verdict == "violated")


@pytest.mark.parametrize("self_pairs", ["exclude", "include"])
def test_a_handful_of_points_is_all_there_is_and_no_sample_to_doubt(self_pairs: str) -> None:
    point, _ = looked_at(problem("hscl_le_hucl", self_pairs=self_pairs), points().subset([0, 1, 2, 3, 4, 5]))
    assert point.judgement.verdict == ("violated" if point.gap < -TOLERANCE else "holds")
    assert point.judgement.reliable and abs(point.gap) > 10 * TOLERANCE


def test_an_exact_claim_is_attacked_at_its_worst_anchor() -> None:
    point, gradient = looked_at(problem("hucl_ge_ucl"))
    assert point.judgement.finding is not None and point.judgement.finding.slack is not None
    assert point.gap == float(point.judgement.finding.slack.min())
    assert gradient.any() and not point.found


def test_averages_alone_carry_the_gradient_of_the_slack() -> None:
    with_slack, expected = looked_at(problem("hscl_le_hucl"))
    without, gradient = looked_at(problem(by_floats()))
    assert without.gap == pytest.approx(with_slack.gap, abs=1e-12)
    torch.testing.assert_close(gradient, expected, atol=1e-6, rtol=1e-6)


def test_slack_that_does_not_average_to_the_margin_is_not_followed() -> None:
    @bc.claim(id="misleading", source="here")
    def misleading(evidence: Evidence) -> Iterator[Finding]:
        (finding,) = by_floats().evaluate(evidence)
        yield Finding(*(getattr(finding, name) for name in ("hardening", "beta", "q", "lhs", "rhs", "gap")),
                      slack=-evidence.losses.table.largest_logit(ALL))  # fmt: skip

    _, expected = looked_at(problem(by_floats()))
    _, gradient = looked_at(problem(misleading))
    torch.testing.assert_close(gradient, expected)


@pytest.mark.slow
def test_a_margin_of_the_embeddings_is_lowered_by_differences() -> None:
    point, gradient = looked_at(problem(far_from_centred))
    assert not gradient.any() and not point.found
    best, steps = descend(problem(far_from_centred), points(), 0, np.random.default_rng(0), np.inf, steps=20)
    assert best is not None and best.found and best.gap < 0 < steps


@pytest.mark.parametrize("claim", ["arora_mean_classifier", "bao_upper", "bao_lower", "arora_upper", "ash_upper"])
def test_sums_over_k_negatives_and_the_mean_classifier_carry_a_gradient(claim: str) -> None:
    """Against central differences of the margin, which is what the search lowers."""
    made = problem(claim, self_pairs="include")
    emb = points().subset([0, 1, 2, 3, 4, 5])
    at, gradient = looked_at(made, emb)
    assert at.judgement.finding is not None and float(gradient.abs().max()) > 1e-3
    direction = torch.from_numpy(np.random.default_rng(1).standard_normal(emb.z.shape))
    z = torch.from_numpy(emb.z)
    ends = [made.point(emb, 0, z + sign * 1e-5 * direction) for sign in (1, -1)]
    slope = (ends[0].gap - ends[1].gap) / 2e-5 if ends[0] and ends[1] else np.nan
    assert float((gradient * direction).sum()) == pytest.approx(slope, rel=2e-3, abs=1e-5)


def test_an_unmet_premise_is_penalised_when_it_must_hold() -> None:
    free, _ = looked_at(problem("hscl_le_hucl"))
    held, _ = looked_at(problem("hscl_le_hucl", "hold"))
    assert free.judgement.finding is not None and free.judgement.finding.premise_slack is not None
    short = free.judgement.finding.premise_slack.clamp(max=0).neg().mean()
    assert held.gap == pytest.approx(free.gap)
    assert float(held.score) == pytest.approx(free.gap + PENALTY * float(short)) != free.gap


def test_the_premise_itself() -> None:
    point, gradient = looked_at(problem("hscl_le_hucl", "fail"))
    assert point.judgement.finding is not None and point.judgement.finding.premise_slack is not None
    assert point.gap == pytest.approx(float(point.judgement.finding.premise_slack.mean()))
    assert point.found == (point.judgement.finding.premise_share != 1) and gradient.any()


@pytest.mark.parametrize(("premise", "score"), [("hold", -1 + PENALTY * 0.75), ("fail", 0.25)])
def test_a_premise_of_which_only_the_share_is_known(premise: str, score: float) -> None:
    @bc.claim(id="shares", source="here", premise="something")
    def shares(evidence: Evidence) -> Iterator[Finding]:
        yield Finding(None, None, None, 0.0, -1.0, Estimate(-1.0, -1.0, 0.0), premise=0.25)

    point, _ = looked_at(problem(shares, premise))
    assert float(point.score) == pytest.approx(score)
    assert point.found == (premise == "fail")


def test_a_claim_without_a_premise_has_none_to_hold() -> None:
    with pytest.raises(InputError, match="premise: 'hucl_ge_ucl' states none, received 'hold'; use premise=free"):
        looked_at(problem("hucl_ge_ucl", "hold"))


def test_a_find_on_another_finding_counts() -> None:
    """Of several tilts one is aimed at; the point is a find where any is violated."""

    @bc.claim(id="second", source="here")
    def second(evidence: Evidence) -> Iterator[Finding]:
        for value in (1.0, -1.0):
            yield Finding(None, None, None, 0.0, value, Estimate(value, value, 0.0))

    point, _ = looked_at(problem(second))
    assert point.found and point.aim == 1


def test_nothing_to_attack_where_the_claim_does_not_apply() -> None:
    assert problem("hscl_le_hucl").point(points().subset([0, 1]), 0) is None  # one of each class: no positive
    assert problem("hscl_le_hucl").point(points().subset([0, 1, 2]), 0) is not None
