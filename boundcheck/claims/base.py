"""What a claim is made of, and what it may read.

A claim's file holds its statement and one `evaluate` that turns evidence into findings; `judging` makes the verdicts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor

from boundcheck.claims import statistics
from boundcheck.estimators.finite import FiniteLosses
from boundcheck.estimators.mean_classifier import class_means
from boundcheck.estimators.records import LossNotComputed, LossTable
from boundcheck.estimators.shares import share_of
from boundcheck.hardening import CONSTANT, Constant, Exponential, Hardening
from boundcheck.inference.intervals import Estimate, Share
from boundcheck.losses import LOSSES, Loss, LossKey
from boundcheck.options import one_of
from boundcheck.verdicts import Kind


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
        z: (n, v, d) the embeddings; in a search for counterexamples, in float64, they carry the gradient.
    """

    losses: LossTable
    worst_case: Mapping[LossKey, Tensor]
    crossing: Mapping[float, float]
    over: Callable[[Tensor], LossTable]
    finite: Callable[[tuple[int, ...]], FiniteLosses]
    summed: Callable[[tuple[int, ...]], Tensor]
    z: Tensor

    @property
    def tilts(self) -> tuple[Hardening, ...]:
        """The hardenings but for the constant."""
        return self.losses.variant.tilts

    @property
    def exponentials(self) -> tuple[Hardening, ...]:
        """The constant, then the exponential tilts from soft to hard."""
        tilts = sorted((h for h in self.tilts if isinstance(h, Exponential)), key=lambda h: h.beta)
        return (CONSTANT, *tilts)

    @property
    def q(self) -> tuple[float, ...]:
        """The values of Q."""
        return self.losses.variant.q

    def key(self, loss: str | Loss, hardening: Hardening, q: float) -> LossKey:
        """The loss, by id or itself, at a hardening.

        A hardened loss at the constant is the untilted one of its pool, and an untilted loss knows no other hardening.

        Raises:
            InputError: no loss has the id.
        """
        known = {one.id: one for one in (*LOSSES.values(), *self.losses.variant.losses)}
        chosen = known[one_of("loss", loss, known)] if isinstance(loss, str) else loss
        if not chosen.hardened:
            return LossKey(chosen, CONSTANT, q)
        if not isinstance(hardening, Constant):
            return LossKey(chosen, hardening, q)
        plain = [other for other in known.values() if other.pool == chosen.pool and not other.hardened]
        return LossKey(plain[0] if plain else replace(chosen, hardened=False), CONSTANT, q)

    def at_worst(self, key: LossKey) -> Tensor:
        """(a,) the worst-case loss of a key at the constant hardening, nats.

        Raises:
            LossNotComputed: the loss is not among those computed.
        """
        if key not in self.worst_case:
            raise LossNotComputed(key.loss)
        return self.worst_case[key]

    def premise(self, hardening: Hardening) -> Share:
        """The share of anchors at which Assumption 1 holds."""
        return self.losses.margins[hardening].share

    def share(self, slack: Tensor, losses: LossTable | None = None) -> Share:
        """The share of anchors, those of `losses`, with slack >= 0 up to rounding; NaN slack is left out."""
        losses = losses or self.losses
        anchors, clusters = losses.table.anchors, losses.clusters
        return share_of(slack, losses.weight, anchors, losses.emb.v, losses.exhaustive, losses.rounding, clusters)

    def mean(self, values: Tensor) -> Estimate:
        """The mean of any statistic of anchors (a,) or of classes (c,), with its standard error.

        Anchors are weighted by the class prior and clustered by instance, NaN left out; what an anchor's value owes to
        other instances (as a nearest neighbour does) is not in the standard error. Classes count alike, as a sample of
        classes.
        """
        return statistics.mean(self.losses, values)

    def of_instances(
        self,
        statistic: Callable[[Tensor, np.ndarray], float],
        steps: Callable[[Tensor, np.ndarray], float] | None = None,
    ) -> Estimate:
        """Any statistic of (n, v, d) embeddings and (n,) class codes, with a delete-a-group jackknife's interval.

        What moves in steps, as an error rate does, is given apart as `steps` and taken off: its bias is not corrected.
        """
        return statistics.of_instances(self.losses, self.z, statistic, steps)

    @cached_property
    def class_means(self) -> Tensor:
        """(c, d) mean embeddings of the classes."""
        return class_means(self.losses.emb, self.z)

    @cached_property
    def positive_similarity(self) -> Tensor:
        """(a,) mean inner product of every anchor with its positives; NaN without one."""
        return statistics.positive_similarity(self.losses, self.z)

    @cached_property
    def negative_similarity(self) -> Tensor:
        """(a,) mean inner product of every anchor with the views of other instances, each alike."""
        return statistics.negative_similarity(self.losses, self.z)

    @cached_property
    def similarity_gap(self) -> tuple[Estimate, Tensor]:
        """Mean similarity of negatives less that of positives, all anchors alike, and its (n,) influences."""
        positive, negative = self.positive_similarity.detach(), self.negative_similarity.detach()
        return statistics.similarity_gap(self.losses, self.z.detach(), positive, negative)

    @cached_property
    def alignment(self) -> Tensor:
        """(a,) 2 - 2 <z_a, z_p>: the mean squared distance to the positives, on the unit sphere."""
        return 2 - 2 * self.positive_similarity

    @cached_property
    def variance_within(self) -> Tensor:
        """(a,) squared distance to the class mean."""
        return statistics.variance_within(self.losses, self.z)

    def compare(
        self,
        hardening: Hardening,
        q: float,
        lhs: LossKey,
        rhs: LossKey,
        *,
        plus: float = 0.0,
        premise: Share | None = None,
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
            gap=less_constant(paired.gap(rhs, lhs), -plus) if comparable else Estimate(math.nan, math.nan, math.nan),
            slack=slack,
            share=self.share(slack),
            premise=premise,
            note=note,
            between=(lhs, rhs),
        )


@dataclass(frozen=True)
class Finding:
    """One inequality lhs <= rhs at one hardening and Q.

    Attributes:
        hardening, beta, q: where; None where the statement does not depend on it.
        lhs, rhs: nats.
        gap: rhs - lhs with its standard error.
        slack: (a,) rhs - lhs of every anchor, NaN where undefined; what an exact claim is judged by, and whose gradient
            a search follows where its mean is the gap. None where the gap is no such mean.
        share: share of anchors with slack >= 0; None where the statement is about averages alone.
        premise: share of anchors at which the premise holds, with its interval or as a number; None for a claim
            without one.
        premise_slack: (a,) how far the premise is met at every anchor, NaN where undefined: it holds where >= 0. A
            search for counterexamples follows its gradient; None leaves it the share alone.
        note: what a reader must know beside the numbers.
        between: the two losses that are compared, for what their estimates rest on; empty where other averages are.
        error: nats, what the numbers may be off by beyond the rounding of log-sums.
        at_least: another gap that this one is never below, with the losses it is between and the reason: what decides
            where this one is not to be relied on. None without one.
        vacuous: why the inequality could not have come out otherwise; empty where it could.
    """

    hardening: str | None
    beta: float | None
    q: float | None
    lhs: float
    rhs: float
    gap: Estimate
    slack: Tensor | None = None
    share: Share | None = None
    premise: Share | float | None = None
    note: str = ""
    premise_slack: Tensor | None = None
    between: tuple[LossKey, ...] = ()
    error: float = 0.0
    at_least: tuple[Estimate, tuple[LossKey, ...], str] | None = None
    vacuous: str = ""

    @property
    def premise_share(self) -> float | None:
        """Share of anchors at which the premise holds; None for a claim without one."""
        return self.premise.value if isinstance(self.premise, Share) else self.premise


@dataclass(frozen=True)
class Requirement:
    """Something the input must be.

    Attributes:
        name: what, in a few words.
        unmet: the reason it is not, or None.
        change: what would make it so, see `claims.configurations`; empty where only other data would.
    """

    name: str
    unmet: Callable[[LossTable], str | None]
    change: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Claim:
    """A published statement and how to evaluate it.

    Attributes:
        id: the name in commands and tables.
        title: one line of plain words.
        statement: LaTeX.
        source: paper, arXiv id, theorem.
        kind: "exact" holds on every finite data set, anchor by anchor; "theorem" about averages over the population;
            "conjecture" likewise, believed and not proved; "scenario" may or may not be the case.
        premise: what is measured and shown beside the verdict; empty without one.
        requirements: what the input must be for the statement to make sense; with what would make it so, they are the
            configuration that the claim declares.
        evaluate: evidence -> findings.
        unit: of both sides and their gap.
    """

    id: str
    title: str
    statement: str
    source: str
    kind: Kind
    evaluate: Callable[[Evidence], Iterable[Finding]]
    premise: str = ""
    requirements: tuple[Requirement, ...] = ()
    unit: str = "nats"

    def __reduce__(self) -> str | tuple[Any, ...]:
        """To other processes a claim of the catalogue goes by its id: its function's name is its own."""
        from boundcheck.claims import CLAIMS, claim_named

        if CLAIMS.get(self.id) is self:
            return claim_named, (self.id,)
        return object.__reduce__(self)


def claim(
    *,
    id: str,
    source: str,
    title: str = "",
    statement: str = "",
    kind: Kind = "theorem",
    premise: str = "",
    requirements: tuple[Requirement, ...] = (),
    unit: str = "nats",
) -> Callable[[Callable[[Evidence], Iterable[Finding]]], Claim]:
    """Decorator that makes a `Claim` of an `evaluate(evidence)` function; see `Claim` for the arguments.

    A title left out is the first line of the function's docstring, or the id.

    Raises:
        InputError: the kind is unknown.
    """
    one_of("kind", kind, get_args(Kind))

    def wrap(evaluate: Callable[[Evidence], Iterable[Finding]]) -> Claim:
        words = title or next(iter((evaluate.__doc__ or "").strip().splitlines()), id)
        return Claim(id, words, statement, source, kind, evaluate, premise, requirements, unit)

    return wrap


def weaker(findings: Mapping[str, Finding]) -> Finding:
    """Of the findings of several losses, by name, the one of smaller gap; its slack is the least at every anchor."""
    name = min(findings, key=lambda loss: findings[loss].gap.plugin)
    slacks = torch.stack([f.slack for f in findings.values() if f.slack is not None])
    slack = slacks.nan_to_num(nan=math.inf).amin(0)  # a loss that is undefined at an anchor leaves the others
    slack = torch.where(torch.isnan(slacks).all(0), math.nan, slack)
    note = f"lhs and rhs are those of {name}, the smaller step; slack counts both losses."
    return replace(findings[name], slack=slack, note=" ".join(part for part in (note, findings[name].note) if part))


def above_one(bound: float, price: float = 1.0) -> str:
    """Why a bound on a share says nothing, its price in nats; empty where it does."""
    return "The bound is 1 or more: no share exceeds it." if bound >= price else ""


def without_uncertainty(value: float) -> Estimate:
    """An estimate of a number that is known exactly."""
    return Estimate(value, value, 0.0)


def of_the_whole(
    evidence: Evidence, lhs: float, rhs: float, error: float, note: str = "", vacuous: str = ""
) -> Finding:
    """The finding of an exact statement about the data as a whole, lhs <= rhs: every anchor has the same slack.

    Args:
        evidence: whose anchors.
        lhs, rhs: in the claim's unit.
        error: what they may be off by.
        note: see `Finding`.
        vacuous: see `Finding`.
    """
    slack = torch.full((len(evidence.losses.table.anchors),), rhs - lhs, dtype=torch.float64)
    gap = without_uncertainty(rhs - lhs)
    return Finding(None, None, None, lhs, rhs, gap, slack, note=note, error=error, vacuous=vacuous)


def less_constant(estimate: Estimate, constant: float) -> Estimate:
    """estimate - constant."""
    return replace(estimate, value=estimate.value - constant, plugin=estimate.plugin - constant)
