"""Probes: how well simple classifiers read the classes off frozen features.

A probe maps training features and labels, and test features, to scores per class; `probe` turns scores into
top-1 and top-5 accuracies with intervals, and `paired_test` compares objectives over seeds.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from boundcheck.errors import InputError
from boundcheck.options import POSITIVE, check, one_of, whole

Features: TypeAlias = Float[np.ndarray, "n d"]
Labels: TypeAlias = Int[np.ndarray, " n"]
TestFeatures: TypeAlias = Float[np.ndarray, "m d"]
TestLabels: TypeAlias = Int[np.ndarray, " m"]
Scores: TypeAlias = Float[np.ndarray, "m c"]

STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
_TEST_ROWS = 1024  # test rows whose similarities to the whole bank are held at once
ROUNDING = 1e-9  # of differences of accuracies


@dataclass(frozen=True)
class Accuracy:
    """A share of test instances, with its bootstrap interval.

    Attributes:
        value: the share.
        low, high: interval over samples of test instances; the encoder and the probe are taken as given.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class ProbeResult:
    """What a probe reached on m test instances.

    Attributes:
        probe: a name in `PROBES`.
        top1: share of instances whose class has the highest score.
        top5: share of instances whose class is among the five highest; 1 with five classes or fewer.
        correct: (m,) whether the class of each instance has the highest score.
    """

    probe: str
    top1: Accuracy
    top5: Accuracy
    correct: Bool[np.ndarray, " m"]


@dataclass(frozen=True)
class PairedTest:
    """The paired t-test of two objectives over seeds.

    Attributes:
        difference: mean of (first - second) over seeds.
        low, high: its interval.
        p_value: two-sided, of no difference.
        seeds: number of pairs; with one there is no interval and no p-value (NaN).
    """

    difference: float
    low: float
    high: float
    p_value: float
    seeds: int


def linear_probe(
    x: Features,
    y: Labels,
    x_test: TestFeatures,
    *,
    strengths: Sequence[float] = STRENGTHS,
    validation: float = 0.2,
    seed: int = 0,
) -> Scores:
    """Multinomial logistic regression on standardised features (scikit-learn), C chosen on a validation split.

    Standardisation and the choice of C see the training instances only. Of equally accurate values of C the
    smallest is taken, and the regression is fitted once more on all training instances.

    Args:
        x: training features.
        y: training labels, class codes.
        x_test: test features.
        strengths: values of C, the inverse strength of the L2 penalty.
        validation: share of the training instances set aside to choose C, each class in proportion and at least one of
            each; where classes are too small for that, the middle of `strengths` is taken.
        seed: of that split.

    Returns:
        (m, c) log-odds; -inf for a class code that no training instance has.
    """
    scaler = StandardScaler().fit(x)
    x, x_test = scaler.transform(x), scaler.transform(x_test)
    counts = np.unique(y, return_counts=True)[1]
    many = max(math.ceil(validation * len(y)), len(counts))
    if counts.min() < 2 or len(y) - many < len(counts):
        strengths = [sorted(strengths)[len(strengths) // 2]]
        fitted = held = np.arange(len(y))
    else:
        fitted, held = train_test_split(np.arange(len(y)), test_size=many, random_state=seed, stratify=y)
    # from weak to strong coefficients, each fit starts where the last one ended
    model = LogisticRegression(warm_start=True, max_iter=2000)
    accuracies = []
    with warnings.catch_warnings():  # that a few shots of many classes look like a regression's targets
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        for strength in sorted(strengths):
            model.set_params(C=strength).fit(x[fitted], y[fitted])
            accuracies.append(model.score(x[held], y[held]))
        best = sorted(strengths)[int(np.argmax(accuracies))]
        model.set_params(C=best).fit(x, y)
    scores = np.full((len(x_test), int(y.max()) + 1), -np.inf)
    # two classes give one column: the log-odds of the second
    odds = model.decision_function(x_test).reshape(len(x_test), -1)
    scores[:, model.classes_] = odds if odds.shape[1] > 1 else np.hstack([-odds, odds])
    return scores


def knn_probe(x: Features, y: Labels, x_test: TestFeatures, *, k: int = 200, temperature: float = 0.5) -> Scores:
    """Weighted nearest neighbours, as in the code of Jiang 2022 (`test` in main.py, after Wu et al. 2018).

    The k training instances of largest cosine similarity s vote for their class with weight e^{s / temperature}.

    Args:
        x: training features.
        y: training labels, class codes.
        x_test: test features.
        k: neighbours; no more than there are training instances.
        temperature: of the weights.

    Returns:
        (m, c) sums of weights.
    """
    check("k", k, whole(1), "the usual is 200")
    check("temperature", temperature, POSITIVE, "the usual is 0.5")
    bank, queries = _unit(x), _unit(x_test)
    labels = torch.from_numpy(y)
    scores = torch.zeros(len(queries), int(labels.max()) + 1)
    for rows in torch.split(torch.arange(len(queries)), _TEST_ROWS):
        similarity, nearest = (queries[rows] @ bank.T).topk(min(k, len(bank)), dim=1)  # (rows, k)
        votes = scores.new_zeros(len(rows), scores.shape[1])
        scores[rows] = votes.scatter_add_(1, labels[nearest], (similarity / temperature).exp())
    return scores.numpy()


def mean_probe(x: Features, y: Labels, x_test: TestFeatures, *, normalise: bool = True) -> Scores:
    """The mean classifier (Arora et al. 2019, arXiv 1902.09229): inner products with the classes' mean features.

    It is the "nearest class mean" of the code of Jiang 2024 (arXiv 2311.05139).

    Args:
        x: training features.
        y: training labels, class codes.
        x_test: test features.
        normalise: whether rows are L2-normalised first; the means are not.

    Returns:
        (m, c) inner products; -inf for a class code that no training instance has.
    """
    unit = _unit if normalise else _rows
    bank, queries, labels = unit(x), unit(x_test), torch.from_numpy(y)
    counts = torch.bincount(labels)
    sums = bank.new_zeros(len(counts), bank.shape[1]).index_add_(0, labels, bank)
    scores = queries @ (sums / counts.clamp(min=1)[:, None]).T
    return scores.masked_fill(counts == 0, -torch.inf).numpy()


PROBES: dict[str, Callable[..., Scores]] = {"linear": linear_probe, "knn": knn_probe, "mean": mean_probe}


def probe(
    name: str,
    x: Features,
    y: Labels,
    x_test: TestFeatures,
    y_test: TestLabels,
    *,
    confidence: float = 0.95,
    **options: object,
) -> ProbeResult:
    """Trains a probe and scores it.

    Args:
        name: a name in `PROBES`.
        x: training features.
        y: training labels, class codes from 0.
        x_test: test features.
        y_test: test labels.
        confidence: of the intervals.
        options: of the probe itself.

    Returns:
        Accuracies with bootstrap intervals over test instances.

    Raises:
        InputError: the name is unknown, or an option breaks its rule.
    """
    one_of("probe", name, PROBES)
    rank = rank_of_label(PROBES[name](x, y, x_test, **options), y_test)
    return ProbeResult(name, accuracy(rank < 1, confidence), accuracy(rank < 5, confidence), rank < 1)


def rank_of_label(scores: Scores, y: TestLabels) -> Int[np.ndarray, " m"]:
    """How many classes score above each instance's own; of equal scores the lower code comes first."""
    known = y < scores.shape[1]
    label = np.where(known, y, 0)
    own = scores[np.arange(len(y)), label][:, None]
    codes = np.arange(scores.shape[1])
    before = (scores > own) | ((scores == own) & (codes < label[:, None]))
    rank: Int[np.ndarray, " m"] = np.where(known & np.isfinite(own[:, 0]), before.sum(axis=1), scores.shape[1])
    return rank


def accuracy(correct: Bool[np.ndarray, " m"], confidence: float = 0.95) -> Accuracy:
    """A share with its percentile bootstrap interval over instances.

    The bootstrap distribution of the mean of m hits is Binomial(m, share) / m: its quantiles need no resampling.
    """
    share = float(correct.mean())
    ends = stats.binom(len(correct), share).ppf([(1 - confidence) / 2, (1 + confidence) / 2]) / len(correct)
    return Accuracy(share, float(ends[0]), float(ends[1]))


def paired_test(first: Sequence[float], second: Sequence[float], confidence: float = 0.95) -> PairedTest:
    """Whether two objectives differ, from their accuracies at the same seeds.

    A seed fixes initial weights, data order and views, so runs are compared in pairs. The t-test is used because
    seeds are few: the exact sign and permutation tests cannot give a p-value under 2^(1 - seeds), 0.25 for three.
    It takes the differences to be roughly normal, which averages over thousands of test instances are.

    Args:
        first: one accuracy per seed.
        second: the other objective's, in the same order of seeds.
        confidence: of the interval.

    Returns:
        The test; NaN interval and p-value with fewer than two seeds, and where all differ alike: accuracies move in
        steps, so that no spread seen is not to say that there is none.

    Raises:
        InputError: there is no pair, or the numbers of seeds differ.
    """
    if len(first) != len(second) or not len(first):
        raise InputError(f"second: needs one value per seed of first, received {len(second)} for {len(first)}")
    differences = np.asarray(first, float) - np.asarray(second, float)
    seeds, mean = len(differences), float(differences.mean())
    if seeds < 2 or np.ptp(differences) < ROUNDING:
        return PairedTest(mean, math.nan, math.nan, math.nan, seeds)
    se = float(differences.std(ddof=1)) / math.sqrt(seeds)
    half = float(stats.t(seeds - 1).ppf((1 + confidence) / 2)) * se
    p = float(2 * stats.t(seeds - 1).sf(abs(mean) / se))
    return PairedTest(mean, mean - half, mean + half, p, seeds)


def _unit(x: Features) -> torch.Tensor:
    """Rows of norm one."""
    return F.normalize(_rows(x), dim=1)


def _rows(x: Features) -> torch.Tensor:
    """Rows as they are."""
    return torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32))
