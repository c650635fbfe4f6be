"""How a verdict is reached: from a claim's findings, their intervals and premises, with the reason in words."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from boundcheck.claims.base import Claim, Evidence, Finding, Verdict
from boundcheck.errors import InputError
from boundcheck.estimators.records import TOLERANCE, TOO_LOW_ESS, LossNotComputed, LossTable


@dataclass(frozen=True)
class Judgement:
    """A finding with its verdict; `finding` is None where the claim does not apply."""

    claim: Claim
    finding: Finding | None
    verdict: Verdict
    reason: str
    p_value: float = math.nan


def judge(claim: Claim, evidence: Evidence, confidence: float) -> list[Judgement]:
    """Verdicts of one claim: one for each finding, or one "inapplicable" with its reason.

    Args:
        claim: the statement.
        evidence: what it may read.
        confidence: of the intervals.

    Raises:
        InputError: the claim is of kind "exact" and a finding has no per-anchor slack.
    """
    reasons = [reason for r in claim.requirements if (reason := r.unmet(evidence.losses)) is not None]
    if reasons:
        return [Judgement(claim, None, "inapplicable", "; ".join(reasons))]
    try:
        findings = list(claim.evaluate(evidence))
    except LossNotComputed as error:
        why = "" if evidence.losses.emb.labelled else ": the data have no labels"
        return [Judgement(claim, None, "inapplicable", f"{error}{why}")]
    if not findings:
        return [Judgement(claim, None, "inapplicable", "no hardening or Q among those asked for concerns this claim")]
    return [
        _judge_one(claim, finding, confidence, _too_few_effective(finding, evidence.losses)) for finding in findings
    ]


def _too_few_effective(finding: Finding, losses: LossTable) -> str:
    """What a tilt that leaves a handful of its negatives makes of the interval; empty where it leaves enough.

    A pool that is small by itself, such as that of a collapsed few, is not the tilt's doing.
    """
    tilts = (m for h, m in losses.margins.items() if (h.family, h.beta) == (finding.hardening, finding.beta))
    ess = next((summary.median_ess for summary in tilts), math.nan)
    counts = losses.emb.class_counts
    if not ess < min(TOO_LOW_ESS, (counts.sum() - counts.max()) / 2):
        return ""
    return (
        f"The tilt rests on a median of {ess:.1f} effective negatives: below {TOO_LOW_ESS:.0f} intervals may cover far "
        "less than they say, so nothing is decided."
    )


def _judge_one(claim: Claim, finding: Finding, confidence: float, too_few: str) -> Judgement:
    if math.isnan(finding.margin.value):
        return Judgement(claim, finding, "inapplicable", finding.note or "undefined at every anchor")
    if claim.kind == "exact":
        return _judge_exact(claim, finding)
    if math.isnan(finding.margin.se):
        return Judgement(claim, finding, "undecided", "no interval was computed")
    if too_few:
        return Judgement(claim, finding, "undecided", " ".join(part for part in (too_few, finding.note) if part))
    low, high = finding.margin.interval(confidence)
    verdict: Verdict = "undecided"
    if low >= -TOLERANCE:
        verdict = "holds"
    elif high < -TOLERANCE and not _by_correction_alone(finding):
        verdict = "violated"
    reason = " ".join(
        part for part in (_premise_reason(claim, finding, verdict), _heavy_reason(finding), finding.note) if part
    )
    if high < -TOLERANCE and verdict == "undecided":
        reason += " The data satisfy it; only the bias correction puts the interval below 0: too few instances."
    return Judgement(claim, finding, verdict, reason, finding.margin.p_value(TOLERANCE))


def _by_correction_alone(finding: Finding) -> bool:
    """Premise and inequality hold on the data themselves, so a violation would be that of the correction."""
    return finding.premise_share == 1 and finding.margin.plugin >= -TOLERANCE


def _judge_exact(claim: Claim, finding: Finding) -> Judgement:
    """Anchor by anchor, up to rounding: a violation is an error of the program, not of the theorem."""
    if finding.slack is None:
        raise InputError(
            f"claims: an exact claim needs the slack of every anchor, received '{claim.id}' without; "
            "yield it, or use kind='theorem'"
        )
    slack = finding.slack[~torch.isnan(finding.slack)]
    worst = float(slack.min()) if len(slack) else math.nan
    if math.isnan(worst):
        return Judgement(claim, finding, "inapplicable", finding.note or "undefined at every anchor")
    verdict: Verdict = "holds" if worst >= -TOLERANCE else "violated"
    compared = f"least slack over {len(slack)} anchors {worst:.2g} nats, rounding tolerance {TOLERANCE:.0e}."
    if verdict == "violated":
        compared += (
            " An exact statement cannot fail on data: this is an error in the program or its precision"
            " (try precision='float64')."
        )
    return Judgement(claim, finding, verdict, " ".join(part for part in (compared, finding.note) if part))


def _premise_reason(claim: Claim, finding: Finding, verdict: Verdict) -> str:
    """What the premise's share makes of the verdict."""
    share = finding.premise_share
    if not claim.premise or share is None or math.isnan(share):
        return ""
    # Rounding must not turn a premise that fails somewhere into one that holds everywhere.
    percent = "more than 99.99%" if 0.9999 < share < 1 else f"{share:.2%}"
    met = f"{claim.premise}: at {percent} of anchors"
    if verdict == "violated" and share < 1:
        return f"{met}; the premise fails, so this does not contradict the {claim.kind}."
    if verdict == "violated":
        return f"{met}; the premise holds everywhere, so this contradicts the {claim.kind}."
    if verdict == "holds" and share < 1:
        return f"{met}; the averaged inequality holds although the premise does not hold everywhere."
    return f"{met}."


def _heavy_reason(finding: Finding) -> str:
    """What a variance that rests on one instance makes of the interval."""
    if not finding.margin.heavy:
        return ""
    return (
        f"One instance carries {finding.margin.top_share:.0%} of the variance of the margin: "
        "the interval may cover less than it says."
    )
