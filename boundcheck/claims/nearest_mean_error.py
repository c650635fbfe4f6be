"""The error of the nearest class mean by the classes' second moments, with all instances in the means.

docs/theory.md, eq. (77) and eq. (78).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import numpy as np
from torch import Tensor

from boundcheck.bounds import BOUNDS, FewShotBound, class_moments
from boundcheck.claims.base import Evidence, Finding, claim
from boundcheck.claims.requirements import LABELS, SAMPLE
from boundcheck.claims.statistics import of_instances


def nearest_mean_error(z: Tensor, y: np.ndarray) -> float:
    """Mean over classes of the share of views with another class's mean at least as near as their own."""
    x = z.reshape(-1, z.shape[2]).double().numpy()
    label = np.unique(y, return_inverse=True)[1].repeat(z.shape[1])  # classes may be absent from a part
    means = np.stack([x[label == c].mean(0) for c in range(label.max() + 1)])
    distance = np.square(means).sum(1) - 2 * x @ means.T
    own = distance[np.arange(len(x)), label].copy()
    distance[np.arange(len(x)), label] = np.inf
    wrong = distance.min(1) <= own
    return float(np.mean([wrong[label == c].mean() for c in range(label.max() + 1)]))


def bound_on_error(bound: FewShotBound, z: Tensor, y: np.ndarray) -> float:
    """The bound at m = inf: the means are those of the distributions that x is drawn from."""
    x, label = z.reshape(-1, z.shape[2]).double().numpy(), y.repeat(z.shape[1])
    return min(bound.error(class_moments(x, label, overlaps=False), math.inf), float(label.max() + 1))


def _finding(evidence: Evidence, bound: FewShotBound) -> Finding:
    gap = of_instances(evidence.losses, evidence.z, partial(bound_on_error, bound), steps=nearest_mean_error)
    error = nearest_mean_error(evidence.z.detach(), evidence.losses.emb.y)
    vacuous = "The bound is 1 or more: no error exceeds it." if error + gap.plugin >= 1 else ""
    return Finding(None, None, None, error, error + gap.value, gap, vacuous=vacuous)


@claim(
    id="ncm_directional",
    title="Directional variance bounds the error of the nearest class mean",
    statement=r"\operatorname{err}_{\mathrm{NCM}} \leq \frac1C \sum_i \sum_{j \neq i} 4 \tilde V_{ij}",
    source="arXiv 2603.03530, Theorem 4.1 as m -> infinity; derived again (`boundcheck.bounds.directional`)",
    requirements=(SAMPLE, LABELS),
    unit="share",
)
def ncm_directional(evidence: Evidence) -> Iterator[Finding]:
    """Chebyshev along the line between two means, and a union bound over the other classes."""
    yield _finding(evidence, BOUNDS["directional"])


@claim(
    id="ncm_second_moments",
    title="Cantelli's inequality bounds the error of the nearest class mean",
    statement=r"\operatorname{err}_{\mathrm{NCM}} \leq \frac1C \sum_i \sum_{j \neq i}"
    r" \frac{4\tilde V_{ij}}{1 + 4\tilde V_{ij}}",
    source="derived here (`boundcheck.bounds.second_moments`), as m -> infinity",
    requirements=(SAMPLE, LABELS),
    unit="share",
)
def ncm_second_moments(evidence: Evidence) -> Iterator[Finding]:
    """Never above `ncm_directional`, and for two classes never vacuous."""
    yield _finding(evidence, BOUNDS["second_moments"])
