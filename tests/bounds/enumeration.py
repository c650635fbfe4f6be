"""The error of the nearest class mean, exactly: every outcome of the draws from a small population, written out."""

from __future__ import annotations

import itertools
import math

import numpy as np


def means_of_draws(atoms: np.ndarray, m: float) -> list[tuple[float, np.ndarray]]:
    """(probability, mean) of every multiset of m draws from equally likely atoms; m = inf is the mean itself."""
    if math.isinf(m):
        return [(1.0, atoms.mean(0))]
    places, counts = np.unique(atoms, axis=0, return_counts=True)
    p = counts / counts.sum()
    out = []
    for chosen in itertools.combinations_with_replacement(range(len(places)), int(m)):
        times = np.bincount(chosen, minlength=len(places))
        orders = math.factorial(int(m)) / math.prod(math.factorial(t) for t in times)
        out.append((orders * float((p**times).prod()), times @ places / m))
    return out


def exact_error(x: np.ndarray, y: np.ndarray, m: float, tolerance: float = 1e-9) -> float:
    """Mean over classes of P(some other class's mean is at least as near); ties are errors."""
    classes = [x[y == c] for c in range(y.max() + 1)]
    outcomes = list(itertools.product(*[means_of_draws(atoms, m) for atoms in classes]))
    chance = np.array([math.prod(p for p, _ in outcome) for outcome in outcomes])
    means = np.array([[mean for _, mean in outcome] for outcome in outcomes])  # (o, c, d)
    errors = []
    for c, atoms in enumerate(classes):
        distance = np.square(atoms[None, :, None] - means[:, None]).sum(3)  # (o, k, c)
        nearest_other = np.delete(distance, c, axis=2).min(2)
        errors.append(chance @ (nearest_other <= distance[:, :, c] + tolerance).mean(1))
    return float(np.mean(errors))


def small_population(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two or three classes of one to three atoms: anywhere, about their class, or in heaps with a rare outlier."""
    classes, d = int(rng.integers(2, 4)), int(rng.integers(1, 4))
    y = np.concatenate([np.full(rng.integers(1, 4), c) for c in range(classes)])
    centre = rng.standard_normal((classes, d)) * rng.choice([0.5, 2.0, 6.0])
    x = centre[y] + rng.standard_normal((len(y), d)) * rng.choice([0.05, 0.5, 1.0])
    return x, y


def rare_outlier(heap: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Chebyshev's extreme: one of many points of class 0 lies half way to class 1, which is one place."""
    x = np.zeros((heap + 1, 2))
    x[0, 0] = 1.0  # the class mean is at 1 / heap: the middle between the means lies just this side of it
    x[heap] = (2 - 1 / heap, 0)
    return x, np.array([0] * heap + [1])


def sideways() -> tuple[np.ndarray, np.ndarray]:
    """Two classes spread across the line between their means alone: only the noise of the means makes errors."""
    return np.array([[0, 3.0], [0, -3.0], [1, 3.0], [1, -3.0]]), np.array([0, 0, 1, 1])
