"""Gathers what claims may read, each part once and only if a claim asks for it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any, NoReturn
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from boundcheck.claims.base import Evidence
from boundcheck.embeddings import EmbeddingSet
from boundcheck.embeddings.given import ROWS
from boundcheck.estimators.exact import exact, pair_plan
from boundcheck.estimators.finite import FiniteLosses, finite_losses
from boundcheck.estimators.measured import Measured
from boundcheck.estimators.quadrature import summed_losses
from boundcheck.estimators.records import LossTable
from boundcheck.pairwise.passes import run_one
from boundcheck.pairwise.plan import PairPlan
from boundcheck.spec import Execution

# Losses at finite k cost some fifty times the limit; what claims say of them holds on every set, so on a sample.
FINITE_INSTANCES = 256


def gather(measured: Measured, execution: Execution, plan: PairPlan | None = None) -> Evidence:
    """The evidence of what was measured.

    Args:
        measured: losses, worst case, crossing.
        execution: of further passes over the pairs.
        plan: the pairs; None for a population, which has none.
    """
    losses = measured.losses
    z = torch.from_numpy(losses.emb.z)  # as it is: it may be mapped from a file larger than memory
    if plan is None:
        return Evidence(losses, measured.worst_case, measured.crossing, _nothing, _nothing, _nothing, z)
    tables: dict[bytes, LossTable] = {}

    def over(some: Tensor) -> LossTable:
        key = some.numpy().tobytes()
        if key not in tables:
            part = exact(losses.emb, losses.variant, execution, anchors=some, plan=plan)
            tables[key] = replace(part, anytime=losses.anytime)
        return tables[key]

    @cache
    def finite(ks: tuple[int, ...]) -> FiniteLosses:
        quiet = replace(execution, progress=None)
        some = typical(losses.emb)
        few = pair_plan(some, losses.variant, quiet, plan.tally)
        return finite_losses(some, losses.variant, ks, quiet, intervals=False, plan=few)

    @cache
    def summed(ks: tuple[int, ...]) -> Tensor:
        return run_one(plan.of(_chosen(losses)), summed_losses(losses, ks))

    return Evidence(losses, measured.worst_case, measured.crossing, over, finite, summed, z)


def typical(emb: EmbeddingSet, most: int = FINITE_INSTANCES) -> EmbeddingSet:
    """A sample of the instances that does not depend on their order: evenly along a random direction, with partners.

    Args:
        emb: the instances.
        most: how many, two classes among them; each comes with the next of its class.
    """
    if emb.n <= most:
        return emb
    found = _TYPICAL.setdefault(emb, {})
    if most not in found:
        found[most] = emb.subset(_typical(emb, most))
    return found[most]


_TYPICAL: WeakKeyDictionary[EmbeddingSet, dict[int, EmbeddingSet]] = WeakKeyDictionary()  # several claims ask for it


def _typical(emb: EmbeddingSet, most: int) -> np.ndarray:
    """Their positions, ascending."""
    direction = np.random.default_rng(0).standard_normal(emb.d)
    parts = [emb.z[start : start + ROWS, 0].astype(np.float64) @ direction for start in range(0, emb.n, ROWS)]
    along = np.argsort(np.concatenate(parts), kind="stable")
    place = np.empty(emb.n, dtype=np.int64)
    place[along] = np.arange(emb.n)
    by_class = np.lexsort((place, emb.y))
    following = np.arange(emb.n)
    alike = emb.y[by_class[:-1]] == emb.y[by_class[1:]]
    following[by_class[:-1][alike]] = by_class[1:][alike]
    first = along[np.linspace(0, emb.n - 1, most // 2).astype(int)]
    others = along[emb.y[along] != emb.y[first[0]]][:1]
    return np.unique(np.concatenate([first, following[first], others]))


def _chosen(losses: LossTable) -> Tensor | None:
    anchors = losses.table.anchors
    return None if len(anchors) == losses.emb.n * losses.emb.v else anchors


def _nothing(_: Any) -> NoReturn:
    """A population has no pairs; claims that would need them ask for a sample."""
    raise AssertionError("closed forms have no pairs")
