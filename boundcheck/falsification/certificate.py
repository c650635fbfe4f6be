"""What vouches for a counterexample: the claim judged again by the exact estimator and at 50 digits."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from boundcheck.claims import Evidence
from boundcheck.embeddings import EmbeddingSet
from boundcheck.falsification.evidence import exact_evidence, literal_evidence
from boundcheck.falsification.problem import Point, Problem

UNIT = 2.0**-53  # relative error of one float64 operation


@dataclass(frozen=True)
class Certificate:
    """Two evaluations of one configuration that share no arithmetic.

    Attributes:
        gap: nats, what the verdict is reached by, from log-sums and losses evaluated at `digits` digits by their
            literal definitions and rounded once.
        error_bound: nats, of `gap`. Beyond the rounding of the losses themselves it covers averaging and comparing
            them in float64, sums of a terms: (4 a + 20) 2^-53 max |loss|. A claim that does more arithmetic of its own,
            on top of averages, adds the rounding of that.
            What a claim takes from losses at finite k is float64 in both evaluations.
        float64_gap: nats, by the exact estimator.
        table_error: nats, the largest difference between the two over all log-sums and per-anchor losses.
        anchors: how many anchors every loss is averaged over, at least.
        digits: decimal digits; fewer for a hardening without a formula at any precision.
        confirmed: both evaluations judge it a counterexample, by the claim's own machinery.
    """

    gap: float
    error_bound: float
    float64_gap: float
    table_error: float
    anchors: int
    digits: int
    confirmed: bool


def certify(problem: Problem, emb: EmbeddingSet, aim: int) -> tuple[Point | None, Certificate]:
    """The point as the exact estimator sees it, None where the claim does not apply there, and its certificate."""
    exact, literal = exact_evidence(emb, problem.variant), literal_evidence(emb, problem.variant)
    first, second = (problem.point(emb, aim, evidence_of=lambda *_, e=e: e) for e in (exact, literal))
    values = literal.losses.losses.value
    largest = float(values[~torch.isnan(values)].abs().max())
    return first, Certificate(
        gap=second.gap if second is not None else float("nan"),
        error_bound=(4 * len(values) + 20) * UNIT * largest,
        float64_gap=first.gap if first is not None else float("nan"),
        table_error=max(_difference(a, b) for a, b in zip(_numbers(exact), _numbers(literal), strict=True)),
        anchors=min(literal.losses.anchors_used(key) for key in literal.losses.keys),
        digits=min(h.digits for h in problem.variant.hardenings),
        confirmed=first is not None and second is not None and first.found and second.found,
    )


def _numbers(evidence: Evidence) -> tuple[Tensor, ...]:
    losses = evidence.losses
    return losses.table.log_sums, losses.losses.value, *evidence.worst_case.values()


def _difference(a: Tensor, b: Tensor) -> float:
    """The largest absolute difference; inf where one is undefined or infinite and the other is not."""
    same = (a == b) | (torch.isnan(a) & torch.isnan(b))
    return float(torch.where(same, 0.0, (a - b).abs().nan_to_num(torch.inf)).max())
