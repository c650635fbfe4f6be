"""Evidence on a configuration that is all there is: averages without uncertainty, in three arithmetics.

Losses at finite k and of sums over k negatives are in all of them those of a float64 quadrature: with a gradient in the
dense evidence, not evaluated at 50 digits in the literal one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache

import torch
from torch import Tensor

from boundcheck.claims import Evidence
from boundcheck.embeddings import EmbeddingSet
from boundcheck.estimators.critical_beta import worst_case_losses
from boundcheck.estimators.dense import dense
from boundcheck.estimators.dense_finite import dense_finite_losses, dense_summed_losses
from boundcheck.estimators.exact import exact, pair_plan
from boundcheck.estimators.finite import FiniteLosses, finite_losses
from boundcheck.estimators.quadrature import summed_losses
from boundcheck.estimators.records import LossTable
from boundcheck.falsification.literal import literal
from boundcheck.losses import LossKey
from boundcheck.pairwise.passes import run_one
from boundcheck.spec import Execution, Variant

_HERE = Execution(device="cpu", precision="float64")


def dense_evidence(emb: EmbeddingSet, variant: Variant, z: Tensor | None = None) -> Evidence:
    """By the dense estimator, with a gradient in z (n, v, d) where it is given."""
    z = torch.from_numpy(emb.z).to(torch.float64) if z is None else z
    losses, worst_case = dense(emb, variant, z=z)
    evidence = _evidence(losses, worst_case, lambda some: dense(emb, variant, z=z, anchors=some)[0])

    def finite(ks: tuple[int, ...]) -> FiniteLosses:
        # What has no gradient is left to the passes, which are made when it is asked for.
        plain = cache(lambda: evidence.finite(ks))
        tables = dense_finite_losses(losses, z, ks)
        return FiniteLosses(losses, tables, None, lambda: plain().second_order(), lambda: plain().dyadic())

    return replace(evidence, finite=finite, summed=lambda ks: dense_summed_losses(losses, z, ks), z=z)


def exact_evidence(emb: EmbeddingSet, variant: Variant) -> Evidence:
    """By the exact estimator in float64, as `verify` does but for the sampling error."""
    plan = pair_plan(emb, variant, _HERE)

    def over(some: Tensor | None) -> LossTable:
        return exact(emb, variant, _HERE, intervals=False, anchors=some, plan=plan)

    losses = over(None)
    return _evidence(losses, run_one(plan, worst_case_losses(emb, losses.variant, losses.table)), over)


def literal_evidence(emb: EmbeddingSet, variant: Variant) -> Evidence:
    """By the literal definitions at 50 digits, rounded to float64 at the end."""
    losses, worst_case = literal(emb, variant)
    return _evidence(losses, worst_case, lambda some: literal(emb, variant, some)[0])


def _evidence(losses: LossTable, worst_case: Mapping[LossKey, Tensor], over: Callable[[Tensor], LossTable]) -> Evidence:
    emb, variant, anchors = losses.emb, losses.variant, losses.table.anchors
    return Evidence(
        losses=_as_population(losses),
        worst_case=worst_case,
        crossing={},
        over=lambda some: _as_population(over(some)),
        finite=lambda ks: finite_losses(emb, variant, ks, _HERE, anchors=anchors, intervals=False),
        summed=lambda ks: run_one(pair_plan(emb, variant, _HERE).of(anchors), summed_losses(losses, ks)),
        z=torch.from_numpy(emb.z).to(torch.float64),
    )


def _as_population(losses: LossTable) -> LossTable:
    """The same plug-in averages, exact: the data set is the population, so nothing is left to chance."""
    nothing = torch.zeros(losses.emb.n, len(losses.keys), dtype=torch.float64)
    return replace(losses, influence=nothing, population=True)
