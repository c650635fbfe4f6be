"""Gathers what claims may read, each part once and only if a claim asks for it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor

from boundcheck.claims.base import Evidence
from boundcheck.estimators.closed import population_worst_case
from boundcheck.estimators.critical_beta import crossings, planner, worst_case_losses
from boundcheck.estimators.exact import exact
from boundcheck.estimators.finite import FiniteLosses, finite_losses
from boundcheck.estimators.quadrature import summed_losses
from boundcheck.estimators.records import LossTable

# Losses at finite k cost some fifty times the limit; what claims say of them holds anchor by anchor.
FINITE_ANCHORS = 256


def gather(
    losses: LossTable, *, device: str = "auto", precision: str = "auto", seed: int = 0, crossing: bool = True
) -> Evidence:
    """The evidence of a loss table.

    Args:
        losses: the table.
        device, precision: of further passes over the pairs, see `estimate`.
        seed: of the anchors that losses at finite k are checked at.
        crossing: whether to look for the beta at which H-SCL reaches UCL.
    """
    z = torch.from_numpy(losses.emb.z)  # as it is: it may be mapped from a file larger than memory
    if losses.estimator == "closed":
        return Evidence(losses, population_worst_case(losses), {}, _nothing, _nothing, _nothing, z)
    plan_for = planner(losses, device, precision)
    worst_case = worst_case_losses(losses, plan_for)
    tables: dict[bytes, LossTable] = {}

    def over(some: Tensor) -> LossTable:
        key = some.numpy().tobytes()
        if key not in tables:
            part = exact(losses.emb, losses.spec, anchors=some, device=device, precision=precision)
            tables[key] = replace(part, anytime=losses.anytime)
        return tables[key]

    @cache
    def finite(ks: tuple[int, ...]) -> FiniteLosses:
        anchors = losses.table.anchors
        if len(anchors) > FINITE_ANCHORS:
            some = np.random.default_rng([seed, 2]).choice(len(anchors), FINITE_ANCHORS, replace=False)
            anchors = anchors[torch.from_numpy(np.sort(some))]
        return finite_losses(
            losses.emb, losses.spec, ks, anchors=anchors, intervals=False, device=device, precision=precision
        )

    @cache
    def summed(ks: tuple[int, ...]) -> Tensor:
        return summed_losses(losses, ks, device=device, precision=precision)

    found = crossings(losses, plan_for, worst_case) if crossing and losses.k is None else {}
    return Evidence(losses, worst_case, found, over, finite, summed, z)


def _nothing(_: Any) -> NoReturn:
    """A population has no pairs; claims that would need them ask for a sample."""
    raise AssertionError("closed forms have no pairs")
