"""What the bounds of few-shot error read of each class: means, and moments about them up to the fourth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from boundcheck.errors import InputError


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
        overlaps: whether those of the covariances are wanted, which take most of the time and matter for means of a
            finite number of shots alone; zeros otherwise.

    Raises:
        InputError: there are fewer than two classes, or a code is without instances.
    """
    counts = np.bincount(y)
    if len(counts) < 2 or counts.min() < 1:
        raise InputError(f"y: needs two or more classes, each with an instance, received counts {counts.tolist()}")
    order = np.argsort(y, kind="stable")
    parts = np.split(np.asarray(x[order], dtype=np.float64), np.cumsum(counts)[:-1])
    mean = np.stack([part.mean(0) for part in parts])
    # Points that differ by rounding alone are one: of two means so near each other neither is the nearer.
    rounding = 1e-12 * max(x.max(), -x.min())
    for i in range(len(mean)):
        near = i + 1 + np.flatnonzero(np.abs(mean[i + 1 :, 0] - mean[i, 0]) <= rounding)  # few, which saves most work
        mean[near[np.abs(mean[near] - mean[i]).max(1) <= rounding]] = mean[i]
    centred = [_centred(part, mu, rounding) for part, mu in zip(parts, mean, strict=True)]
    squares = [np.einsum("kd,kd->k", e, e) for e in centred]
    distance2, along, skew, overlap = (np.zeros((len(counts), len(counts))) for _ in range(4))
    for i, (e, square) in enumerate(zip(centred, squares, strict=True)):
        between = mean - mean[i]  # (c, d), D_ij
        distance2[i] = np.einsum("cd,cd->c", between, between)
        towards = e @ between.T  # (k, c)
        along[i] = np.square(towards).mean(0)
        skew[:, i] = -(towards * square[:, None]).mean(0)  # D_ji = -D_ij
        if overlaps:
            covariance = e.T @ e / len(e)
            overlap[i] = [np.einsum("kd,kd->", other @ covariance, other) / len(other) for other in centred]
    return ClassMoments(
        mean=mean,
        variance=np.array([square.mean() for square in squares]),
        fourth=np.array([np.square(square).mean() for square in squares]),
        distance2=distance2,
        along=along,
        across=along.T.copy(),
        overlap=overlap,
        skew=skew,
        radii=tuple(np.sqrt(np.sort(square)) for square in squares),
    )


def _centred(part: Float[np.ndarray, "k d"], mean: Float[np.ndarray, " d"], rounding: float) -> np.ndarray:
    """(k, d) what is left of the mean, but for rounding."""
    out: np.ndarray = part - mean
    out[np.abs(out) <= rounding] = 0.0
    return out


def per_distance(values: Float[np.ndarray, "c c"], distance: Float[np.ndarray, "c c"]) -> Float[np.ndarray, "c c"]:
    """values / distance, infinite where classes share their mean."""
    out = np.full(values.shape, np.inf)
    np.divide(values, distance, out=out, where=distance > 0)
    return out
