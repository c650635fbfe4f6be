"""Each bound is never below the exact expected error; versions with a wrong constant are."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from boundcheck.bounds import BOUNDS, ClassMoments, class_moments
from boundcheck.bounds.second_moments import gap_moments
from boundcheck.errors import InputError
from tests.bounds.enumeration import exact_error, rare_outlier, sideways, small_population

SHOTS = (1, 2, 3, math.inf)


@pytest.mark.slow
def test_never_below_the_exact_error() -> None:
    rng = np.random.default_rng(0)
    informative = dict.fromkeys(BOUNDS, 0)
    for _ in range(60):
        x, y = small_population(rng)
        moments = class_moments(x, y)
        for m in SHOTS if y.max() == 1 else (1, 2, math.inf):
            error = exact_error(x, y, m)
            for bound in BOUNDS.values():
                value = bound.error(moments, m)
                assert value >= error - 1e-9, (bound.id, m, error, value)
                informative[bound.id] += value < 1
    assert min(informative.values()) > 10  # each was put to the test where it says something


def test_the_error_by_the_means_of_the_classes_is_the_literal_one() -> None:
    rng = np.random.default_rng(3)
    for trial in range(20):
        x, y = small_population(rng)
        if trial % 2:  # a class that shares its mean with the first: always a tie
            x, y = np.concatenate([x, x[y == 0]]), np.concatenate([y, np.full((y == 0).sum(), y.max() + 1)])
        assert class_moments(x, y, overlaps=False).error.mean() == pytest.approx(exact_error(x, y, math.inf), abs=1e-12)


@pytest.mark.parametrize("population", [rare_outlier, sideways])
@pytest.mark.parametrize("m", [1, 2, 3, math.inf])
def test_extremes(population: Callable[[], tuple[np.ndarray, np.ndarray]], m: float) -> None:
    x, y = population()
    error, moments = exact_error(x, y, m), class_moments(x, y)
    assert all(bound.error(moments, m) >= error - 1e-9 for bound in BOUNDS.values())


def scaled(bound: str, part: str, factor: float) -> Callable[[ClassMoments, float], float]:
    """The bound with one of its parts multiplied."""
    return lambda moments, m: sum(
        value * (factor if name == part else 1.0) for name, value in BOUNDS[bound].parts(moments, m).items()
    )


def smaller_ball(moments: ClassMoments, m: float) -> float:
    """The ball of twice the radius that the triangle inequality allows."""
    outside = [np.mean(radii >= math.sqrt(moments.distance2[i, 1 - i])) for i, radii in enumerate(moments.radii)]
    return float(np.mean(outside))


TOWARDS, NOISE = "variance towards the other class", "noise of the means"
FALSE = {
    "directional, 2 V~ for 4 V~": (rare_outlier, math.inf, scaled("directional", TOWARDS, 0.5)),
    "directional, without the noise": (sideways, 1, scaled("directional", NOISE, 0.0)),
    "markov, 1 for 1/2": (rare_outlier, math.inf, scaled("directional_markov", TOWARDS, 0.25)),
    "markov, without the noise": (sideways, 1, scaled("directional_markov", NOISE, 0.0)),
    "cdnv, 3 for 4": (rare_outlier, math.inf, scaled("cdnv", "spread of the class", 3 / 4)),
    "second moments, half the variance": (rare_outlier, math.inf, scaled("second_moments", TOWARDS, 0.5)),
    "second moments, without the noise": (sideways, 1, scaled("second_moments", NOISE, 0.0)),
    "ball of twice the radius": (rare_outlier, math.inf, smaller_ball),
}


@pytest.mark.parametrize("name", FALSE)
def test_false_variants_are_violated(name: str) -> None:
    population, m, wrong = FALSE[name]
    x, y = population()
    assert wrong(class_moments(x, y), m) < exact_error(x, y, m) - 1e-6


def test_the_exact_moments_are_those_of_every_outcome() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.exponential(size=(6, 2)), np.array([0, 0, 0, 1, 1, 1])
    first, second = x[:3], x[3:]
    draws = np.stack(np.meshgrid(*[np.arange(3)] * 5, indexing="ij"), -1).reshape(-1, 5)
    e, a, b = first[draws[:, 0]], first[draws[:, 1:3]].mean(1), second[draws[:, 3:]].mean(1)
    gap = np.square(e - b).sum(1) - np.square(e - a).sum(1)
    mean, parts = gap_moments(class_moments(x, y), 2)
    assert mean[0, 1] == pytest.approx(gap.mean())
    assert sum(parts.values())[0, 1] == pytest.approx(gap.var())


def test_second_moments_never_exceed_the_theorem_they_sharpen() -> None:
    rng = np.random.default_rng(2)
    off = ~np.eye(3, dtype=bool)
    for _ in range(50):
        moments = class_moments(rng.standard_normal((30, 4)) + 3 * np.eye(3, 4)[np.arange(30) % 3], np.arange(30) % 3)
        for m in (1, 5, 50, math.inf):
            sharper, theorem = (BOUNDS[name].pairs(moments, m)[off] for name in ("second_moments", "directional"))
            assert (sharper <= theorem + 1e-12).all()


def test_classes_of_one_mean_have_no_finite_bound_by_distance() -> None:
    moments = class_moments(np.array([[1.0], [-1.0], [2.0], [-2.0]]), np.array([0, 0, 1, 1]))
    for name in ("directional", "directional_markov", "cdnv"):
        assert BOUNDS[name].error(moments, math.inf) == math.inf
    assert BOUNDS["second_moments"].error(moments, math.inf) == 1 and BOUNDS["ball"].error(moments, 5) == 1


def test_one_class_is_refused() -> None:
    with pytest.raises(InputError, match="two or more classes"):
        class_moments(np.ones((3, 2)), np.zeros(3, dtype=int))


def test_cdnv_is_at_most_what_markov_gives_for_each_length_alone() -> None:
    """6/16 of 16 (v_i + (v_i + v_j) / m) / d^2, the constant before Minkowski's inequality."""
    rng = np.random.default_rng(3)
    for _ in range(40):
        moments = class_moments(*small_population(rng))
        v = moments.variance
        for m in (1, 2, math.inf):
            off = ~np.eye(moments.c, dtype=bool) & (moments.distance2 > 0)
            each = 16 * (v[:, None] + (v[:, None] + v[None]) / m)[off] / moments.distance2[off]
            assert (BOUNDS["cdnv"].pairs(moments, m)[off] <= 6 / 16 * each + 1e-9).all()
