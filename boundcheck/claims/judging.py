"""How a verdict is reached: from a claim's findings, what they rest on and their premises, with the reason in words.

Theorems, conjectures and scenarios are about the population. A finding of theirs is decided where the interval of its
gap leaves zero out, in the family of all that are tested together (Holm's procedure, both directions), and where
nothing says that the interval is not to be relied on. Exact statements are judged anchor by anchor, up to rounding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from boundcheck.claims.base import Claim, Evidence, Finding, without_uncertainty
from boundcheck.claims.configurations import Elsewhere
from boundcheck.claims.remedies import finer, to_decide
from boundcheck.claims.requirements import UNIT_NORM
from boundcheck.errors import InputError
from boundcheck.estimators.records import LossNotComputed, LossTable
from boundcheck.estimators.reliability import Doubt
from boundcheck.inference.multiplicity import holm, two_sided
from boundcheck.pairwise.cumulants import TOLERANCE
from boundcheck.verdicts import MET, UNMET, Verdict

# Times what is seen to move a gap that it must be away from zero for its sign to stand. A bias that decays as
# n^(-a) leaves (1 - a) / a of its correction by the jackknife: below a = 1/5 more than this.
MARGIN = 4.0
_CORRECTED = "The data satisfy it; only the bias correction puts the interval below 0: too few instances."


@dataclass(frozen=True)
class Judgement:
    """A finding with its verdict.

    Attributes:
        claim: the statement.
        finding: None where the claim does not apply.
        verdict: see `boundcheck.verdicts`.
        reason: what the verdict rests on, or why there is none.
        p_value: one-sided, of a gap below zero: small where the inequality is met, near one where it is not; NaN where
            nothing was tested.
        p_holm: of a gap of zero, two-sided, adjusted for all that were tested together.
        remedy: what would decide what is undecided.
        reliable: whether the gap's interval is to be relied on.
        configuration: in which one it was run, where that is not the run's own; empty there.
        evidence: what it was judged on.
    """

    claim: Claim
    finding: Finding | None
    verdict: Verdict
    reason: str
    p_value: float = math.nan
    p_holm: float = math.nan
    remedy: str = ""
    reliable: bool = True
    configuration: str = ""
    evidence: Evidence | None = field(default=None, repr=False, compare=False)


def judge_all(
    claims: Sequence[Claim], evidence: Evidence, confidence: float, elsewhere: Elsewhere | None = None
) -> list[Judgement]:
    """Verdicts of several claims as one family: the chance that any decided one is wrong is at most 1 - confidence.

    Those in another configuration are a family of their own: what is tested beside a run does not move its verdicts.

    Args:
        claims: the statements.
        evidence: what they may read.
        confidence: of the intervals and of the family.
        elsewhere: claim -> in which other configuration it is run, and the evidence there; None for all as they are.

    Raises:
        InputError: a claim of kind "exact" has a finding without per-anchor slack.
    """
    alone = []
    for claim in claims:
        where, there = (None if elsewhere is None else elsewhere(claim)) or ("", evidence)
        said = f"In another configuration: {where}." if where else ""
        alone += [
            replace(j, configuration=where, evidence=there, reason=_words(j.reason, said))
            for j in _unless_doubtful(judge(claim, there, confidence), evidence, bool(where))
        ]
    p, apart = np.array([j.p_value for j in alone]), np.array([j.configuration != "" for j in alone], dtype=bool)
    adjusted = np.full(len(alone), np.nan)
    for family in (~apart, apart):
        adjusted[family] = holm(two_sided(p[family]))
    return [_in_family(j, float(p), j.evidence or evidence, confidence) for j, p in zip(alone, adjusted, strict=True)]


def _unless_doubtful(judgements: list[Judgement], own: Evidence, elsewhere: bool) -> list[Judgement]:
    """Judgements in another configuration, undecided where the run's own data tell nothing: one point is one there."""
    doubt = own.losses.doubt(()) if elsewhere else None
    return [
        replace(j, verdict="undecided", reason=doubt.reason, remedy=doubt.remedy, p_value=math.nan, reliable=False)
        if doubt is not None and j.claim.kind != "exact" and j.verdict != "inapplicable"
        else j
        for j in judgements
    ]


def judge(claim: Claim, evidence: Evidence, confidence: float) -> list[Judgement]:
    """Verdicts of one claim by itself: one for each finding, or one "inapplicable" with its reason.

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
    return [_judge_one(claim, finding, evidence, confidence) for finding in findings]


def _judge_one(claim: Claim, finding: Finding, evidence: Evidence, confidence: float) -> Judgement:
    if math.isnan(finding.gap.value):
        return Judgement(claim, finding, "inapplicable", finding.note or "undefined at every anchor")
    if claim.kind == "exact":
        return _judge_exact(claim, finding, evidence.losses)
    if math.isnan(finding.gap.se):
        reason, remedy = _no_interval(evidence.losses)
        return Judgement(claim, finding, "undecided", _words(reason, finding.vacuous), remedy=remedy)
    rounding = _rounding(claim, finding, evidence.losses)
    doubt = evidence.losses.doubt(finding.between)
    if doubt is not None:
        bounded = _by_bound(claim, finding, evidence, confidence)
        return replace(bounded or _by_sign(claim, finding, doubt, confidence, rounding), reliable=False)
    if finding.gap.se == 0:
        verdict = MET[claim.kind] if finding.gap.value >= -rounding else UNMET[claim.kind]
        return Judgement(claim, finding, verdict, _words(_premise_reason(claim, finding, verdict), finding.note))
    low, high = finding.gap.interval(confidence)
    if abs(finding.gap.value) <= rounding and low * high > 0:
        reason = f"The gap is within what rounding may do, {rounding:.0e} {claim.unit}."
        remedy = finer(evidence.losses)
        return Judgement(claim, finding, "undecided", _words(reason, finding.note), remedy=remedy)
    verdict = "undecided"
    if low > 0:
        verdict = MET[claim.kind]
    elif high < 0 and not _by_correction_alone(claim, finding, rounding):
        verdict = UNMET[claim.kind]
    undecided = ""
    if verdict == "undecided":
        undecided = "The interval of the gap contains 0." if high >= 0 else _CORRECTED
    reason = _words(undecided, _premise_reason(claim, finding, verdict), finding.note)
    remedy = to_decide(finding.gap, evidence.losses.emb.n, confidence) if verdict == "undecided" else ""
    return Judgement(claim, finding, verdict, reason, finding.gap.p_value(), remedy=remedy)


def _no_interval(losses: LossTable) -> tuple[str, str]:
    """Why a gap has no standard error, and what would give it one."""
    if losses.influence is None:
        return "No intervals were asked for.", "intervals on"
    if losses.emb.class_counts.min() < 2:
        return "No interval: without its one instance a class is gone.", "two instances or more of each class"
    return "No interval: all parts of the sample agree to the last place.", "instances that differ"


def _by_bound(claim: Claim, finding: Finding, evidence: Evidence, confidence: float) -> Judgement | None:
    """Met where a gap that this one is never below is above zero, and is to be relied on."""
    if finding.at_least is None:
        return None
    gap, between, why = finding.at_least
    if evidence.losses.doubt(between) is not None or not gap.interval(confidence)[0] > 0:
        return None
    return Judgement(claim, finding, MET[claim.kind], _words(why, finding.note), gap.p_value())


def _by_sign(claim: Claim, finding: Finding, doubt: Doubt, confidence: float, rounding: float) -> Judgement:
    """The sign of a gap that many times what is seen to move it would not turn (docs/theory.md, eq. (95)).

    Where that has a size the sign is tested, and one of the family whether or not it stands.
    """
    gap = finding.gap
    undecided = Judgement(claim, finding, "undecided", _words(doubt.reason, finding.note), remedy=doubt.remedy)
    moved = max(doubt.moved, abs(gap.value - gap.plugin))
    if not math.isfinite(moved):
        return undecided
    less = max(abs(gap.value) - MARGIN * moved, 0.0)
    nearer = replace(gap, value=math.copysign(less, gap.value))
    low, high = nearer.interval(confidence)
    if less <= rounding or low <= 0 <= high or (high < 0 and _by_correction_alone(claim, finding, rounding)):
        return replace(undecided, p_value=nearer.p_value())
    verdict = (MET if low > 0 else UNMET)[claim.kind]
    stands = f"Still the sign stands: the gap is more than {MARGIN:g} times all that was seen to move it."
    reason = _words(doubt.reason, stands, _premise_reason(claim, finding, verdict), finding.note)
    return Judgement(claim, finding, verdict, reason, nearer.p_value())


def _in_family(judgement: Judgement, p_holm: float, evidence: Evidence, confidence: float) -> Judgement:
    """The verdict in the family of all that were tested."""
    finding, judgement = judgement.finding, replace(judgement, p_holm=p_holm)
    if finding is None or judgement.verdict == "undecided" or not p_holm > 1 - confidence:
        return judgement
    reason = (
        f"Its own interval leaves out 0, but not once all that is tested together is allowed for: p (Holm) = "
        f"{p_holm:.2g}."
    )
    share = float(two_sided(np.array([judgement.p_value]))[0]) / p_holm
    remedy = to_decide(finding.gap, evidence.losses.emb.n, confidence, share)
    return replace(judgement, verdict="undecided", reason=_words(reason, judgement.reason), remedy=remedy)


def _by_correction_alone(claim: Claim, finding: Finding, rounding: float) -> bool:
    """Premise and inequality hold on the data themselves, so a violation would be that of the correction.

    A theorem without a premise is true of every population.
    """
    premise_holds = finding.premise_share == 1 or (claim.kind == "theorem" and not claim.premise)
    return premise_holds and finding.gap.plugin >= -rounding


def _judge_exact(claim: Claim, finding: Finding, losses: LossTable) -> Judgement:
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
    tolerance = _rounding(claim, finding, losses)
    verdict: Verdict = "passes" if worst >= -tolerance else "fails"
    # What is shown is what is judged: the data's own values, without a correction.
    finding = replace(finding, gap=without_uncertainty(finding.gap.plugin))
    if finding.between:
        low, high = (losses.loss(key).plugin for key in (finding.between[0], finding.between[-1]))
        finding = finding if len(finding.between) == 1 else replace(finding, lhs=low, rhs=high)
    compared = f"Least slack over {len(slack)} anchors {worst:.2g} nats, rounding tolerance {tolerance:.0e}."
    if verdict == "fails":
        compared += (
            " An exact statement cannot fail on data: this is an error in the program or its precision"
            f" (try {finer(losses)})."
        )
    return Judgement(claim, finding, verdict, _words(compared, finding.note))


def _rounding(claim: Claim, finding: Finding, losses: LossTable) -> float:
    """What rounding may do to a finding's gap, in its unit: that of log-sums, and of norms that should be one."""
    longer = max(losses.emb.largest_norm**2 - 1, 0.0) if UNIT_NORM in claim.requirements else 0.0
    of_norms = 2 * longer / min(losses.variant.temperature, 1.0)  # no exponent, -C / (C - 1) tau, is steeper in |z|^2
    return finding.error + of_norms + (losses.rounding if finding.between else TOLERANCE)


def _premise_reason(claim: Claim, finding: Finding, verdict: Verdict) -> str:
    """What the premise's share, which stands beside the verdict, makes of it; empty where that is nothing."""
    share = finding.premise_share
    if not claim.premise or share is None or math.isnan(share):
        return ""
    if verdict == "violated" and share < 1:
        return f"The premise fails at some anchors, so this does not contradict the {claim.kind}."
    if verdict == "violated":
        return f"The premise holds at every anchor, so this contradicts the {claim.kind}."
    if verdict == "holds" and share < 1:
        return "The averaged inequality holds although the premise fails at some anchors."
    return ""


def _words(*parts: str) -> str:
    return " ".join(part for part in parts if part)
