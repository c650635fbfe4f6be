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
from boundcheck.estimators.critical_beta import planner, worst_case_losses
from boundcheck.estimators.dense import dense
from boundcheck.estimators.dense_finite import dense_finite_losses, dense_summed_losses
from boundcheck.estimators.exact import exact
from boundcheck.estimators.finite import FiniteLosses, finite_losses
from boundcheck.estimators.quadrature import summed_losses
from boundcheck.estimators.records import LossTable
from boundcheck.falsification.literal import literal
from boundcheck.losses import LossKey, LossSpec


def dense_evidence(emb: EmbeddingSet, spec: LossSpec, z: Tensor | None = None) -> Evidence:
    """By the dense estimator, with a gradient in z (n, v, d) where it is given."""
    z = torch.from_numpy(emb.z).to(torch.float64) if z is None else z
    losses, worst_case = dense(emb, spec, z=z)
    evidence = _evidence(losses, worst_case, lambda some: dense(emb, spec, z=z, anchors=some)[0])

    def finite(ks: tuple[int, ...]) -> FiniteLosses:
        # What has no gradient is left to the passes, which are made when it is asked for.
        plain = cache(lambda: evidence.finite(ks))
        tables = dense_finite_losses(losses, z, ks)
        return FiniteLosses(losses, tables, None, lambda: plain().second_order(), lambda: plain().octaves())

    return replace(evidence, finite=finite, summed=lambda ks: dense_summed_losses(losses, z, ks), z=z)


def exact_evidence(emb: EmbeddingSet, spec: LossSpec) -> Evidence:
    """By the exact estimator in float64, as `verify` does but for the sampling error."""

    def over(some: Tensor | None) -> LossTable:
        return exact(emb, spec, intervals=False, anchors=some, device="cpu", precision="float64")

    losses = over(None)
    return _evidence(losses, worst_case_losses(losses, planner(losses, "cpu", "float64")), over)


def literal_evidence(emb: EmbeddingSet, spec: LossSpec) -> Evidence:
    """By the literal definitions at 50 digits, rounded to float64 at the end."""
    losses, worst_case = literal(emb, spec)
    return _evidence(losses, worst_case, lambda some: literal(emb, spec, some)[0])


def _evidence(losses: LossTable, worst_case: Mapping[LossKey, Tensor], over: Callable[[Tensor], LossTable]) -> Evidence:
    return Evidence(
        losses=_as_population(losses),
        worst_case=worst_case,
        crossing={},
        over=lambda some: _as_population(over(some)),
        finite=lambda ks: finite_losses(
            losses.emb,
            losses.spec,
            ks,
            anchors=losses.table.anchors,
            intervals=False,
            device="cpu",
            precision="float64",
        ),
        summed=lambda ks: summed_losses(losses, ks, device="cpu", precision="float64"),
        z=torch.from_numpy(losses.emb.z).to(torch.float64),
    )


def _as_population(losses: LossTable) -> LossTable:
    """The same plug-in averages, exact: the data set is the population, so nothing is left to chance."""
    return replace(losses, influence=torch.zeros(losses.emb.n, len(losses.keys), dtype=torch.float64))
