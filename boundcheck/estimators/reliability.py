"""When a number is not to be relied on: too few effective instances, no convergence in n, nothing to tell apart.

Thresholds were chosen by trial runs on von Mises-Fisher mixtures, principal components of Fashion-MNIST, digits and
near-duplicates; no formula gives them. results/validation judges them, on other populations too, and says how far they
serve. docs/theory.md, eq. (58) and eq. (88) to eq. (91).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
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
NOTHING = 0.01  # of what rounding may do: a standard error below is rounding itself
MOST_TIMES = 1000.0  # beyond, a ratio is no number to act on
CLEAR = 3.0  # standard errors from zero at which a difference is proposed as one that will be decided
FEWEST = 20  # instances: a sample of fewer is too small to see what its estimates rest on
_MORE = "more instances"
_DROPPED = "near-duplicates dropped (duplicates=drop), which is about a population without them"
# Mean cosine of two embeddings above which there is next to nothing to tell apart.
COLLAPSED = 0.99


@dataclass(frozen=True)
class Null:
    """Gaps with permuted labels, which are zero in the population: their mean, nats, and its standard error."""

    mean: float
    se: float


@dataclass(frozen=True)
class Doubt:
    """Why a number is not to be relied on, and what would help.

    Attributes:
        reason: in words.
        times: as many instances as there are that would be enough, at the least; NaN where that cannot be told.
        remedy: what else, or what instead, would help; of all doubts together, all of it.
        moved: nats, by how much the number is seen to move; inf where nothing tells how far off it may be.
    """

    reason: str
    times: float = math.nan
    remedy: str = ""
    moved: float = math.inf


def effective(losses: LossTable, key: LossKey) -> float:
    """Harmonic mean over anchors of the effective instances that rho rests on; NaN where that is not known."""
    if key.tilt not in losses.effective:
        return math.nan
    each = losses.effective[key.tilt]
    weight = losses.losses.weight[:, losses.keys.index(key)]
    used = (weight > 0) & torch.isfinite(each)
    return float(weight[used].sum() / (weight[used] / each[used]).sum()) if bool(used.any()) else math.nan


def doubt(losses: LossTable, keys: tuple[LossKey, ...]) -> Doubt | None:
    """What stands against relying on a loss, or on the difference of two; the gravest reason, a remedy
    for all, and by how much all that is seen moves the number.

    Args:
        losses: the table; without standard errors, or where the data are all there is, nothing is doubted.
        keys: one loss, or two whose difference is wanted; none for what concerns the sample as a whole.
    """
    if losses.influence is None or losses.exhaustive or losses.variant.self_pairs == "include":
        return None
    nothing = _nothing_to_tell(losses)
    if nothing is not None or not keys:
        return nothing
    found = [said for look in _LOOKS if (said := look(losses, keys)) is not None]
    if not found:
        return None
    moved = max([each.moved for each in found] + _seen(losses, keys))
    return replace(found[0], remedy=_remedy(losses, keys, found), moved=moved)


def _seen(losses: LossTable, keys: tuple[LossKey, ...]) -> list[float]:
    """Nats, what is known of how far off a number may be, whether or not that alone is too much."""
    estimate, null = losses.contrast(keys), _null(losses, keys)
    found = [abs(estimate.value - estimate.plugin)]
    if losses.by_parts is not None:
        found.append(abs(estimate.value - _of(losses, keys, losses.by_parts)))
    if losses.dropped is not None:
        found.append(abs(estimate.plugin - _of(losses, keys, losses.dropped)))
    if null is not None:
        found.append(abs(null.mean) + 2 * null.se)
    return [moved for moved in found if not math.isnan(moved)]


def _remedy(losses: LossTable, keys: tuple[LossKey, ...], found: list[Doubt]) -> str:
    """What answers every doubt: so many instances and the rest; or a softer tilt at which there is none."""
    times = [each.times for each in found if not math.isnan(each.times)]
    needs = [_at_least(losses.emb.n, max(times))] if times else []
    needs += dict.fromkeys(each.remedy for each in found if each.remedy and not (times and each.remedy == _MORE))
    softer = _softer(losses, keys)
    if softer is not None:
        return f"{', and '.join(needs)}; or β = {softer:g}, where it can be relied on"
    return ", and ".join(needs)


def _softer(losses: LossTable, keys: tuple[LossKey, ...]) -> float | None:
    """The hardest of the softer exponential tilts at which nothing is doubted and a difference is not near zero."""
    hardest = max((key.hardening.beta for key in keys if isinstance(key.hardening, Exponential)), default=0.0)
    betas = {key.hardening.beta for key in losses.keys if isinstance(key.hardening, Exponential)}
    for beta in sorted((beta for beta in betas if beta < hardest), reverse=True):
        there = tuple(replace(key, hardening=Exponential(beta)) if key.loss.hardened else key for key in keys)
        if all(key in losses.keys for key in there) and losses.doubt(there) is None:
            estimate = losses.contrast(there)
            if len(keys) == 1 or abs(estimate.value) > CLEAR * estimate.se:
                return beta
    return None


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
        return Doubt(f"{said} Nothing is concluded.", remedy="an encoder that tells instances apart")
    if losses.emb.n < FEWEST:
        few = f"{losses.emb.n} instances are too few to see what an estimate rests on."
        return Doubt(few, remedy=f"{FEWEST} instances or more")
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
        remedy="more instances of each class",
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
    return Doubt(reason, LEAST_ESS / ess)


def _by_correction(losses: LossTable, keys: tuple[LossKey, ...]) -> Doubt | None:
    estimate = losses.contrast(keys)
    moved = abs(estimate.value - estimate.plugin)
    if moved <= losses.rounding or not moved > MOST_CORRECTED * estimate.se > 0:
        return None
    if moved > MOST_TIMES * estimate.se:
        return Doubt(
            f"Instances hardly differ but by their class: the bias correction, {moved:.2g} nats, has no standard error "
            "that it could be judged by.",
            remedy="instances that differ within their class",
            moved=moved,
        )
    return Doubt(
        f"The bias correction is {_times(moved / estimate.se)} standard errors: what it leaves cannot be told.",
        (moved / estimate.se / MOST_CORRECTED) ** 2,
        moved=moved,
    )


def _by_one(losses: LossTable, keys: tuple[LossKey, ...]) -> Doubt | None:
    """One instance is no sample, and what it carries cannot be told from what its like would."""
    estimate = losses.contrast(keys)
    if not estimate.heavy or estimate.se < NOTHING * losses.rounding:
        return None
    return Doubt(
        f"One instance carries {estimate.top_share:.0%} of the variance.",
        remedy="more instances (look at this one, it may be mislabelled)",
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
        remedy=_DROPPED,
        moved=math.inf if math.isnan(moved) else moved,
    )


def _not_null(losses: LossTable, keys: tuple[LossKey, ...]) -> Doubt | None:
    """What the estimator makes of a gap that is zero (docs/theory.md, eq. (89))."""
    null, se = _null(losses, keys), losses.contrast(keys).se
    if null is None or abs(null.mean) - 2 * null.se <= max(MOST_AT_NULL * se, losses.rounding):
        return None
    return Doubt(
        f"With labels permuted the gap is zero, and is estimated as {null.mean:.2g} nats on average"
        f"{_errors(abs(null.mean), se)}: near-duplicates or a heavy tail mislead the bias correction.",
        remedy=_MORE if losses.duplicates is None else _DROPPED,
        moved=abs(null.mean),
    )


def _null(losses: LossTable, keys: tuple[LossKey, ...]) -> Null | None:
    """The gap's null; None where it has none."""
    if len(keys) != 2 or {key.loss.pool for key in keys} != {ALL, DIFF} or keys[0].hardening != keys[1].hardening:
        return None
    return losses.null.get((keys[0].hardening, keys[0].q)) if keys[0].q == keys[1].q else None


def _moving(losses: LossTable, keys: tuple[LossKey, ...]) -> Doubt | None:
    """The bias corrected in another way, from disjoint parts: where the two differ, neither is sure (eq. (88))."""
    if losses.by_parts is None:
        return None
    estimate, most = losses.contrast(keys), MOST_MOVED[losses.pieces]
    differ = abs(estimate.value - _of(losses, keys, losses.by_parts))
    words = "halves" if losses.pieces == 2 else "quarters"
    if math.isnan(differ):
        return Doubt(f"The sample is too small to be estimated from {words} of it.", remedy=_MORE)
    if differ <= most * estimate.se or differ <= losses.rounding:
        return None
    # What is left falls at least as 1 / n, the standard error as its root.
    factor = max((differ / (most * estimate.se)) ** 2, 1.5) if estimate.se > 0 else math.inf
    return Doubt(
        f"Two corrections of the bias, leaving out one instance and taking {words} of them, differ by {differ:.2g} "
        f"nats{_errors(differ, estimate.se)}: the estimate has not settled at this number of instances.",
        factor,
        moved=differ,
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


def _at_least(n: int, factor: float) -> str:
    """So many times as many instances, to two digits: what else may then be doubted is not foreseen."""
    if factor >= MOST_TIMES:
        return f"more than {MOST_TIMES:,.0f} times as many instances"
    return f"at least {int(float(f'{n * max(factor, 1.1):.1e}')):,} instances"


def combination(keys: tuple[LossKey, ...], every: tuple[LossKey, ...]) -> Tensor:
    """(f,) the weights of one loss, or of the second less the first."""
    out = torch.zeros(len(every), dtype=torch.float64)
    out[every.index(keys[-1])] += 1
    if len(keys) == 2:
        out[every.index(keys[0])] -= 1
    return out


# The gravest first: its reason is the one that is given.
_LOOKS = (_lonely, _few_effective, _by_correction, _by_one, _by_duplicates, _not_null, _moving)
