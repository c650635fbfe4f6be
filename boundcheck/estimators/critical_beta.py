"""The beta at which the averaged losses cross: how hard H-SCL must be before UCL bounds it from below.

docs/theory.md, eq. (32).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from itertools import pairwise, product

import numpy as np
import torch
from torch import Tensor

from boundcheck.embeddings import EmbeddingSet
from boundcheck.estimators.anchor_losses import anchor_losses, weighted_mean
from boundcheck.estimators.records import LossTable
from boundcheck.hardening import CONSTANT, Exponential, terms_for
from boundcheck.losses import HSCL, SCL, UCL, LossKey
from boundcheck.pairwise.between import rho_between
from boundcheck.pairwise.critical import MAX_BETA, PIECES
from boundcheck.pairwise.cumulants import CumulantTable, LogSumsOf
from boundcheck.pairwise.passes import Task
from boundcheck.pools import DIFF
from boundcheck.spec import Variant

BETA_TOLERANCE = 1e-3
# How far on both sides of a guess to look: a good one is enclosed for good, a fair one in a short bracket.
NEAR, FAR = 0.45 * BETA_TOLERANCE, 0.02  # FAR in lengths of the bracket
HALVINGS = 20


def worst_case_losses(emb: EmbeddingSet, variant: Variant, table: CumulantTable) -> Task[dict[LossKey, Tensor]]:
    """Per-anchor losses in the limit beta -> inf, by the key of the untilted loss (Robinson et al. 2021)."""
    keys = [key for key in variant.keys if not key.loss.hardened]
    if not keys:
        return {}
    rho = torch.stack([table.largest_logit(key.tilt.pool) for key in keys], 1)
    at = yield from anchor_losses(emb, variant, table, keys=keys, rho=rho, derivatives=False)
    return {key: at.value[:, i] for i, key in enumerate(keys)}


def crossings(losses: LossTable, worst_case: Mapping[LossKey, Tensor]) -> Task[dict[float, float]]:
    """Q -> the beta at which the averaged H-SCL meets UCL, on the data at hand (plug-in), within 0.001.

    The excess of H-SCL over UCL is continuous and increasing in beta; its zero is enclosed ever more closely. Each
    pass looks at several betas for all Q at once, as they share exponentials, and mostly the first is the last.

    Args:
        losses: the table, whose tilts give the first bracket and the guess in it.
        worst_case: see `worst_case_losses`; where even these lie below UCL nothing crosses and the value is inf.
    """
    if not {HSCL, SCL, UCL} <= set(losses.variant.losses):
        return {}
    scl = {q: LossKey(SCL, CONSTANT, q) for q in losses.variant.q}
    ucl = {q: losses.loss(LossKey(UCL, CONSTANT, q)).plugin for q in scl}
    excess = {q: {b: losses.loss(key).plugin - ucl[q] for b, key in _tilts(losses, q).items()} for q in scl}
    never = {q for q, key in scl.items() if excess[q][0.0] < 0 and _mean(losses, key, worst_case[key]) <= ucl[q]}
    while True:
        found = {q: math.inf if q in never else _enclosed(excess[q]) for q in scl}
        betas = {q: _where_to_look(losses, q, excess[q]) for q, beta in found.items() if beta is None}
        if not betas:
            return {q: beta for q, beta in found.items() if beta is not None}
        looked = yield from _look(losses, list(betas), sorted(set().union(*betas.values())))
        for (q, beta), value in looked.items():
            excess[q][beta] = value - ucl[q]


def crossing_interval(losses: LossTable, q: float, crossing: float, confidence: float) -> tuple[float, float]:
    """The betas at which the intervals of H-SCL - UCL hold zero: where the averaged losses of the population cross.

    The plug-in gap between the tilts of the table is that of `_modelled`, less what makes it cross elsewhere than the
    data's own does; the corrections and half-widths at the tilts are taken to be linear in 1 / (1 + beta) in between.
    What is not to be relied on may be anything.

    Args:
        losses: the table.
        q: Q.
        crossing: of the plug-in losses, see `crossings`.
        confidence: of the interval.

    Returns:
        Both ends; NaN where a loss is missing, inf where no tilt that can be relied on lies above.
    """
    ucl = LossKey(UCL, CONSTANT, q)
    tilts = _tilts(losses, q)
    if not {ucl, *tilts.values()} <= set(losses.keys):
        return math.nan, math.nan
    lower, upper = [], []
    for beta, key in sorted(tilts.items()):
        gap = losses.gap(key, ucl)
        low, high = gap.interval(confidence)
        sure = losses.doubt((ucl, key)) is None and not math.isnan(low)
        lower.append((beta, low - gap.plugin if sure else -math.inf))
        upper.append((beta, high - gap.plugin if sure else math.inf))
    below = losses.loss(ucl).plugin
    shape = cache(lambda beta: _modelled(losses, tilts, beta) - below)
    taken = _reaches_zero(shape, [(beta, 0.0) for beta, _ in lower])
    bend = 1 / (1 + crossing) - 1 / (1 + taken) if 0 < taken < math.inf else 0.0
    low, high = (_bent(_reaches_zero(shape, more), bend) for more in (upper, lower))
    return low, high


def _bent(beta: float, bend: float) -> float:
    """beta moved by so much in 1 / (1 + beta)."""
    if beta == 0 or math.isinf(beta):
        return beta
    place = 1 / (1 + beta) + bend
    return max(1 / place - 1, 0.0) if place > 0 else math.inf


def _reaches_zero(shape: Callable[[float], float], more: Sequence[tuple[float, float]]) -> float:
    """The first beta at which a curve and what is added to it are not below zero, inf where they are throughout.

    Args:
        shape: the curve.
        more: beta, from zero on, and what is added there; linear in 1 / (1 + beta) in between.
    """
    if shape(more[0][0]) + more[0][1] >= 0:
        return more[0][0]
    for (before, under), (beta, added) in pairwise(more):
        if shape(beta) + added < 0:
            continue
        if math.isinf(added) or math.isinf(under):
            return before if math.isinf(added) else beta
        places = np.linspace(1 / (1 + before), 1 / (1 + beta), PIECES + 1)
        between = [(1 / place - 1, under + (added - under) * i / PIECES) for i, place in enumerate(places.tolist())]
        values = [shape(at) + plus for at, plus in [(before, under), *between[1:-1], (beta, added)]]
        first = next(i for i, value in enumerate(values) if value >= 0)
        share = values[first - 1] / (values[first - 1] - values[first])
        return float(1 / (places[first - 1] + share * (places[first] - places[first - 1])) - 1)
    return math.inf


def _tilts(losses: LossTable, q: float) -> dict[float, LossKey]:
    """beta -> the loss over other classes, for the exponential tilts of the table and none."""
    tilts = {h.beta: LossKey(HSCL, h, q) for h in losses.variant.tilts if isinstance(h, Exponential)}
    return {0.0: LossKey(SCL, CONSTANT, q)} | tilts


def _bracket(excess: Mapping[float, float]) -> tuple[float, float]:
    """The last beta known to leave H-SCL below UCL (0 if none does), the first known not to (inf while none is)."""
    high = min((beta for beta, value in excess.items() if value >= 0), default=math.inf)
    return max((beta for beta in excess if beta < high), default=high), high


def _enclosed(excess: Mapping[float, float]) -> float | None:
    """The crossing, where it is known within the tolerance; inf where it lies beyond all that is looked at."""
    low, high = _bracket(excess)
    if low == high:
        return low
    if low >= MAX_BETA:
        return math.inf
    if high - low > BETA_TOLERANCE:
        return None
    return low - excess[low] * (high - low) / (excess[high] - excess[low])


def _where_to_look(losses: LossTable, q: float, excess: Mapping[float, float]) -> list[float]:
    """Betas inside the bracket that will shorten it most."""
    low, high = _bracket(excess)
    if math.isinf(high):
        return [2 * low + 1, 4 * low + 3, 8 * low + 7]
    tilts = _tilts(losses, q)
    shape = partial(_modelled, losses, tilts) if high <= max(tilts) else lambda beta: 0.0
    at, far = _guess(low, high, excess, shape), FAR * (high - low)
    places = [at - NEAR, at + NEAR]
    if len(excess) > len(tilts):  # The first guess was not good; whatever this one is worth, the bracket is halved.
        places += [at - far, at + far, (low + high) / 2]
    return [beta for beta in places if low < beta < high]


def _guess(low: float, high: float, excess: Mapping[float, float], shape: Callable[[float], float]) -> float:
    """The zero of a curve of this shape, less what makes it pass through the ends: linear in 1 / (1 + beta)."""
    miss_low, miss_high = excess[low] - shape(low), excess[high] - shape(high)
    left, right = low, high
    for _ in range(HALVINGS):
        beta = (left + right) / 2
        share = (beta - low) / (high - low) * (1 + high) / (1 + beta)
        below = shape(beta) + (1 - share) * miss_low + share * miss_high < 0
        left, right = (beta, right) if below else (left, beta)
    return (left + right) / 2


def _modelled(losses: LossTable, tilts: Mapping[float, LossKey], beta: float) -> float:
    """About the averaged H-SCL, nats, to second order in rho from the nearest tilt; within the tilts of the table."""
    key = tilts[min(tilts, key=lambda tilt: abs(tilt - beta))]
    f, at = losses.keys.index(key), losses.losses
    moved = rho_between(losses.table, DIFF, beta) - losses.table.rho(DIFF, key.hardening)
    return _mean(losses, key, at.value[:, f] + at.slope[:, f] * moved + at.curvature[:, f] * moved.square() / 2)


def _mean(losses: LossTable, key: LossKey, values: Tensor) -> float:
    """The average over anchors that this loss is taken with."""
    return float(weighted_mean(values[:, None], losses.losses.weight[:, [losses.keys.index(key)]]))


def _look(losses: LossTable, qs: Sequence[float], betas: Sequence[float]) -> Task[dict[tuple[float, float], float]]:
    """(Q, beta) -> the averaged H-SCL, nats; one pass."""
    table = yield LogSumsOf(terms_for([Exponential(beta) for beta in betas]))
    keys = [LossKey(HSCL, Exponential(beta), q) for q in qs for beta in betas]
    rho = torch.stack([table.rho(DIFF, key.hardening) for key in keys], 1)
    at = yield from anchor_losses(losses.emb, losses.variant, losses.table, keys=keys, rho=rho, derivatives=False)
    return dict(zip(product(qs, betas), at.mean.tolist(), strict=True))
