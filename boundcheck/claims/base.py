"""The machinery of claims: what a theorem is made of, what it may read, and how a verdict is reached.

A claim's file holds its statement and one `evaluate` that turns evidence into findings. Everything else, requirements,
intervals, verdicts, reasons, multiplicity, is here, once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

import torch
from torch import Tensor

from boundcheck.errors import InputError, unknown_name
from boundcheck.estimators.finite import FiniteLosses
from boundcheck.estimators.records import TOLERANCE, TOO_LOW_ESS, LossTable, share_of
from boundcheck.hardening import CONSTANT, Constant, Exponential, Hardening
from boundcheck.inference.intervals import Estimate, Share
from boundcheck.losses import LossKey

Kind = Literal["exact", "theorem", "scenario"]
Verdict = Literal["holds", "violated", "undecided", "inapplicable"]


@dataclass(frozen=True)
class Evidence:
    """What a claim may read.

    Attributes:
        losses: the loss table, with margins and log-sums.
        worst_case: loss key at the constant hardening -> (a,) per-anchor loss in the limit beta -> inf, where rho is
            the largest logit of the pool (Robinson et al. 2021, worst-case loss).
        crossing: Q -> the least beta at which the averaged H-SCL reaches UCL, inf where none does; absent where it was
            not looked for.
        over: original anchor indices -> the same losses over those anchors alone, see `compare`.
        finite: numbers of negatives k -> the losses at them, over all anchors or a sample of them, without intervals.
        summed: numbers of negatives k -> (a, k) losses of a sum over k negatives, see `summed_losses`.
    """

    losses: LossTable
    worst_case: Mapping[LossKey, Tensor]
    crossing: Mapping[float, float]
    over: Callable[[Tensor], LossTable]
    finite: Callable[[tuple[int, ...]], FiniteLosses]
    summed: Callable[[tuple[int, ...]], Tensor]

    @property
    def tilts(self) -> tuple[Hardening, ...]:
        """The hardenings but for the constant."""
        return tuple(h for h in self.losses.spec.all_hardenings if not isinstance(h, Constant))

    @property
    def exponentials(self) -> tuple[Hardening, ...]:
        """The constant, then the exponential tilts from soft to hard."""
        tilts = sorted((h for h in self.tilts if isinstance(h, Exponential)), key=lambda h: h.beta)
        return (CONSTANT, *tilts)

    @property
    def q(self) -> tuple[float, ...]:
        """The values of Q."""
        return self.losses.spec.q

    def key(self, loss: str, hardening: Hardening, q: float) -> LossKey:
        """The loss at a hardening; `hucl` at the constant is `ucl`, `hscl` is `scl`, and those two have no other."""
        if isinstance(hardening, Constant) or loss in ("ucl", "scl"):
            return LossKey(loss.removeprefix("h"), CONSTANT, q)
        return LossKey(loss, hardening, q)

    def premise(self, hardening: Hardening) -> float:
        """The share of anchors at which Assumption 1 holds."""
        return self.losses.margins[hardening].share.value

    def share(self, slack: Tensor, losses: LossTable | None = None) -> Share:
        """The share of anchors, those of `losses`, with slack >= 0 up to rounding; NaN slack is left out."""
        losses = losses or self.losses
        return share_of(slack, losses.weight, losses.table.anchors, losses.emb.v, losses.exhaustive)

    def compare(
        self,
        hardening: Hardening,
        q: float,
        lhs: LossKey,
        rhs: LossKey,
        *,
        plus: float = 0.0,
        premise_share: float | None = None,
    ) -> Finding:
        """The finding for lhs <= rhs + plus between two losses, paired, with its per-anchor slack.

        Averages over different anchors do not compare: where a tilt leaves one of the losses undefined at some anchors
        (a threshold that no other-class candidate reaches), both are averaged over the anchors they share.
        """
        slack = self.losses.per_anchor(rhs) + plus - self.losses.per_anchor(lhs)
        shared = ~torch.isnan(slack)
        used = int(shared.sum())
        paired, note, comparable = self.losses, "", used > 0
        if 0 < used < max(self.losses.anchors_used(key) for key in (lhs, rhs)):
            note = f"Averages over the {used} anchors at which both losses are defined."
            comparable = self.losses.k is None
            if comparable:
                paired = self.over(self.losses.table.anchors[shared])
            else:
                note = "the two losses are defined at different anchors"
        return Finding(
            hardening=hardening.family,
            beta=hardening.beta,
            q=q,
            lhs=paired.loss(lhs).value,
            rhs=paired.loss(rhs).value + plus,
            margin=less_constant(paired.gap(rhs, lhs), -plus) if comparable else Estimate(math.nan, math.nan, math.nan),
            slack=slack,
            share=self.share(slack),
            premise_share=premise_share,
            note=note,
        )


@dataclass(frozen=True)
class Finding:
    """One inequality lhs <= rhs at one hardening and Q.

    Attributes:
        hardening, beta, q: where; None where the statement does not depend on it.
        lhs, rhs: nats.
        margin: rhs - lhs with its standard error.
        slack: (a,) rhs - lhs of every anchor; what an exact claim is judged by, NaN where undefined. None where the
            statement is about averages alone.
        share: share of anchors with slack >= 0.
        premise_share: share of anchors at which the premise holds; None for a claim without one.
        premise_slack: (a,) how far the premise is met at every anchor, NaN where undefined: it holds where >= 0. A
            search for counterexamples follows its gradient; None leaves it the share alone.
        note: what a reader must know beside the numbers.
    """

    hardening: str | None
    beta: float | None
    q: float | None
    lhs: float
    rhs: float
    margin: Estimate
    slack: Tensor | None = None
    share: Share | None = None
    premise_share: float | None = None
    note: str = ""
    premise_slack: Tensor | None = None


@dataclass(frozen=True)
class Requirement:
    """Something the input must be; `unmet` returns the reason it is not, or None."""

    name: str
    unmet: Callable[[LossTable], str | None]


@dataclass(frozen=True)
class Claim:
    """A published statement and how to evaluate it.

    Attributes:
        id: the name in commands and tables.
        title: one line of plain words.
        statement: LaTeX.
        source: paper, arXiv id, theorem.
        kind: "exact" holds on every finite data set, anchor by anchor; "theorem" about averages over the population;
            "scenario" may or may not be the case.
        premise: what is measured and shown beside the verdict; empty without one.
        requirements: what the input must be for the statement to make sense.
        evaluate: evidence -> findings.
    """

    id: str
    title: str
    statement: str
    source: str
    kind: Kind
    evaluate: Callable[[Evidence], Iterable[Finding]]
    premise: str = ""
    requirements: tuple[Requirement, ...] = ()


@dataclass(frozen=True)
class Judgement:
    """A finding with its verdict; `finding` is None where the claim does not apply."""

    claim: Claim
    finding: Finding | None
    verdict: Verdict
    reason: str
    p_value: float = math.nan


def claim(
    *,
    id: str,
    source: str,
    title: str = "",
    statement: str = "",
    kind: Kind = "theorem",
    premise: str = "",
    requirements: tuple[Requirement, ...] = (),
) -> Callable[[Callable[[Evidence], Iterable[Finding]]], Claim]:
    """Decorator that makes a `Claim` of an `evaluate(evidence)` function; see `Claim` for the arguments.

    A title left out is the first line of the function's docstring, or the id.

    Raises:
        InputError: the kind is unknown.
    """
    if kind not in get_args(Kind):
        raise unknown_name("kind", kind, get_args(Kind))

    def wrap(evaluate: Callable[[Evidence], Iterable[Finding]]) -> Claim:
        words = title or next(iter((evaluate.__doc__ or "").strip().splitlines()), id)
        return Claim(id, words, statement, source, kind, evaluate, premise, requirements)

    return wrap


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
    findings = list(claim.evaluate(evidence))
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
        f"The tilt rests on a median of {ess:.1f} effective negatives: below {TOO_LOW_ESS:.0f} intervals cover far "
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


def weaker(findings: Mapping[str, Finding]) -> Finding:
    """Of the findings of several losses, by name, the one of smaller margin; its slack is the least at every anchor."""
    name = min(findings, key=lambda loss: findings[loss].margin.plugin)
    slack = torch.stack([f.slack for f in findings.values() if f.slack is not None]).amin(0)
    note = f"lhs and rhs are those of {name}, the smaller step; slack counts both losses."
    return replace(findings[name], slack=slack, note=" ".join(part for part in (note, findings[name].note) if part))


def _heavy_reason(finding: Finding) -> str:
    """What a variance that rests on one instance makes of the interval."""
    if not finding.margin.heavy:
        return ""
    return (
        f"One instance carries {finding.margin.top_share:.0%} of the variance of the margin: "
        "the interval may cover less than it says."
    )


def without_uncertainty(value: float) -> Estimate:
    """An estimate of a number that is known exactly."""
    return Estimate(value, value, 0.0)


def less_constant(estimate: Estimate, constant: float) -> Estimate:
    """estimate - constant."""
    return replace(estimate, value=estimate.value - constant, plugin=estimate.plugin - constant)
