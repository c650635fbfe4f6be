"""What the bounds of the mean classifier by the contrastive loss share: the two losses, over K.

docs/theory.md, eq. (35) to eq. (39).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln
from torch import Tensor

from boundcheck.claims.base import Evidence, Finding
from boundcheck.estimators.mean_classifier import anchor_labels, class_logits

# Numbers of negatives K, summed: the range of Bao 2022, Figure 1, and beyond.
KS = (1, 4, 16, 64, 256, 1024, 4096)
QUADRATURE = 5e-6  # nats: what `summed_losses` may err by at an anchor
SURE = 1e-15  # of a probability's log: from here on it is one
LARGEST = 100.0  # log of the largest factor that is not taken for infinite


def mean_classifier_loss(evidence: Evidence) -> Tensor:
    """(a,) cross-entropy of the mean classifier at every anchor, nats."""
    logits, label = class_logits(evidence.losses, evidence.z), anchor_labels(evidence.losses)
    return logits.logsumexp(1) - logits.gather(1, label[:, None])[:, 0]


def upper_bounds(evidence: Evidence, line: Callable[[int], tuple[float, float] | None]) -> Iterator[Finding]:
    """Findings for mean-classifier cross-entropy <= factor L_cont + offset.

    Args:
        evidence: with class positives and self pairs included.
        line: K -> (factor, offset), or None where the bound is infinite.
    """
    supervised, contrastive = mean_classifier_loss(evidence), evidence.summed(KS)
    for j, k in enumerate(KS):
        if (pair := line(k)) is not None:
            bound = pair[0] * contrastive[:, j] + pair[1]
            vacuous = above_any_loss(evidence, evidence.losses.average(bound).value)
            yield _finding(evidence, k, supervised, bound, pair[0] * QUADRATURE, vacuous)


def above_any_loss(evidence: Evidence, bound: float) -> str:
    """Why a bound on the mean classifier's loss says nothing: its class means are no longer than embeddings."""
    losses = evidence.losses
    most = math.log(losses.emb.c) + 2 * losses.emb.largest_norm**2 / losses.variant.temperature
    return "" if bound < most else f"The bound is above {most:.3g} nats, which no encoder exceeds."


def lower_bounds(evidence: Evidence, offset: Callable[[int], float]) -> Iterator[Finding]:
    """Findings for L_cont + offset <= mean-classifier cross-entropy."""
    supervised, contrastive = mean_classifier_loss(evidence), evidence.summed(KS)
    for j, k in enumerate(KS):
        yield lower_finding(evidence, k, contrastive[:, j] + offset(k), supervised)


def lower_finding(evidence: Evidence, k: int, lhs: Tensor, rhs: Tensor) -> Finding:
    """The finding for lhs <= rhs, (a,) each, where one of them comes from `summed` and rhs is never below 0."""
    vacuous = (
        ""
        if evidence.losses.average(lhs).value > 0
        else "The bound is not above 0, which a cross-entropy never falls below."
    )
    return _finding(evidence, k, lhs, rhs, QUADRATURE, vacuous)


def _finding(evidence: Evidence, k: int, lhs: Tensor, rhs: Tensor, error: float, vacuous: str = "") -> Finding:
    """The averages' finding."""
    low, high = evidence.losses.average(lhs).value, evidence.losses.average(rhs).value
    note = f"Q = K = {k} negatives, summed."
    gap = evidence.losses.average(rhs - lhs)
    return Finding(None, None, float(k), low, high, gap, rhs - lhs, note=note, error=error, vacuous=vacuous)


def line_through_collisions(log_factor: float, collision: float, slope: float = 1.0) -> tuple[float, float] | None:
    """factor (slope L_cont - col) as (factor slope, -factor col); None where the factor is as good as infinite."""
    if log_factor > LARGEST:
        return None
    return math.exp(log_factor) * slope, -math.exp(log_factor) * collision


def log_cosh(x: float) -> float:
    """log cosh x without overflow."""
    return abs(x) + math.log1p(math.exp(-2 * abs(x))) - math.log(2)


def log_no_collision(classes: int, k: int) -> float:
    """log(1 - t_K) = K log(1 - 1/C): the anchor's class is not among those of K uniform draws."""
    return k * math.log1p(-1 / classes)


def log_coverage(classes: int, draws: int) -> NDArray[np.float64]:
    """log P(m uniform draws show all C classes) for m = 0, ..., draws: the coupon collector's distribution.

    By the number of classes seen, one draw after another, in logs: inclusion and exclusion cancels to noise.
    """
    seen = np.arange(classes + 1)
    with np.errstate(divide="ignore"):
        stay, new = np.log(seen / classes), np.log1p(-(np.maximum(seen, 1) - 1) / classes)
    state = np.full(classes + 1, -np.inf)
    state[0] = 0.0
    out = np.empty(draws + 1)
    out[0] = state[-1]
    for m in range(1, draws + 1):
        step = state + stay
        step[1:] = np.logaddexp(step[1:], state[:-1] + new[1:])
        state = step
        out[m] = state[-1]
        if out[m] > -SURE:
            out[m:] = 0.0
            break
    return out


def binomial(k: int, p: float) -> NDArray[np.float64]:
    """P(Bin(k, p) = 0, ..., k), 0 < p < 1."""
    hits = np.arange(k + 1)
    ways = gammaln(k + 1) - gammaln(hits + 1) - gammaln(k - hits + 1)
    chance = np.exp(ways + hits * math.log(p) + (k - hits) * math.log1p(-p))
    shares: NDArray[np.float64] = chance / chance.sum()  # the logs of many factorials leave some 1e-11
    return shares


def collision_loss(classes: int, k: int) -> float:
    """col = E log(1 + Binomial(K, 1/C)): what negatives of the anchor's class cost whatever the encoder, nats."""
    return float(binomial(k, 1 / classes) @ np.log1p(np.arange(k + 1)))
