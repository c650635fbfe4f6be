"""Measured few-shot error against loops and closed forms, and the bounds beside it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.stats import norm

import boundcheck as bc
from boundcheck.bounds import BOUNDS, class_moments
from boundcheck.downstream_error import Downstream
from boundcheck.downstream_error.beside import halves
from boundcheck.downstream_error.few_shot import few_shot_errors
from boundcheck.errors import InputError
from boundcheck.inference.delete_group import delete_group
from boundcheck.report.downstream_figure import LINES, draw_downstream


def gaussians(n: int, c: int = 3, d: int = 5, apart: float = 2.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    y = np.arange(n) % c
    return apart * np.eye(c, d)[y] + np.random.default_rng(seed).standard_normal((n, d)), y


def test_by_loops() -> None:
    x, y = gaussians(60)
    keys = np.random.default_rng(1).random((4, 60))
    errors, pairs = few_shot_errors(x, y, (1, 3), keys)
    for s, m in enumerate((1, 3)):
        wrong, nearer = [], np.zeros((3, 3))
        for key in keys:
            members = [np.flatnonzero(y == c)[np.argsort(key[y == c])] for c in range(3)]
            means = [x[mine[:m]].mean(0) for mine in members]
            by_class = []
            for i, mine in enumerate(members):
                queries = x[mine[3:]]  # outside the largest draw
                distance = np.stack([np.linalg.norm(queries - mean, axis=1) for mean in means], 1)
                by_class.append(np.mean(np.delete(distance, i, 1).min(1) <= distance[:, i]))
                for j in set(range(3)) - {i}:
                    nearer[i, j] += np.mean(distance[:, j] <= distance[:, i]) / len(keys)
            wrong.append(np.mean(by_class))
        assert errors[s] == pytest.approx(np.mean(wrong))
        np.testing.assert_allclose(pairs[s], nearer)


def test_many_shots_of_two_gaussians_approach_the_known_error() -> None:
    x, y = gaussians(8000, c=2, apart=math.sqrt(2))  # means at distance 2
    errors, _ = few_shot_errors(x, y, (1, 1000), np.random.default_rng(1).random((10, 8000)))
    assert errors[1] == pytest.approx(norm.cdf(-1), abs=0.01) and errors[0] > errors[1] + 0.05


def test_halves_share_no_instance_and_hold_every_class() -> None:
    y = np.repeat([0, 1, 2], [10, 11, 7])
    first = halves(y, np.random.default_rng(0))
    assert np.abs(2 * np.bincount(y[first]) - np.bincount(y)).max() <= 1


@pytest.fixture(scope="module")
def result() -> Downstream:
    x, y = gaussians(480, apart=5.0)
    return bc.downstream(bc.EmbeddingSet(x, y, normalize=False), shots=(1, 5, 20), episodes=10, groups=5)


def test_bounds_beside_errors(result: Downstream) -> None:
    frame = result.to_frame().set_index("shots")
    assert list(frame.index) == [1, 5, 20, math.inf] and list(frame.columns) == ["measured", *BOUNDS]
    for name in BOUNDS:
        assert (frame[name] > frame.measured).all()
        assert frame[name].is_monotonic_decreasing
    says = result.bounds.set_index(["bound", "shots"]).says
    assert says["cdnv", 1.0] == "vacuous" and says["second_moments", math.inf] == "informative"
    shares = result.bounds.dominant_share.dropna()
    assert shares.between(0, 1).all() and len(shares) == 20
    assert (result.measured.ci_low <= result.measured.error).all()
    assert (result.measured.error <= result.measured.ci_high).all() and (result.measured.ci_high > 0).all()
    assert set(result.measured.classifier) == {"nearest class mean", "linear probe"}
    assert len(result.pairs) == 3 and (result.pairs.second_moments > result.pairs.error).all()
    assert result.instances == (240, 240) and "<table" in result._repr_html_()


@pytest.mark.slow
def test_least_of_shares_has_both_ends_of_its_bias() -> None:
    """Theory, eq. (98): the plug-in is low by the choice of the least, by up to twice the correction."""
    x, y = gaussians(160, apart=3.0)
    result = bc.downstream(bc.EmbeddingSet(x, y, normalize=False), shots=(5,), episodes=2)
    shown = result.bounds[result.bounds.bound == "ball"].set_index("shots").loc[math.inf]
    first = halves(y, np.random.default_rng(0))
    half_x, half_y = x[first], y[first]

    def of(keep: np.ndarray) -> np.ndarray:
        return np.array([BOUNDS["ball"].error(class_moments(half_x[keep], half_y[keep]), math.inf)])

    (estimate,) = delete_group(of, half_y)
    assert estimate.value > estimate.plugin == shown.value
    low, high = estimate.interval(0.95)
    assert shown.ci_low == pytest.approx(low - (estimate.value - estimate.plugin))
    assert shown.ci_high == pytest.approx(high + (estimate.value - estimate.plugin))


def test_the_figure_has_every_bound_and_hollow_marks_where_it_says_nothing(result: Downstream) -> None:
    ax = Figure().subplots()
    draw_downstream(ax, result.bounds, result.measured, result.classes)
    for name, rows in result.bounds.sort_values("shots").groupby("bound"):
        colour = LINES[str(name)][0]
        line, *marks = (drawn for drawn in ax.get_lines() if drawn.get_color() == colour or drawn.get_mec() == colour)
        np.testing.assert_allclose(line.get_ydata(), rows.value)
        hollow = [mark for mark in marks if mark.get_mfc() == "white"]
        assert sum(len(mark.get_ydata()) for mark in hollow) == (rows.value >= 1).sum()
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1", "20", "∞"]


def test_chance_level() -> None:
    rng = np.random.default_rng(0)
    emb = bc.EmbeddingSet(rng.standard_normal((320, 1, 4)), np.arange(320) % 2)
    result = bc.downstream(emb, shots=(5,), episodes=10, groups=5)
    measured = result.measured.iloc[0]
    assert measured.ci_low < 0.5 < measured.ci_high
    assert set(result.bounds.says) <= {"vacuous", "no more than chance"}


def test_cross_entropy_beside_its_bounds() -> None:
    x, y = gaussians(90, apart=4.0)
    frame = bc.cross_entropy_bounds(bc.EmbeddingSet(x, y), temperature=0.5)
    above, below = (frame[frame.side == side] for side in ("above", "below"))
    assert {"bao_upper", "wang_upper"} <= set(above.bound) and {"bao_lower", "wang_lower"} == set(below.bound)
    assert (above.bound_value >= above.cross_entropy).all() and (below.bound_value <= below.cross_entropy).all()
    assert frame.cross_entropy.std() == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(above.error_bound, above.bound_value / math.log(2))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (dict(shots=()), "shots"),
        (dict(shots=(100,)), "fewer shots"),
        (dict(episodes=0), "episodes"),
        (dict(confidence=2.0), "confidence"),
    ],
)
def test_refusals(options: dict, said: str) -> None:
    x, y = gaussians(60)
    with pytest.raises(InputError, match=said):
        bc.downstream(bc.EmbeddingSet(x, y), **options)
