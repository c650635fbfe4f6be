"""The error of the nearest class mean by the classes' second moments, with all instances in the means.

docs/theory.md, eq. (77) and eq. (78).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from boundcheck.bounds import BOUNDS, class_moments
from boundcheck.claims.base import Evidence, Finding, claim
from boundcheck.claims.requirements import LABELS, SAMPLE
from boundcheck.claims.statistics import OF_CLASS, several_of_instances, some_instances
from boundcheck.embeddings import EmbeddingSet
from boundcheck.estimators.records import LossTable

BOTH = ("directional", "second_moments")
WORK = 5e8  # products of entries that one look at the instances may take


def bounds_and_error(z: Tensor, y: np.ndarray) -> list[float]:
    """The bounds at m = inf, in the order of `BOTH`, and the error of the classifier by the classes' own means."""
    label = np.unique(y, return_inverse=True)[1].repeat(z.shape[1])  # classes may be absent from a part
    moments = class_moments(z.reshape(-1, z.shape[2]).numpy(), label, overlaps=False)
    bounds = [min(BOUNDS[name].error(moments, math.inf), float(moments.c)) for name in BOTH]
    return [*bounds, float(moments.error.mean())]


def _finding(evidence: Evidence, name: str) -> Finding:
    losses, z = evidence.losses, evidence.z.detach()
    if losses.exhaustive:
        return _found(losses, z)[name]
    kept, grouped = _FOUND.setdefault(losses.emb, {}), losses.clusters is not None
    if grouped not in kept:
        kept[grouped] = _found(losses, z)
    return kept[grouped][name]


# By embeddings, and whether clusters are one draw: both claims, and every look of `until_decided`, ask for the same.
_FOUND: WeakKeyDictionary[EmbeddingSet, dict[bool, dict[str, Finding]]] = WeakKeyDictionary()


def _found(losses: LossTable, z: Tensor) -> dict[str, Finding]:
    emb = losses.emb
    most = emb.n if losses.exhaustive else max(int(WORK / (emb.v * emb.c * emb.d)), OF_CLASS * emb.c)
    gaps = several_of_instances(losses, z, bounds_and_error, len(BOTH), most)
    some, note = np.arange(emb.n), ""
    if emb.n > most:
        some, note = some_instances(emb.y, most), f"Of {most:,} of the instances, each class in proportion."
    *_, error = bounds_and_error(z[torch.from_numpy(some)], emb.y[some])
    return {
        name: Finding(
            None, None, None, error, error + gap.value, gap, note=note,
            vacuous="The bound is 1 or more: no error exceeds it." if error + gap.plugin >= 1 else "",
        )
        for name, gap in zip(BOTH, gaps, strict=True)
    }  # fmt: skip


@claim(
    id="ncm_directional",
    title="Directional variance bounds the error of the nearest class mean",
    statement=r"\operatorname{err}_{\mathrm{NCM}} \leq \frac1C \sum_i \sum_{j \neq i} 4 \tilde V_{ij}",
    source="arXiv 2603.03530, Theorem 4.1 as m → ∞; derived again (`boundcheck.bounds.directional`)",
    requirements=(SAMPLE, LABELS),
    unit="share",
)
def ncm_directional(evidence: Evidence) -> Iterator[Finding]:
    """Chebyshev along the line between two means, and a union bound over the other classes."""
    yield _finding(evidence, "directional")


@claim(
    id="ncm_second_moments",
    title="Cantelli's inequality bounds the error of the nearest class mean",
    statement=r"\operatorname{err}_{\mathrm{NCM}} \leq \frac1C \sum_i \sum_{j \neq i}"
    r" \frac{4\tilde V_{ij}}{1 + 4\tilde V_{ij}}",
    source="derived here (`boundcheck.bounds.second_moments`), as m → ∞",
    requirements=(SAMPLE, LABELS),
    unit="share",
)
def ncm_second_moments(evidence: Evidence) -> Iterator[Finding]:
    """Never above `ncm_directional`, and for two classes never vacuous."""
    yield _finding(evidence, "second_moments")
