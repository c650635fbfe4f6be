"""When a number is not to be relied on: too few effective instances, no convergence in n, nothing to tell apart.

Thresholds were chosen by trial runs on von Mises-Fisher mixtures, principal components of Fashion-MNIST, digits and
near-duplicates; no formula gives them. results/validation judges them, on other populations too, and says how far they
serve. docs/theory.md, eq. (58) and eq. (88) to eq. (91).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from boundcheck.hardening import Exponential
from boundcheck.losses import LossKey
from boundcheck.pools import ALL, DIFF, SAME

if TYPE_CHECKING:
    from boundcheck.estimators.records import LossTable

# Effective instances, the harmonic mean over anchors, of the sums that a loss reads. Below, 95 % intervals cover far
# less than they say; what limits them above is seen by convergence.
LEAST_ESS = 8.0
# Standard errors by which corrections from halves, or quarters, of the instances may differ from the jackknife's.
MOST_MOVED = {2: 0.4, 4: 0.7}
MOST_CORRECTED = 2.0  # standard errors
MOST_BY_DUPLICATES = 1.0  # standard errors by which near-duplicates may move a number
MOST_AT_NULL = 0.5  # standard errors by which the gap may miss zero when labels are permuted
MOST_LONELY = 0.05  # of the weight of anchors: those with no other instance of their class
MOST_TIMES = 1000.0  # beyond, a ratio is no number to act on
FEWEST = 20  # instances: a sample of fewer is too small to see what its estimates rest on
# Mean cosine of two embeddings above which there is next to nothing to tell apart.
COLLAPSED = 0.99


@dataclass(frozen=True)
class Null:
    """Gaps with permuted labels, which are zero in the population: their mean, nats, and its standard error."""

    mean: float
    se: float


@dataclass(frozen=True)
class Doubt:
    """Why a number is not to be relied on, and what would help."""

    reason: str
    remedy: str


def effective(losses: LossTable, key: LossKey) -> float:
    """Harmonic mean over anchors of the effective instances that rho rests on; NaN where that is not known."""
    if key.tilt not in losses.effective:
        return math.nan
    each = losses.effective[key.tilt]
    weight = losses.losses.weight[:, losses.keys.index(key)]
    used = (weight > 0) & torch.isfinite(each)
    return float(weight[used].sum() / (weight[used] / each[used]).sum()) if bool(used.any()) else math.nan


def doubt(losses: LossTable, keys: tuple[LossKey, ...]) -> Doubt | None:
    """What stands against relying on a loss, or on the difference of two.

    Args:
        losses: the table; without standard errors, or where the data are all there is, nothing is doubted.
        keys: one loss, or two whose difference is wanted; none for what concerns the sample as a whole.
    """
    if losses.influence is None or losses.exhaustive or losses.variant.self_pairs == "include":
        return None
    if not keys:
        return _nothing_to_tell(losses)
    return (
        _nothing_to_tell(losses)
        or _lonely(losses, keys)
        or _few_effective(losses, keys)
        or _by_correction(losses, keys)
        or _by_one(losses, keys)
        or _by_duplicates(losses, keys)
        or _not_null(losses, keys)
        or _moving(losses, keys)
    )


def collapse(losses: LossTable) -> str:
    """What is wrong with the encoder, or the labels, as a whole; empty where nothing is."""
    cosine = losses.emb.mean_cosine
    if cosine > COLLAPSED:
        return f"The encoder has collapsed: the mean cosine of two embeddings is {cosine:.4f}."
    if losses.emb.class_counts.max() == 1:
        return "Every instance is a class of its own: no label says that two instances are alike."
    return ""


def _nothing_to_tell(losses: LossTable) -> Doubt | None:
    said = collapse(losses)
    if said:
        return Doubt(f"{said} Nothing is concluded.", "verify an encoder that tells instances apart")
    if losses.emb.n < FEWEST:
        return Doubt(
            f"{losses.emb.n} instances are too few to see what an estimate rests on.", f"{FEWEST} instances or more"
        )
    return None


def _lonely(losses: LossTable, keys: tuple[LossKey, ...]) -> Doubt | None:
    """Classes of which one instance was seen: its pool lacks its class, and class positives leave it out."""
    needs = losses.variant.positives == "class" or any(SAME.relations < key.loss.pool.relations for key in keys)
    alone = losses.table.largest_logit(SAME) == -torch.inf
    share = float((losses.weight * alone).sum() / losses.weight.sum())
    if not needs or share <= MOST_LONELY:
        return None
    return Doubt(
        f"{share:.0%} of the anchors have no other instance of their class in the sample.",
        "more instances of each class",
    )


def _few_effective(losses: LossTable, keys: tuple[LossKey, ...]) -> Doubt | None:
    worst = min(keys, key=lambda key: effective(losses, key))
    ess = effective(losses, worst)
    if not ess < LEAST_ESS:
        return None
    reason = (
        f"{worst.loss.title} at {worst.hardening.label} rests on {ess:.1f} effective instances at an anchor (harmonic "
        f"mean); below {LEAST_ESS:.0f} intervals cover far less than they say."
    )
    return Doubt(reason, _softer(losses, worst, ess))


def _softer(losses: LossTable, key: LossKey, ess: float) -> str:
    """What would leave enough effective instances: more of them, a softer tilt or a higher temperature."""
    more = _about(losses.emb.n, LEAST_ESS / ess)
    if not isinstance(key.hardening, Exponential):
        return more
    beta = key.hardening.beta
    fine = [
        other.hardening.beta
        for other in losses.keys
        if other.loss == key.loss
        and isinstance(other.hardening, Exponential)
        and other.hardening.beta < beta
        and effective(losses, other) >= LEAST_ESS
    ]
    if not fine:
        return more
    tau = losses.variant.temperature * (1 + beta) / (1 + max(fine))
    return f"{more}; or beta at most {max(fine):g}; or a temperature of {tau:.2g} and more"


def _by_correction(losses: LossTable, keys: tuple[LossKey, ...]) -> Doubt | None:
    estimate = losses.contrast(keys)
    moved = abs(estimate.value - estimate.plugin)
    if moved <= losses.rounding or not moved > MOST_CORRECTED * estimate.se > 0:
        return None
    return Doubt(
        f"The bias correction is {_times(moved / estimate.se)} standard errors: what it leaves cannot be told.",
        _about(losses.emb.n, (moved / estimate.se / MOST_CORRECTED) ** 2),
    )


def _by_one(losses: LossTable, keys: tuple[LossKey, ...]) -> Doubt | None:
    """One instance is no sample, and what it carries cannot be told from what its like would."""
    estimate = losses.contrast(keys)
    if not estimate.heavy:
        return None
    return Doubt(
        f"One instance carries {estimate.top_share:.0%} of the variance.",
        "more instances; look at this one, it may be mislabelled",
    )


def _by_duplicates(losses: LossTable, keys: tuple[LossKey, ...]) -> Doubt | None:
    """How many near-duplicates a sample happens to hold is no property of the population that it shows."""
    if losses.duplicates is None or losses.dropped is None:
        return None
    estimate = losses.contrast(keys)
    moved = abs(estimate.plugin - _of(losses, keys, losses.dropped))
    if moved <= max(MOST_BY_DUPLICATES * estimate.se, losses.rounding):
        return None
    found = losses.duplicates
    without = f"the number moves by {moved:.2g} nats{_errors(moved, estimate.se)}"
    if math.isnan(moved):
        without = "too few are left to estimate it from"
    return Doubt(
        f"{found.instances:,} instances have a near-duplicate (cosine above {found.cosine:g}); without all but one of "
        f"each cluster {without}.",
        "duplicates=drop, which is about a population without them",
    )


def _not_null(losses: LossTable, keys: tuple[LossKey, ...]) -> Doubt | None:
    """What the estimator makes of a gap that is zero (docs/theory.md, eq. (89))."""
    if len(keys) != 2 or {key.loss.pool for key in keys} != {ALL, DIFF} or keys[0].hardening != keys[1].hardening:
        return None
    null, se = losses.null.get(keys[0].hardening), losses.contrast(keys).se
    if null is None or abs(null.mean) - 2 * null.se <= max(MOST_AT_NULL * se, losses.rounding):
        return None
    return Doubt(
        f"With labels permuted the gap is zero, and is estimated as {null.mean:.2g} nats on average"
        f"{_errors(abs(null.mean), se)}: near-duplicates or a heavy tail mislead the bias correction.",
        "more instances, a softer tilt, or duplicates=drop",
    )


def _moving(losses: LossTable, keys: tuple[LossKey, ...]) -> Doubt | None:
    """The bias corrected in another way, from disjoint parts: where the two differ, neither is sure (eq. (88))."""
    if losses.by_parts is None:
        return None
    estimate, most = losses.contrast(keys), MOST_MOVED[losses.pieces]
    differ = abs(estimate.value - _of(losses, keys, losses.by_parts))
    words = "halves" if losses.pieces == 2 else "quarters"
    if math.isnan(differ):
        return Doubt(f"The sample is too small to be estimated from {words} of it.", "more instances")
    if differ <= most * estimate.se or differ <= losses.rounding:
        return None
    # What is left falls at least as 1 / n, the standard error as its root.
    factor = max((differ / (most * estimate.se)) ** 2, 1.5) if estimate.se > 0 else math.inf
    return Doubt(
        f"Two corrections of the bias, leaving out one instance and taking {words} of them, differ by {differ:.2g} "
        f"nats{_errors(differ, estimate.se)}: the estimate has not settled at this number of instances.",
        f"{_about(losses.emb.n, factor)}, a softer tilt or a higher temperature",
    )


def _of(losses: LossTable, keys: tuple[LossKey, ...], means: Tensor) -> float:
    """One loss, or the second less the first, of other means (f,); losses that play no part may be undefined."""
    weight = losses.signs(keys)
    return float(weight[weight != 0] @ means[weight != 0])


def _errors(moved: float, se: float) -> str:
    """How many standard errors that is; nothing where all instances agree."""
    return f", {_times(moved / se)} standard errors" if se > 0 else ""


def _times(ratio: float) -> str:
    """A ratio of which only the size matters once it is large."""
    return f"{ratio:.1f}" if ratio < MOST_TIMES else f"more than {MOST_TIMES:,.0f}"


def _about(n: int, factor: float) -> str:
    """So many times as many instances, to two digits."""
    return f"about {int(float(f'{n * factor:.1e}')):,} instances" if factor < MOST_TIMES else "far more instances"


def combination(keys: tuple[LossKey, ...], every: tuple[LossKey, ...]) -> Tensor:
    """(f,) the weights of one loss, or of the second less the first."""
    out = torch.zeros(len(every), dtype=torch.float64)
    out[every.index(keys[-1])] += 1
    if len(keys) == 2:
        out[every.index(keys[0])] -= 1
    return out
