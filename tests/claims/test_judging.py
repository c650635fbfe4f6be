"""What is not decided by an interval alone: the family of tests, doubt, rounding, bounds that could not fail."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import norm

import boundcheck as bc
from boundcheck.claims import CLAIMS, Claim, Evidence, Finding, Judgement, judge, judge_all
from boundcheck.frames import claims_frame
from boundcheck.hardening import CONSTANT, Exponential
from boundcheck.inference.intervals import Estimate, Share
from boundcheck.pairwise.cumulants import TOLERANCE
from boundcheck.verdicts import GRAVEST_FIRST, MET, UNMET, gravest, is_met, is_unmet
from tests.claims.designs import clusters, evidence_of

SOFT, HARD = Exponential(1.0), Exponential(60.0)


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    """Enough instances for the soft tilt, far too few for the hard one."""
    return evidence_of(clusters(per_class=60, spread=0.6), betas=[1, 60])


def finding(value: float, se: float = 0.1, **rest: Any) -> Finding:
    return Finding("exp", 1.0, 1.0, 0.0, value, Estimate(value, value, se), **rest)


def made(*findings: Finding, id: str = "made", **about: Any) -> Claim:
    return bc.claim(id=id, source="here", **about)(lambda _: findings)


def one(evidence: Evidence, found: Finding, **about: Any) -> Judgement:
    (judgement,) = judge(made(found, **about), evidence, 0.95)
    return judgement


def family(evidence: Evidence, values: Sequence[float], **about: Any) -> list[Judgement]:
    return judge_all([made(*map(finding, values), **about)], evidence, 0.95)


def moving(evidence: Evidence, by: float) -> Evidence:
    """Two corrections of H-SCL less UCL that differ by so much."""
    losses = evidence.losses
    parts = losses.losses.mean + losses.correction
    parts[losses.keys.index(evidence.key("hscl", SOFT, 1.0))] += by
    return dataclasses.replace(evidence, losses=dataclasses.replace(losses, by_parts=parts, pieces=2))


@pytest.mark.parametrize(("value", "words"), [(0.21, MET), (-0.21, UNMET)])
@pytest.mark.parametrize("kind", ["theorem", "scenario"])
def test_a_lone_borderline_verdict_is_undecided_among_many(
    evidence: Evidence, value: float, words: dict[str, str], kind: str
) -> None:
    """2.1 standard errors leave out zero at 95 %; as the least p-value of ten they do not."""
    (alone,) = family(evidence, [value], kind=kind)
    assert alone.verdict == words[kind] and alone.p_holm == pytest.approx(2 * norm.sf(2.1))
    first, *others = family(evidence, [value, *[0.0] * 9], kind=kind)
    assert {judgement.verdict for judgement in (first, *others)} == {"undecided"}
    assert first.p_holm == pytest.approx(20 * norm.sf(2.1))
    assert first.reason.startswith("Its own interval leaves out 0, but not once all that is tested together is allowed")
    assert first.reliable  # the interval itself is sound


@pytest.mark.parametrize("sign", [1, -1])
def test_an_interval_that_ends_at_zero_decides_nothing(evidence: Evidence, sign: int) -> None:
    half = Estimate(0.0, 0.0, 0.1).interval(0.95)[1]
    found = finding(sign * half)
    assert 0.0 in found.gap.interval(0.95)
    judgement = one(evidence, found)
    assert judgement.verdict == "undecided" and "bias correction" not in judgement.reason


def test_what_is_far_from_zero_stays_decided_among_many_on_either_side(evidence: Evidence) -> None:
    verdicts = [judgement.verdict for judgement in family(evidence, [1.0, -1.0, *[0.0] * 8])]
    assert verdicts == ["holds", "violated", *["undecided"] * 8]


def test_the_family_is_what_was_tested(evidence: Evidence) -> None:
    """Exact statements, what nothing is left to chance in, and what is withheld are no tests."""
    doubted = finding(1.0, between=(evidence.key("ucl", CONSTANT, 1.0), evidence.key("hscl", HARD, 1.0)))
    certain, exact = finding(1.0, se=0.0), finding(1.0, slack=torch.ones(3))
    claims = [made(finding(0.21), doubted, certain), made(exact, id="exact", kind="exact"), CLAIMS["arora_upper"]]
    found = judge_all(claims, evidence, 0.95)
    assert [judgement.verdict for judgement in found] == ["holds", "undecided", "holds", "passes", "inapplicable"]
    assert [math.isnan(judgement.p_holm) for judgement in found] == [False, True, True, True, True]
    assert found[0].p_holm == pytest.approx(2 * norm.sf(2.1))


def test_the_remedy_of_a_family_is_the_sample_that_would_decide_it(evidence: Evidence) -> None:
    """The power calculation, literally: ten tests, so a tenth of what is left to err, and power 80 %."""
    first, *_ = family(evidence, [0.21, *[0.0] * 9])
    said = re.fullmatch(r"about ([\d,]+) instances, if the gap stays as it is", first.remedy)
    assert said is not None
    needed = norm.isf(0.05 / 20) + norm.ppf(0.8)
    expected = evidence.losses.emb.n * (needed / 2.1) ** 2
    assert int(said[1].replace(",", "")) == pytest.approx(expected, rel=0.05)


def test_the_remedy_of_a_gap_near_zero_is_honest(evidence: Evidence) -> None:
    (judgement,) = family(evidence, [1e-4])
    assert judgement.remedy == "the gap is too near 0 to be decided by 1000 times as many instances"


def test_a_difference_of_the_size_of_rounding_decides_nothing(evidence: Evidence) -> None:
    for value in (0.5 * TOLERANCE, -0.5 * TOLERANCE):
        judgement = one(evidence, finding(value, se=1e-9))
        assert judgement.verdict == "undecided" and judgement.remedy == "precision float64"
    assert one(evidence, finding(-2 * TOLERANCE, se=1e-9)).verdict == "violated"
    assert one(evidence, finding(-2 * TOLERANCE, se=1e-9, error=2 * TOLERANCE)).verdict == "undecided"


@pytest.mark.parametrize(("per_class", "verdict"), [(6, "undecided"), (7, "holds")])
def test_fewer_than_twenty_instances_decide_nothing(per_class: int, verdict: str) -> None:
    judgement = one(evidence_of(clusters(per_class=per_class), betas=[1]), finding(1.0))
    assert judgement.verdict == verdict
    assert (
        ("instances are too few" in judgement.reason)
        == (judgement.remedy == "20 instances or more")
        == (verdict == "undecided")
    )


def test_what_rests_on_too_little_is_withheld_with_a_remedy(evidence: Evidence) -> None:
    ucl = evidence.key("ucl", CONSTANT, 1.0)
    for h, verdict in ((SOFT, "holds"), (HARD, "undecided")):
        judgement = one(evidence, finding(1.0, between=(ucl, evidence.key("hscl", h, 1.0))))
        assert (judgement.verdict, judgement.reliable) == (verdict, verdict == "holds")
        assert ("effective instances at an anchor" in judgement.reason) == (verdict == "undecided")
        assert ("or β = 1, where" in judgement.remedy) == (verdict == "undecided")
        assert math.isnan(judgement.p_value) == (verdict == "undecided")


@pytest.mark.parametrize(
    ("gap", "verdict"), [(0.7, "holds"), (-0.7, "violated"), (0.45, "undecided"), (-0.45, "undecided")]
)
def test_the_sign_stands_beyond_four_times_what_moves_a_gap(evidence: Evidence, gap: float, verdict: str) -> None:
    """Two corrections of H-SCL less UCL that differ by .1, and a standard error of .05: .45 is not beyond .4 by two."""
    between = evidence.key("ucl", CONSTANT, 1.0), evidence.key("hscl", SOFT, 1.0)
    estimate = evidence.losses.contrast(between)
    assert abs(estimate.value - estimate.plugin) < 0.1 and estimate.se < 0.1
    judgement = one(moving(evidence, 0.1), finding(gap, se=0.05, between=between))
    assert judgement.verdict == verdict and not judgement.reliable
    assert "the estimate has not settled" in judgement.reason
    assert ("the sign stands" in judgement.reason) == (verdict != "undecided") == (judgement.remedy == "")
    if verdict == "holds":
        assert judgement.p_value == pytest.approx(Estimate(gap - 0.4, gap, 0.05).p_value())


def test_a_sign_that_is_tested_is_one_of_the_family_whatever_comes_of_it(evidence: Evidence) -> None:
    """2.1 standard errors beyond what moves the gap; of ten signs tested the least p-value would have to be smaller."""
    between = evidence.key("ucl", CONSTANT, 1.0), evidence.key("hscl", SOFT, 1.0)
    there = moving(evidence, 0.1)
    (alone,) = judge_all([made(finding(0.61, between=between))], there, 0.95)
    assert alone.verdict == "holds" and not alone.reliable
    first, *others = judge_all(
        [made(finding(0.61, between=between), *[finding(0.3, between=between)] * 9)], there, 0.95
    )
    assert first.p_value == alone.p_value and first.p_holm == pytest.approx(10 * alone.p_holm)
    assert {judgement.verdict for judgement in (first, *others)} == {"undecided"}
    assert all(judgement.p_value == 0.5 for judgement in others)


def test_no_sign_stands_within_rounding_or_within_a_correction_of_its_own(evidence: Evidence) -> None:
    between = evidence.key("ucl", CONSTANT, 1.0), evidence.key("hscl", SOFT, 1.0)
    there = moving(evidence, 0.1)
    assert one(there, finding(0.7, se=0.05, between=between)).verdict == "holds"
    assert one(there, finding(0.7, se=0.05, between=between, error=0.4)).verdict == "undecided"
    far = dataclasses.replace(finding(0.7, between=between), gap=Estimate(0.7, 0.5, 0.05))
    assert one(there, far).verdict == "undecided"


def test_what_has_no_size_leaves_no_sign(evidence: Evidence) -> None:
    hard = evidence.key("ucl", CONSTANT, 1.0), evidence.key("hscl", HARD, 1.0)
    assert one(evidence, finding(1e6, se=1e-3, between=hard)).verdict == "undecided"


def test_a_remedy_answers_every_doubt() -> None:
    """Few effective instances, and copies of them: more instances alone would not do."""
    emb = clusters(per_class=20, views=1)
    twice = bc.EmbeddingSet(np.concatenate([emb.z, emb.z + 1e-6]), np.tile(emb.y, 2))
    losses = bc.verify(twice, betas=[1.0, 60.0]).losses
    between = tuple(key for key in losses.keys if key.hardening == HARD and key.loss.id in ("hucl", "hscl"))
    doubt = losses.doubt(between)
    assert doubt is not None and math.isinf(doubt.moved)
    assert "at least" in doubt.remedy and "near-duplicates dropped" in doubt.remedy


def test_a_variance_that_rests_on_one_instance_decides_nothing(evidence: Evidence) -> None:
    losses = evidence.losses
    alike = torch.ones_like(losses.influence)
    alike[::2] = -1
    resting = alike.clone()
    resting[7] = 50
    light, heavy = (
        dataclasses.replace(evidence, losses=dataclasses.replace(losses, influence=influence))
        for influence in (alike, resting)
    )
    between = (evidence.key("hscl", SOFT, 1.0),)
    withheld = one(heavy, finding(1.0, between=between))
    assert withheld.verdict == "undecided" and "One instance carries" in withheld.reason
    assert "mislabelled" in withheld.remedy
    assert one(light, finding(1.0, between=between)).verdict == "holds"


def test_another_gap_that_this_one_is_never_below_decides_where_it_can(evidence: Evidence) -> None:
    ucl = evidence.key("ucl", CONSTANT, 1.0)
    soft, hard = ((ucl, evidence.key("hscl", h, 1.0)) for h in (SOFT, HARD))
    sure, unsure, below = Estimate(0.5, 0.5, 0.1), Estimate(0.1, 0.1, 0.1), Estimate(-0.5, -0.5, 0.1)

    def verdict_with(gap: Estimate, between: tuple[Any, ...]) -> Judgement:
        return one(evidence, finding(-1.0, between=hard, at_least=(gap, between, "It is above.")), kind="scenario")

    met = verdict_with(sure, soft)
    assert (met.verdict, met.reliable, met.reason) == ("occurs", False, "It is above.")
    assert met.p_value == sure.p_value() and met.remedy == ""
    for other in (verdict_with(unsure, soft), verdict_with(below, soft), verdict_with(sure, hard)):
        assert other.verdict == "undecided" and math.isnan(other.p_value)
    relied_on = one(evidence, finding(-1.0, between=soft, at_least=(sure, soft, "It is above.")), kind="scenario")
    assert relied_on.verdict == "does not occur"  # its own interval comes first


def test_bounds_that_could_not_have_failed_are_flagged() -> None:
    options: dict[str, Any] = {"self_pairs": "include", "positives": "class", "temperature": 0.5}
    found = evidence_of(clusters(spread=0.8), betas=[], **options)
    claims = [CLAIMS[name] for name in ("arora_upper", "nozawa_sato_upper", "bao_upper", "bao_lower")]
    frame = claims_frame(judge_all(claims, found, 0.95), found.losses, 0.95)
    upper = frame.claim != "bao_lower"
    most = math.log(3) + 2 / 0.5  # the largest cross-entropy of means of unit vectors
    could_not = np.where(upper, frame.rhs >= most, frame.lhs <= 0)
    assert list(frame.vacuous) == list(could_not) and 0 < could_not.sum() < len(frame)
    said = frame.reason.str.startswith("The bound is")
    assert list(said) == list(could_not)
    assert (frame.verdict == "holds").all()


def test_a_premise_s_interval_stands_beside_its_share(evidence: Evidence) -> None:
    share = Share(0.9, 0.02, 90)
    whole, plain = finding(1.0, premise=share), finding(1.0, premise=0.9)
    judgements = judge_all([made(whole, plain, premise="weather")], evidence, 0.95)
    frame = claims_frame(judgements, evidence.losses, 0.95)
    assert list(frame.premise_share) == [0.9, 0.9]
    assert (frame.premise_low[0], frame.premise_high[0]) == share.interval(0.95)
    assert frame.premise_low.isna()[1] and frame.premise_high.isna()[1]


def test_exact_statements_are_shown_by_what_they_are_judged_by(evidence: Evidence) -> None:
    """Plug-in values without an error: a corrected gap below zero beside "passes" would contradict it."""
    between = (evidence.key("ucl", CONSTANT, 1.0), evidence.key("hucl", SOFT, 1.0))
    gap = Estimate(-0.3, 0.2, 0.1)
    found = Finding("exp", 1.0, 1.0, 0.0, -0.3, gap, slack=torch.tensor([0.1, 0.3]), between=between)
    judgement = one(evidence, found, kind="exact")
    assert judgement.verdict == "passes" and judgement.finding is not None
    shown = judgement.finding
    assert (shown.gap.value, shown.gap.plugin, shown.gap.se) == (0.2, 0.2, 0.0)
    assert (shown.lhs, shown.rhs) == tuple(evidence.losses.loss(key).plugin for key in between)


def test_the_words_of_a_verdict() -> None:
    assert {kind: (MET[kind], UNMET[kind]) for kind in MET} == {
        "theorem": ("holds", "violated"),
        "conjecture": ("holds", "violated"),
        "scenario": ("occurs", "does not occur"),
        "exact": ("passes", "fails"),
    }
    assert [word for word in GRAVEST_FIRST if is_unmet(word)] == list(GRAVEST_FIRST[:3])
    assert {word for word in GRAVEST_FIRST if not is_met(word) and not is_unmet(word)} == {"undecided", "inapplicable"}
    assert gravest(["holds", "undecided", "violated"]) == "violated"
    assert gravest(["passes", "inapplicable"]) == "passes" and gravest([]) == "inapplicable"
