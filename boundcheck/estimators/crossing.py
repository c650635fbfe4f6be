"""The beta at which the averaged losses cross: how hard H-SCL must be before UCL bounds it from below."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from boundcheck.estimators.exact import pair_plan
from boundcheck.estimators.records import LossTable
from boundcheck.hardening import CONSTANT, Exponential
from boundcheck.losses import LossKey, LossSpec, anchor_losses, weighted_mean
from boundcheck.population.critical import MAX_BETA, critical_hardness
from boundcheck.population.cumulants import cumulant_table, terms_for
from boundcheck.population.plan import PairPlan

BETA_TOLERANCE = 1e-3


def planner(losses: LossTable, device: str, precision: str) -> Callable[[Tensor, float], PairPlan]:
    """(anchors, steepest beta) -> the plan of those anchors, in the precision the tilt needs."""

    def plan_for(anchors: Tensor, steepest: float) -> PairPlan:
        spec = LossSpec(losses.spec.temperature, (Exponential(steepest),), class_prior=losses.spec.class_prior)
        spec = LossSpec(**{**vars(spec), "self_pairs": losses.spec.self_pairs})
        everyone = len(anchors) == losses.emb.n * losses.emb.v
        return pair_plan(losses.emb, spec, anchors=None if everyone else anchors, device=device, precision=precision)

    return plan_for


def beta_star(losses: LossTable, plan_for: Callable[[Tensor, float], PairPlan]) -> Tensor:
    """(a,) critical hardness of every anchor, see `critical_hardness`."""
    betas = tuple(h.beta for h in losses.spec.hardenings if isinstance(h, Exponential))
    return critical_hardness(plan_for, losses.table, betas)


def worst_case_losses(losses: LossTable, plan_for: Callable[[Tensor, float], PairPlan]) -> dict[LossKey, Tensor]:
    """Per-anchor losses in the limit beta -> inf, by the key of the untilted loss (Robinson et al. 2021)."""
    keys = [key for key in losses.keys if key.hardening == CONSTANT]
    rho = torch.stack([losses.table.largest_logit(key.tilt.pool) for key in keys], 1)
    values = _losses_at(losses, plan_for(losses.table.anchors, 0.0), keys, rho)
    return {key: values[:, i] for i, key in enumerate(keys)}


def crossings(
    losses: LossTable, plan_for: Callable[[Tensor, float], PairPlan], worst_case: Mapping[LossKey, Tensor]
) -> dict[float, float]:
    """Q -> the beta at which the averaged H-SCL meets UCL, on the data at hand (plug-in), within 0.001.

    Args:
        losses: the table, whose tilts give the first bracket.
        plan_for: see `planner`.
        worst_case: see `worst_case_losses`; where even these lie below UCL nothing crosses and the value is inf.
    """
    return {q: _crossing(losses, plan_for, worst_case, q) for q in losses.spec.q}


def _crossing(
    losses: LossTable,
    plan_for: Callable[[Tensor, float], PairPlan],
    worst_case: Mapping[LossKey, Tensor],
    q: float,
) -> float:
    scl, ucl = LossKey("scl", CONSTANT, q), LossKey("ucl", CONSTANT, q)
    weight = losses.losses.weight[:, [losses.keys.index(scl)]]
    target = losses.loss(ucl).plugin

    from scipy.optimize import brentq  # a quarter of a second to import

    def mean(values: Tensor) -> float:
        return float(weighted_mean(values[:, None], weight))

    def excess(beta: float) -> float:
        if beta not in known:
            h = Exponential(beta)
            plan = plan_for(losses.table.anchors, beta)
            rho = cumulant_table(plan, terms_for([h])).rho("diff", h)
            known[beta] = mean(_losses_at(losses, plan, [scl], rho[:, None])[:, 0]) - target
        return known[beta]

    known = {0.0: losses.loss(scl).plugin - target}
    for h in losses.spec.hardenings:
        if isinstance(h, Exponential):
            known[h.beta] = losses.loss(LossKey("hscl", h, q)).plugin - target
    if known[0.0] >= 0:
        return 0.0
    if mean(worst_case[scl]) <= target:
        return math.inf
    low = 0.0
    for high in sorted(known):
        if known[high] >= 0:
            return float(brentq(excess, low, high, xtol=BETA_TOLERANCE))
        low = high
    high = 2 * low + 1
    while excess(high) < 0:
        low, high = high, 2 * high
        if high > MAX_BETA:
            return math.inf
    return float(brentq(excess, low, high, xtol=BETA_TOLERANCE))


def _losses_at(losses: LossTable, plan: PairPlan, keys: list[LossKey], rho: Tensor) -> Tensor:
    z, y = torch.from_numpy(losses.emb.z), torch.from_numpy(losses.emb.y)
    return anchor_losses(z, y, plan, losses.table, losses.spec, keys, rho).value
