import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from boundcheck.errors import InputError
from boundcheck.lab.training.probes import (
    accuracy,
    knn_probe,
    linear_probe,
    mean_probe,
    paired_test,
    probe,
    rank_of_label,
)


def blobs(seed: int, n: int = 240, c: int = 4, d: int = 6, spread: float = 1.5):
    """Training and test features of Gaussian classes, with columns of very different scale."""
    rng = np.random.default_rng(seed)
    means = rng.normal(size=(c, d))
    y = rng.integers(0, c, 2 * n)
    y[: 2 * c] = np.repeat(np.arange(c), 2)
    x = (means[y] + spread * rng.normal(size=(2 * n, d))) * 10.0 ** np.arange(-2, d - 2)
    return x[:n].astype(np.float32), y[:n], x[n:].astype(np.float32), y[n:]


def test_linear_is_scikit_learns_regression_on_standardised_features():
    x, y, x_test, _ = blobs(0)
    scaler = StandardScaler().fit(x)
    reference = LogisticRegression(C=0.1, max_iter=2000).fit(scaler.transform(x), y)
    expected = reference.decision_function(scaler.transform(x_test))
    np.testing.assert_allclose(linear_probe(x, y, x_test, strengths=[0.1]), expected, atol=5e-3)


def test_linear_takes_the_strength_that_is_best_on_the_validation_split():
    rng = np.random.default_rng(1)
    y = np.arange(80) % 2
    x = rng.normal(size=(80, 60)).astype(np.float32)  # almost as many features as instances, few of them of use
    x[:, :8] += 0.7 * y[:, None]
    strengths = [1e-3, 1e3]
    rows, held = train_test_split(np.arange(80), test_size=0.2, random_state=0, stratify=y)
    scaled = StandardScaler().fit_transform(x)
    scores = [
        LogisticRegression(C=C, max_iter=5000).fit(scaled[rows], y[rows]).score(scaled[held], y[held])
        for C in strengths
    ]
    assert scores[0] != scores[1]
    best = strengths[int(np.argmax(scores))]
    np.testing.assert_allclose(
        linear_probe(x, y, x, strengths=strengths), linear_probe(x, y, x, strengths=[best]), atol=5e-2
    )


@pytest.mark.parametrize("each", [1, 2, 3])
def test_linear_of_classes_too_small_to_be_split(each):
    y = np.repeat(np.arange(12), each)
    rng = np.random.default_rng(0)
    x = np.eye(12)[y] + 0.01 * rng.standard_normal((len(y), 12))
    assert (linear_probe(x, y, np.eye(12)).argmax(1) == np.arange(12)).all()


def test_linear_with_two_classes_scores_both():
    x, y, x_test, y_test = blobs(2, c=2)
    scores = linear_probe(x, y, x_test)
    assert scores.shape == (len(x_test), 2)
    np.testing.assert_array_equal(scores[:, 0], -scores[:, 1])
    assert (scores.argmax(1) == y_test).mean() > 0.6


def test_knn_is_the_authors_vote():
    x, y, x_test, _ = blobs(3)
    unit, unit_test = (a / np.linalg.norm(a, axis=1, keepdims=True) for a in (x, x_test))
    expected = np.zeros((len(x_test), 4))
    for i, row in enumerate(unit_test):
        similarity = unit @ row
        for j in np.argsort(-similarity)[:7]:
            expected[i, y[j]] += np.exp(similarity[j] / 0.5)
    np.testing.assert_allclose(knn_probe(x, y, x_test, k=7), expected, rtol=1e-5)


def test_knn_with_more_neighbours_than_instances_takes_them_all():
    x, y, x_test, _ = blobs(4, n=30)
    np.testing.assert_array_equal(knn_probe(x, y, x_test), knn_probe(x, y, x_test, k=30))


@pytest.mark.parametrize(("option", "value"), [("k", 0), ("temperature", 0.0)])
def test_knn_refuses(option, value):
    x, y, x_test, _ = blobs(4, n=30)
    with pytest.raises(InputError, match=option):
        knn_probe(x, y, x_test, **{option: value})


def test_mean_is_the_inner_product_with_mean_unit_features():
    x, y, x_test, _ = blobs(5)
    expected = np.empty((len(x_test), 4))
    for c in range(4):
        rows = [row / np.linalg.norm(row) for row in x[y == c]]
        expected[:, c] = [np.mean(rows, axis=0) @ (row / np.linalg.norm(row)) for row in x_test]
    np.testing.assert_allclose(mean_probe(x, y, x_test), expected, atol=1e-6)


@pytest.mark.parametrize("name", ["linear", "knn", "mean"])
def test_a_class_without_training_instances_is_never_right(name):
    x, y, x_test, y_test = blobs(6)
    kept = y != 3
    result = probe(name, x[kept], y[kept], x_test, y_test)
    assert not result.correct[y_test == 3].any()
    gap = y != 1  # a code in the middle
    assert not probe(name, x[gap], y[gap], x_test, y_test).correct[y_test == 1].any()


def test_rank_counts_the_classes_above_and_breaks_ties_by_code():
    scores = np.array([[0.3, 0.9, 0.1], [0.5, 0.5, 0.5], [0.5, 0.5, 0.5], [0.0, -np.inf, 1.0]])
    np.testing.assert_array_equal(rank_of_label(scores, np.array([0, 0, 2, 1])), [1, 0, 2, 3])


def test_top5_is_the_share_among_the_five_highest():
    rng = np.random.default_rng(7)
    x, y = rng.normal(size=(400, 5)).astype(np.float32), np.arange(400) % 8
    result = probe("mean", x, y, x, y)
    scores = mean_probe(x, y, x)
    among = [y[i] in np.argsort(-scores[i])[:5] for i in range(400)]
    assert result.top5.value == pytest.approx(np.mean(among))
    assert result.top1.value == pytest.approx((scores.argmax(1) == y).mean())


def test_the_interval_is_the_bootstraps():
    rng = np.random.default_rng(8)
    correct = rng.random(500) < 0.8
    means = [correct[rng.integers(0, 500, 500)].mean() for _ in range(4000)]
    result = accuracy(correct)
    assert result.value == correct.mean()
    assert (result.low, result.high) == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=0.004)


def test_the_interval_covers():
    rng = np.random.default_rng(9)
    ends = [accuracy(rng.random(400) < 0.7) for _ in range(500)]
    assert 0.92 <= np.mean([end.low <= 0.7 <= end.high for end in ends]) <= 0.98


def test_paired_test_is_the_t_test():
    first, second = [0.91, 0.93, 0.92, 0.95], [0.90, 0.91, 0.92, 0.92]
    reference = stats.ttest_rel(first, second)
    result = paired_test(first, second, confidence=0.9)
    assert result.p_value == pytest.approx(reference.pvalue)
    assert (result.low, result.high) == pytest.approx(tuple(reference.confidence_interval(0.9)))
    assert (result.difference, result.seeds) == (pytest.approx(0.015), 4)


def test_one_seed_has_no_interval():
    result = paired_test([0.9], [0.8])
    assert result.difference == pytest.approx(0.1)
    assert np.isnan([result.low, result.high, result.p_value]).all()


def test_seeds_that_differ_alike_prove_nothing():
    """Two seeds, each 1 of 360 images ahead: p was zero."""
    result = paired_test([0.90, 0.80], [0.90 - 1 / 360, 0.80 - 1 / 360])
    assert result.difference == pytest.approx(1 / 360)
    assert np.isnan([result.low, result.high, result.p_value]).all()


def test_paired_test_refuses_unequal_seeds():
    with pytest.raises(InputError, match="one value per seed"):
        paired_test([0.9, 0.8], [0.9])


def test_an_unknown_probe_lists_the_known_ones():
    x, y, x_test, y_test = blobs(0)
    with pytest.raises(InputError, match="linear, knn, mean"):
        probe("forest", x, y, x_test, y_test)
