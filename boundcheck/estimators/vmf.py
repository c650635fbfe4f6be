"""Closed forms: mixtures of von Mises-Fisher classes, and neural collapse, with their exact large-negative limits.

For a class with density vMF(mu, kappa) on the unit sphere (docs/theory.md, eq. (46) and eq. (47)),

    log E e^{g <x, z> / tau} = log C_d(kappa) - log C_d(|kappa mu + g x / tau|),
    log C_d(k) = (d/2 - 1) log k - (d/2) log 2 pi - log I_{d/2-1}(k),

so K_same, K_diff and K_all of an anchor x are known without sampling: the reference for bias and coverage. A class may
be a mixture itself; infinite concentration is a point, and points on a simplex are neural collapse.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ive, logsumexp

from boundcheck.errors import InputError

Array = NDArray[np.float64]

# Debye's polynomials u_1..u_4 of the uniform expansion of I_nu (DLMF 10.41.10), by powers of p from low to high.
_DEBYE = (
    ((1, 3), (3 / 24, -5 / 24)),
    ((2, 4, 6), (81 / 1152, -462 / 1152, 385 / 1152)),
    ((3, 5, 7, 9), (30375 / 414720, -369603 / 414720, 765765 / 414720, -425425 / 414720)),
    (
        (4, 6, 8, 10, 12),
        (4465125 / 39813120, -94121676 / 39813120, 349922430 / 39813120, -446185740 / 39813120, 185910725 / 39813120),
    ),
)
_LARGE_ORDER = 50.0
# Spacing of the knots between which many normalisers are interpolated: good to 1e-9 nats in any dimension.
_SPACING = 0.02


def log_bessel(order: float, x: Array) -> Array:
    """log I_order(x) for x > 0, any shape; relative error below 1e-9 for order up to thousands and x up to 1e6.

    scipy's scaled function underflows for small x, where the power series takes over, and for large orders, where
    Debye's uniform expansion (DLMF 10.41.3) does, at 50.
    """
    x = np.asarray(x, dtype=np.float64)
    if order < _LARGE_ORDER:
        quarter = x * x / 4 / (order + 1)
        leading = order * np.log(x / 2) - math.lgamma(order + 1) + np.log1p(quarter)  # DLMF 10.25.2, two terms
        small = quarter < 1e-5
        return np.asarray(np.where(small, leading, np.log(ive(order, np.where(small, 1.0, x))) + x))
    z = x / order
    root = np.sqrt(1 + z * z)
    p = 1 / root
    series = 1 + sum(
        sum(c * p**power for power, c in zip(powers, coefficients, strict=True)) / order ** (k + 1)
        for k, (powers, coefficients) in enumerate(_DEBYE)
    )
    eta = root + np.log(z / (1 + root))
    return np.asarray(order * eta - 0.5 * np.log(2 * np.pi * order) - 0.5 * np.log(root) + np.log(series))


def log_normaliser(dim: int, kappa: Array) -> Array:
    """log C_d(kappa), kappa > 0, any shape."""
    order = dim / 2 - 1
    kappa = np.asarray(kappa, dtype=np.float64)
    return np.asarray(order * np.log(kappa) - dim / 2 * math.log(2 * math.pi) - log_bessel(order, kappa))


def _log_normalisers(dim: int, kappa: Array) -> Array:
    """log C_d of many values (a,), interpolated where fewer knots than values do."""
    low, high = float(kappa.min()), float(kappa.max())
    knots = int((high - low) / _SPACING) + 8
    if 2 * knots > len(kappa) or high - low < 1e-9:
        return log_normaliser(dim, kappa)
    grid = np.linspace(low, high, knots)
    from scipy.interpolate import CubicSpline  # half a second to import

    return np.asarray(CubicSpline(grid, log_normaliser(dim, grid))(kappa))


@dataclass(frozen=True)
class VmfMixture:
    """Components vMF(means[j], kappa[j]) with their shares of the population and the classes they belong to.

    Args:
        means: (m, d) unit vectors.
        kappa: concentration > 0 of each component (m,), or one for all; inf is a point.
        share: (m,) probabilities of the components; None means equal ones.
        labels: (m,) class code of each component, 0 to c - 1; None means a class each.

    Raises:
        InputError: an array breaks one of these rules.
    """

    means: Array
    kappa: Array | float
    share: Array | None = None
    labels: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        m, d = self.means.shape
        kappa = np.broadcast_to(np.asarray(self.kappa, dtype=np.float64), (m,))
        share = np.full(m, 1 / m) if self.share is None else np.asarray(self.share, dtype=np.float64)
        labels = np.arange(m) if self.labels is None else np.asarray(self.labels, dtype=np.int64)
        if not (kappa > 0).all():
            raise InputError(f"kappa: must be > 0, received {kappa.min():g}")
        if d < 2 and np.isfinite(kappa).any():
            raise InputError(f"dim: finite kappa needs dim >= 2, received {d}")
        if not np.allclose(np.linalg.norm(self.means, axis=1), 1, atol=1e-6):
            raise InputError("means: must be unit vectors; divide each by its norm")
        if share.shape != (m,) or not (share > 0).all() or not math.isclose(share.sum(), 1, rel_tol=1e-9):
            raise InputError(f"share: must be {m} probabilities > 0 that sum to 1, received {share.tolist()}")
        if labels.shape != (m,) or set(labels.tolist()) != set(range(labels.max() + 1)) or labels.max() < 1:
            raise InputError(f"labels: must be {m} class codes 0, 1, ... of two classes or more")
        for name, value in (("kappa", kappa), ("share", share), ("labels", labels)):
            object.__setattr__(self, name, value)

    @property
    def classes(self) -> int:
        """C."""
        return int(self._labels.max()) + 1

    @property
    def dim(self) -> int:
        """D."""
        return int(self.means.shape[1])

    @property
    def prior(self) -> Array:
        """(c,) class probabilities."""
        return np.asarray(np.bincount(self._labels, self._share), dtype=np.float64)

    def balanced(self) -> VmfMixture:
        """The same classes, each with the same probability."""
        return VmfMixture(self.means, self.kappa, self._share / self.prior[self._labels] / self.classes, self.labels)

    def sample(self, component: NDArray[np.int64], rng: np.random.Generator) -> Array:
        """One point of each component named, (n, d)."""
        return sample_vmf(self.means[component], self._kappa[component], rng)

    def log_masses(self, x: Array, y: NDArray[np.int64], gamma: float, temperature: float) -> Array:
        """log sum over the classes P of share times E e^{gamma <x, z> / temperature}, P = same and diff, (a, 2) nats.

        Args:
            x: (a, d) anchors.
            y: (a,) their classes.
            gamma: order of the moment.
            temperature: tau.
        """
        s, cosine = gamma / temperature, x @ self.means.T  # (a, m)
        terms = s * cosine if s else np.zeros_like(cosine)
        for j in np.flatnonzero(np.isfinite(self._kappa) & (s != 0)):
            kappa = self._kappa[j]
            tilted = np.sqrt(np.maximum(kappa**2 + s**2 + 2 * kappa * s * cosine[:, j], 1e-18))
            terms[:, j] = log_normaliser(self.dim, np.array(kappa)) - _log_normalisers(self.dim, tilted)
        terms += np.log(self._share)
        own = self._labels[None] == y[:, None]
        return np.stack([logsumexp(np.where(mask, terms, -np.inf), axis=1) for mask in (own, ~own)], axis=1)

    def largest_logits(self, x: Array, y: NDArray[np.int64], temperature: float) -> Array:
        """Largest logit that same and diff can reach from each anchor, (a, 2): rho as beta -> inf."""
        cosine = np.where(np.isinf(self._kappa), x @ self.means.T, 1.0) / temperature
        own = self._labels[None] == y[:, None]
        return np.stack([np.where(mask, cosine, -np.inf).max(axis=1) for mask in (own, ~own)], axis=1)

    def cumulants(self, x: Array, y: NDArray[np.int64], gamma: float, temperature: float) -> dict[str, Array]:
        """K_P(gamma; x) for the pools same, diff and all of anchors x (a, d) of classes y (a,), nats."""
        masses, own = self.log_masses(x, y, gamma, temperature), self.prior[y]
        return {
            "same": masses[:, 0] - np.log(own),
            "diff": masses[:, 1] - np.log1p(-own),
            "all": np.logaddexp(masses[:, 0], masses[:, 1]),
        }

    def rho(self, x: Array, y: NDArray[np.int64], beta: float, temperature: float) -> dict[str, Array]:
        """rho_P(beta; x) = K_P(1 + beta) - K_P(beta) for each pool, (a,) nats."""
        upper, lower = (self.cumulants(x, y, g, temperature) for g in (1 + beta, beta))
        return {pool: upper[pool] - lower[pool] for pool in upper}

    @property
    def _kappa(self) -> Array:
        return np.asarray(self.kappa)

    @property
    def _share(self) -> Array:
        return np.asarray(self.share)

    @property
    def _labels(self) -> NDArray[np.int64]:
        return np.asarray(self.labels)


def simplex(classes: int, dim: int) -> Array:
    """(classes, dim) vertices of a centred regular simplex on the unit sphere: neural collapse's class means.

    Raises:
        InputError: dim < classes - 1.
    """
    if dim < classes - 1:
        raise InputError(f"dim: a simplex of {classes} vertices needs dim >= {classes - 1}, received {dim}")
    centred = np.eye(classes) - 1 / classes
    basis = np.linalg.svd(centred)[2][: classes - 1]  # rows span the hyperplane of zero sum
    vertices = np.zeros((classes, dim))
    vertices[:, : classes - 1] = centred @ basis.T
    return np.asarray(vertices / np.linalg.norm(vertices, axis=1, keepdims=True))


def sample_vmf(means: Array, kappa: Array | float, rng: np.random.Generator) -> Array:
    """One draw from vMF(means[i], kappa[i]) for each row, (n, d): Wood's rejection sampler (1994)."""
    n, d = means.shape
    kappa = np.broadcast_to(np.asarray(kappa, dtype=np.float64), (n,))
    points = means.copy()
    spread = np.flatnonzero(np.isfinite(kappa))
    if len(spread) == 0:
        return points
    w = _cosines(d, kappa[spread], rng)
    tangent = rng.standard_normal((len(spread), d))
    tangent -= (tangent * means[spread]).sum(1, keepdims=True) * means[spread]
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    moved = w[:, None] * means[spread] + np.sqrt(np.maximum(1 - w**2, 0))[:, None] * tangent
    points[spread] = moved / np.linalg.norm(moved, axis=1, keepdims=True)
    return points


def _cosines(d: int, kappa: Array, rng: np.random.Generator) -> Array:
    """Cosines with the mean, one for each concentration, (n,)."""
    b = (d - 1) / (2 * kappa + np.sqrt(4 * kappa**2 + (d - 1) ** 2))
    x0 = (1 - b) / (1 + b)
    c = kappa * x0 + (d - 1) * (np.log(4 * b) - 2 * np.log1p(b))  # log(1 - x0^2) without cancellation
    w = np.empty(len(kappa))
    todo = np.arange(len(kappa))
    while len(todo):
        beta = rng.beta((d - 1) / 2, (d - 1) / 2, len(todo))
        proposal = (1 - (1 + b[todo]) * beta) / (1 - (1 - b[todo]) * beta)
        height = kappa[todo] * proposal + (d - 1) * np.log1p(-x0[todo] * proposal) - c[todo]
        accepted = height >= np.log(rng.random(len(todo)))
        w[todo[accepted]] = proposal[accepted]
        todo = todo[~accepted]
    return w
