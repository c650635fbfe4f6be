"""The verb: every bound on few-shot error, from one half of the instances, beside the error of the other half."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from boundcheck.bounds import BOUNDS, class_moments
from boundcheck.downstream_error.few_shot import few_shot_errors
from boundcheck.embeddings import EmbeddingSet
from boundcheck.errors import InputError
from boundcheck.inference.delete_group import GROUPS, delete_group
from boundcheck.inference.intervals import Estimate, Share
from boundcheck.inference.scales import of_kink, of_ratio
from boundcheck.lab.training.probes import probe
from boundcheck.options import check, check_confidence, whole

SHOTS = (1, 2, 5, 10, 20, 50, 100)
EPISODES = 50


@dataclass(frozen=True, eq=False)
class Downstream:
    """Measured errors and bounds; all are shares, with intervals over samples of instances.

    Attributes:
        bounds: one row per bound and shots (inf: the classes' own means): `value` with its interval (NaN where the
            bias correction breaks down, and `value` is the plug-in), `says` ("vacuous" from 1 on, "no more than chance"
            from (C - 1)/C on, else "informative"), and the part of the bound that weighs most with its share.
        measured: one row per classifier and shots: error with its interval. The nearest class mean and the linear probe
            of all instances of half of the half have shots = inf.
        pairs: one row per pair of classes, at the largest number of shots: two-way error and the bounds on it.
        classes: C.
        instances: of the bounds, and of the errors.
    """

    bounds: pd.DataFrame
    measured: pd.DataFrame
    pairs: pd.DataFrame
    classes: int
    instances: tuple[int, int]

    def to_frame(self) -> pd.DataFrame:
        """One row per number of shots: the measured error, then every bound."""
        error = self.measured[self.measured.classifier == "nearest class mean"].set_index("shots").error
        wide = self.bounds.pivot(index="shots", columns="bound", values="value")[list(BOUNDS)]
        return wide.assign(measured=error).reset_index()[["shots", "measured", *BOUNDS]]

    def __repr__(self) -> str:
        return str(self.to_frame().to_string(index=False, float_format="{:.3f}".format, na_rep=""))

    def _repr_html_(self) -> str:
        return str(self.to_frame().to_html(index=False, float_format="{:.3f}".format, na_rep=""))


def downstream(
    emb: EmbeddingSet,
    *,
    shots: Sequence[int] = SHOTS,
    episodes: int = EPISODES,
    groups: int = GROUPS,
    confidence: float = 0.95,
    seed: int = 0,
) -> Downstream:
    """What theory says of few-shot error, and what the error is.

    The instances of each class are halved at random: moments and bounds come from one half, errors from the other. A
    feature is an instance's first view. Intervals are those of a delete-a-group jackknife on each half.

    Args:
        emb: embeddings and labels.
        shots: numbers of instances m of each class.
        episodes: draws of m instances that an error is averaged over.
        groups: of the jackknife.
        confidence: of the intervals, in (0, 1).
        seed: of the halves, the draws and the groups.

    Raises:
        InputError: a class has too few instances for the shots, or an option is out of range.
    """
    _check(emb, shots, episodes, confidence)
    x, y = np.asarray(emb.z[:, 0], dtype=np.float64), emb.y
    rng = np.random.default_rng(seed)
    theory = halves(y, rng)
    bounds = _bounds(x[theory], y[theory], [*shots, math.inf], groups, confidence, seed)
    held_x, held_y = x[~theory].astype(np.float32), y[~theory]
    keys = rng.random((episodes, len(held_y)))
    c, s = emb.c, len(shots)

    def statistic(keep: np.ndarray) -> np.ndarray:
        errors, pairs = few_shot_errors(held_x[keep], held_y[keep], shots, keys[:, keep])
        return np.concatenate([errors, pairs[-1].ravel()])

    found = delete_group(statistic, held_y, groups=groups, seed=seed)
    measured = [
        dict(classifier="nearest class mean", shots=float(m)) | _interval(estimate, len(held_y), confidence)
        for m, estimate in zip(shots, found[:s], strict=True)
    ]
    measured += _full(held_x, held_y, rng, confidence)
    two_way = np.array([estimate.plugin for estimate in found[s:]]).reshape(c, c)
    moments = class_moments(x[theory], y[theory])
    last = {name: bound.pairs(moments, float(shots[-1])) for name, bound in BOUNDS.items()}
    pairs = pd.DataFrame(
        dict(first=emb.classes[i], second=emb.classes[j], shots=shots[-1], error=(two_way[i, j] + two_way[j, i]) / 2)
        | {name: (value[i, j] + value[j, i]) / 2 for name, value in last.items()}
        for i in range(c)
        for j in range(i + 1, c)
    )
    return Downstream(bounds, pd.DataFrame(measured), pairs, c, (int(theory.sum()), int((~theory).sum())))


def halves(y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(n,) True for a random half of every class."""
    order = np.lexsort((rng.random(len(y)), y))
    first = np.zeros(len(y), dtype=bool)
    first[order[::2]] = True
    return first


def _bounds(
    x: np.ndarray, y: np.ndarray, shots: Sequence[float], groups: int, confidence: float, seed: int
) -> pd.DataFrame:
    at = [(bound, m) for bound in BOUNDS.values() for m in shots]
    smooth = np.array([not bound.steps for bound, _ in at])

    def statistic(keep: np.ndarray) -> np.ndarray:
        moments = class_moments(x[keep], y[keep])
        values = np.array([bound.error(moments, m) for bound, m in at])
        with np.errstate(divide="ignore"):  # classes that are points
            return np.where(smooth, np.log(np.where(smooth, values, 1.0)), values)

    estimates = delete_group(statistic, y, groups=groups, seed=seed)
    whole = class_moments(x, y)
    rows = []
    for (bound, m), estimate in zip(at, estimates, strict=True):
        if bound.steps:
            shown = of_kink(estimate, confidence)._replace(estimate=estimate.plugin)
        else:
            shown = of_ratio(estimate, confidence)
        parts = bound.parts(whole, m)
        dominant = max(parts, key=lambda name: parts[name])
        total = sum(parts.values())
        rows.append(
            dict(
                bound=bound.id, shots=float(m), value=shown.estimate, plugin=shown.plugin, se=shown.se,
                ci_low=max(shown.low, 0.0), ci_high=shown.high, says=_says(shown.estimate, whole.c), dominant=dominant,
                dominant_share=parts[dominant] / total if 0 < total < math.inf else math.nan,
            )
        )  # fmt: skip
    return pd.DataFrame(rows)


def _says(value: float, classes: int) -> str:
    if value >= 1:
        return "vacuous"
    return "no more than chance" if value >= 1 - 1 / classes else "informative"


def _full(x: np.ndarray, y: np.ndarray, rng: np.random.Generator, confidence: float) -> list[dict[str, object]]:
    """The nearest class mean and the linear probe, fitted on half of these instances, scored on the others."""
    fitted = halves(y, rng)
    means = np.stack([x[fitted & (y == c)].mean(0) for c in range(y.max() + 1)])
    nearest = (np.square(means).sum(1) - 2 * x[~fitted] @ means.T).argmin(1) == y[~fitted]
    linear = probe("linear", x[fitted], y[fitted], x[~fitted], y[~fitted]).correct
    rows: list[dict[str, object]] = []
    for name, correct in (("nearest class mean", nearest), ("linear probe", linear)):
        error, n = float(1 - correct.mean()), len(correct)
        low, high = Share(error, math.sqrt(error * (1 - error) / n), n).interval(confidence)
        rows.append(dict(classifier=name, shots=math.inf, error=error, ci_low=low, ci_high=high))
    return rows


def _interval(estimate: Estimate, n: int, confidence: float) -> dict[str, float]:
    """A share of n instances, about the plug-in: an average over draws is hardly biased."""
    low, high = Share(estimate.plugin, estimate.se, n).interval(confidence)
    return dict(error=estimate.plugin, ci_low=low, ci_high=high)


def _check(emb: EmbeddingSet, shots: Sequence[int], episodes: int, confidence: float) -> None:
    check_confidence(confidence)
    check("episodes", episodes, whole(1), f"the usual is {EPISODES}")
    if not shots or min(shots) < 1:
        raise InputError(f"shots: expected whole numbers >= 1, received {list(shots)}")
    if emb.c < 2:
        raise InputError("emb: needs two or more classes, received one")
    least = int(emb.class_counts.min())
    # half of a class, less a group of the jackknife, must hold the draw and some queries
    if least < 4 * max(shots) or least < 8:
        raise InputError(
            f"shots: {max(shots)} need {max(8, 4 * max(shots))} instances of each class, received {least} of one; "
            "ask for fewer shots"
        )
