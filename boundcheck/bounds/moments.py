"""What the bounds of few-shot error read of each class: means, and moments about them up to the fourth."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int

from boundcheck.errors import InputError

ENTRIES = 1 << 18  # of instances, and of them against class means, held at a time: they stay in a cache


@dataclass(frozen=True, eq=False)
class ClassMoments:
    """Moments of the class distributions, the data taken as the population.

    With e = x - mu_i for x of class i, Sigma_i = E e e^T and D_ij = mu_j - mu_i. Units are those of x; on the unit
    sphere every squared length is at most 4.

    Attributes:
        mean: (c, d) mu_i.
        variance: (c,) v_i = E|e|^2.
        fourth: (c,) theta_i = E|e|^4.
        distance2: (c, c) |D_ij|^2.
        along: (c, c) D_ij^T Sigma_i D_ij: the variance of class i along the line to class j, times |D_ij|^2.
        across: (c, c) D_ij^T Sigma_j D_ij, the same for the other class.
        overlap: (c, c) tr(Sigma_i Sigma_j).
        skew: (c, c) E <D_ij, e> |e|^2 for e of class j.
        radii: of each class, its |e| in ascending order.
        error: (c,) share of each class's x that another class's mean is at least as near to: the error of the
            classifier by the classes' own means.
    """

    mean: Float[np.ndarray, "c d"]
    variance: Float[np.ndarray, " c"]
    fourth: Float[np.ndarray, " c"]
    distance2: Float[np.ndarray, "c c"]
    along: Float[np.ndarray, "c c"]
    across: Float[np.ndarray, "c c"]
    overlap: Float[np.ndarray, "c c"]
    skew: Float[np.ndarray, "c c"]
    radii: tuple[np.ndarray, ...]
    error: Float[np.ndarray, " c"]

    @property
    def c(self) -> int:
        """Number of classes."""
        return len(self.mean)

    @property
    def cdnv(self) -> Float[np.ndarray, "c c"]:
        """V_ij = (v_i + v_j) / |D_ij|^2: twice the class-distance normalised variance; infinite on the diagonal."""
        return per_distance(self.variance[:, None] + self.variance[None], self.distance2)

    @property
    def directional_cdnv(self) -> Float[np.ndarray, "c c"]:
        """V~_ij = Var(<x, u_ij>) / |D_ij|^2 for x of class i, u_ij the unit vector towards class j."""
        return per_distance(self.along, np.square(self.distance2))


def class_moments(x: Float[np.ndarray, "n d"], y: Int[np.ndarray, " n"], *, overlaps: bool = True) -> ClassMoments:
    """The moments of every class.

    Args:
        x: (n, d) features.
        y: (n,) class codes 0..c-1, each with at least one instance.
        overlaps: whether those of the covariances, and the skewness, are wanted, which take most of the time and
            matter for means of a finite number of shots alone; zeros otherwise.

    Raises:
        InputError: there are fewer than two classes, or a code is without instances.
    """
    from scipy.spatial.distance import pdist, squareform  # a tenth of a second that most runs need not spend

    counts = np.bincount(y)
    if len(counts) < 2 or counts.min() < 1:
        raise InputError(f"y: needs two or more classes, each with an instance, received counts {counts.tolist()}")
    starts, x = np.cumsum(counts) - counts, np.asarray(x[np.argsort(y, kind="stable")], dtype=np.float64)
    mean = np.add.reduceat(x, starts) / counts[:, None]
    # Points that differ by rounding alone are one: of two means so near each other neither is the nearer.
    rounding = 1e-12 * max(x.max(), -x.min())
    for i in range(len(mean) - 1):
        near = i + 1 + np.flatnonzero(np.abs(mean[i + 1 :, 0] - mean[i, 0]) <= rounding)  # few, which saves most work
        mean[near[np.abs(mean[near] - mean[i]).max(1) <= rounding]] = mean[i]
    distance2 = squareform(pdist(mean, "sqeuclidean"))
    centred, square, error = [], np.empty(len(x)), np.empty(len(mean))
    # x is at least as near to another mean where <e, D> >= |D|^2 / 2, as it is to one that is the same as its own.
    halfway = np.where(distance2 > 0, distance2 / 2, -np.inf)
    np.fill_diagonal(halfway, np.inf)
    along, skew, overlap = (np.zeros(distance2.shape) for _ in range(3))
    for first, last in _blocks(counts, ENTRIES // max(mean.shape)):
        rows = slice(starts[first], starts[last - 1] + counts[last - 1])
        edges = starts[first + 1 : last] - rows.start
        e = x[rows] - np.repeat(mean[first:last], counts[first:last], axis=0)
        e[np.abs(e) <= rounding] = 0.0
        square[rows] = np.einsum("kd,kd->k", e, e)
        for i, towards in enumerate(np.split(e @ mean.T, edges), first):
            towards -= towards[:, i, None]  # <e, D_ij> for e of class i
            along[i] = np.einsum("kc,kc->c", towards, towards) / counts[i]
            error[i] = (towards >= halfway[i]).any(1).mean()
            if overlaps:
                skew[:, i] = -square[starts[i] : starts[i] + counts[i]] @ towards / counts[i]  # D_ji = -D_ij
        if overlaps:
            centred += np.split(e, edges)
    along[distance2 == 0] = 0.0
    for i, own in enumerate(centred):
        covariance = own.T @ own / len(own)
        overlap[i] = [np.einsum("kd,kd->", other @ covariance, other) / len(other) for other in centred]
    return ClassMoments(
        mean=mean,
        variance=np.add.reduceat(square, starts) / counts,
        fourth=np.add.reduceat(np.square(square), starts) / counts,
        distance2=distance2,
        along=along,
        across=along.T.copy(),
        overlap=overlap,
        skew=skew,
        radii=tuple(np.sqrt(np.sort(some)) for some in np.split(square, starts[1:])),
        error=error,
    )


def _blocks(counts: Int[np.ndarray, " c"], most: int) -> list[tuple[int, int]]:
    """Consecutive classes [first, last) of so many instances at most together, or of one that has more."""
    edges, held = [0], 0
    for i, count in enumerate(counts.tolist()):
        if held and held + count > most:
            edges.append(i)
            held = 0
        held += count
    return list(pairwise([*edges, len(counts)]))


def per_distance(values: Float[np.ndarray, "c c"], distance: Float[np.ndarray, "c c"]) -> Float[np.ndarray, "c c"]:
    """values / distance, infinite where classes share their mean."""
    out = np.full(values.shape, np.inf)
    np.divide(values, distance, out=out, where=distance > 0)
    return out
