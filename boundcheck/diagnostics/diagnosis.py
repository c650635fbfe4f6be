"""The verb: embeddings in, every diagnostic with its interval out."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist

from boundcheck.diagnostics.alignment import CLASS_ALIGNMENT, VIEW_ALIGNMENT, alignment, class_alignment
from boundcheck.diagnostics.base import ROUNDING, Diagnostic, is_point
from boundcheck.diagnostics.between import BETWEEN, RSA_INSTANCES, cka, rsa
from boundcheck.diagnostics.collapse import COLLAPSE, NC5, collapse, nc5
from boundcheck.diagnostics.pairs import PAIRS, PairSums
from boundcheck.diagnostics.spectrum import LIDAR, SPECTRUM, lidar, spectrum
from boundcheck.embeddings import EmbeddingSet
from boundcheck.errors import FileError, InputError
from boundcheck.inference.delete_group import GROUPS, deal_groups, delete_group, from_values
from boundcheck.inference.intervals import Estimate, Share
from boundcheck.inference.scales import Shown, of_kink, of_ratio
from boundcheck.options import check, check_confidence, whole
from boundcheck.spec import TEMPERATURE

DIAGNOSTICS = (*COLLAPSE, NC5, *SPECTRUM, CLASS_ALIGNMENT, VIEW_ALIGNMENT, LIDAR, *PAIRS, *BETWEEN)
"""All of them; NC5 and those between encoders need another set, alignment and LiDAR two views."""

PAIR_INSTANCES = 10_000


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """Every diagnostic of one embedding set.

    Attributes:
        found: diagnostic, estimate (of a ratio that of its logarithm), instances it is about.
        confidence: of the intervals.
        collapsed: in what way nothing is left to diagnose, a sentence each.
    """

    found: tuple[tuple[Diagnostic, Estimate, int], ...]
    confidence: float
    collapsed: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """One row per diagnostic; `plugin` is the number that other packages print, `estimate` less its bias.

        The interval is about `estimate`. There is none where that is undefined (NaN) or infinite, where the correction
        leaves the values that there can be, where that of a ratio is more than twofold or its error large
        (`inference.scales`), nor, of what reads every direction or line between classes, from too few instances for
        those: `estimate` then is `plugin`.
        """
        rows = []
        for what, estimate, n in self.found:
            centre, plugin, se, low, high = self._shown(what, estimate, n)
            if math.isnan(se) or not math.isfinite(centre) or high < what.low - ROUNDING or low > what.high + ROUNDING:
                centre, se, low, high = plugin, math.nan, math.nan, math.nan
            rows.append(
                dict(
                    diagnostic=what.id,
                    title=what.title,
                    plugin=float(np.clip(plugin, what.low, what.high)),
                    estimate=float(np.clip(centre, what.low, what.high)),
                    se=se,
                    ci_low=float(np.clip(low, what.low, what.high)),
                    ci_high=float(np.clip(high, what.low, what.high)),
                    n=n,
                    reading=what.reading,
                    source=what.source,
                )
            )
        return pd.DataFrame(rows)

    def _shown(self, what: Diagnostic, estimate: Estimate, n: int) -> Shown:
        if what.form == "ratio":
            return of_ratio(estimate, self.confidence)
        if what.form == "kink":
            return of_kink(estimate, self.confidence)
        if what.form == "share":
            p = estimate.plugin
            return Shown(p, p, estimate.se, *Share(p, estimate.se, n).interval(self.confidence))
        if what.form == "unbiased":
            estimate = replace(estimate, value=estimate.plugin)
        return Shown(estimate.value, estimate.plugin, estimate.se, *estimate.interval(self.confidence))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the table as .csv or .json.

        Raises:
            FileError: the ending is neither, or the place cannot be written.
        """
        place = Path(path)
        if place.suffix not in (".csv", ".json"):
            raise FileError(f"{place}: expected a name that ends in .csv or .json")
        frame = self.to_frame()
        text = frame.to_csv(index=False) if place.suffix == ".csv" else frame.to_json(orient="records", indent=1)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        except OSError as error:
            raise FileError(f"{place}: cannot be written ({error.strerror or error})") from error
        return place

    def __repr__(self) -> str:
        shown = self.to_frame()[["diagnostic", "plugin", "estimate", "ci_low", "ci_high"]]
        return str(shown.to_string(index=False, float_format="{:.4g}".format, na_rep=""))

    def _repr_html_(self) -> str:
        shown = self.to_frame().drop(columns=["se", "source"])
        return str(shown.to_html(index=False, float_format="{:.4f}".format, na_rep=""))


def diagnose(
    emb: EmbeddingSet,
    against: EmbeddingSet | None = None,
    outside: EmbeddingSet | None = None,
    *,
    temperature: float = TEMPERATURE,
    groups: int = GROUPS,
    confidence: float = 0.95,
    seed: int = 0,
) -> Diagnosis:
    """Has the representation collapsed, and how? Every diagnostic with an interval over samples of instances.

    Intervals are those of a delete-a-group jackknife: an instance leaves with all its views, as anchor and candidate.
    Features are the first views, but for what compares views (alignment, LiDAR). What needs every pair takes at most
    10,000 instances.

    Args:
        emb: embeddings and labels; normalised rows, unless they were loaded otherwise.
        against: the same instances by another encoder, for CKA and RSA.
        outside: data of none of the classes by the same encoder, for NC5.
        temperature: tau of the kernel rule.
        groups: of the jackknife.
        confidence: of the intervals, in (0, 1).
        seed: of groups and subsets.

    Returns:
        The diagnosis: `.to_frame()`, `.save(path)`.

    Raises:
        InputError: there are fewer than two classes or instances in them, or the sets do not go together.
    """
    _check(emb, against, outside, groups, confidence)
    y, x, z = emb.y, np.asarray(emb.z[:, 0], dtype=np.float64), np.asarray(emb.z, dtype=np.float64)
    families: list[tuple[Sequence[Diagnostic], Callable[[np.ndarray], np.ndarray]]] = [
        (COLLAPSE, lambda keep: collapse(x[keep], y[keep])),
        (SPECTRUM, lambda keep: spectrum(x[keep])),
        ((CLASS_ALIGNMENT,), lambda keep: np.array([class_alignment(x[keep], y[keep])])),
    ]
    if emb.v > 1:
        families.append(((VIEW_ALIGNMENT, LIDAR), lambda keep: np.array([alignment(z[keep]), lidar(z[keep])])))
    if outside is not None:
        other = np.asarray(outside.z[:, 0], dtype=np.float64)
        families.append(((NC5,), lambda keep: np.array([nc5(x[keep], y[keep], other)])))
    found = [
        (what, estimate if what.carried(emb.n, emb.d, emb.c) else _plain(estimate), emb.n)
        for whats, statistic in families
        for what, estimate in zip(
            whats, delete_group(_scaled(whats, statistic), y, groups=groups, seed=seed), strict=True
        )
    ]
    found += _of_pairs(emb, x, temperature, groups, seed)
    if against is not None:
        found += _between(x, np.asarray(against.z[:, 0], dtype=np.float64), y, groups, seed)
    return Diagnosis(tuple(found), confidence, tuple(_collapsed(x, y)))


def _plain(estimate: Estimate) -> Estimate:
    """The plug-in alone."""
    return replace(estimate, value=estimate.plugin, se=math.nan)


def _scaled(
    whats: Sequence[Diagnostic], statistic: Callable[[np.ndarray], np.ndarray]
) -> Callable[[np.ndarray], np.ndarray]:
    """The statistic with ratios as logarithms."""
    ratios = np.array([what.form == "ratio" for what in whats])

    def scaled(keep: np.ndarray) -> np.ndarray:
        values = statistic(keep)
        with np.errstate(divide="ignore"):  # classes that are points
            return np.where(ratios, np.log(np.where(ratios, values, 1.0)), values)

    return scaled


def _collapsed(x: np.ndarray, y: np.ndarray) -> Iterator[str]:
    """What has collapsed altogether: all instances to a point or a line, or classes onto each other."""
    if is_point(x):
        yield f"The encoder is collapsed: all {len(x)} instances are one point, and nothing tells classes apart."
        return
    centred = x - x.mean(0)
    values = np.linalg.eigvalsh(centred.T @ centred)
    if len(values) > 1 and values[-2] <= ROUNDING * values[-1]:
        yield f"The encoder is collapsed to a line: all {len(x)} instances differ along one direction."
    means = np.stack([x[y == c].mean(0) for c in range(y.max() + 1)])
    between = cdist(means, means, "sqeuclidean")
    same = int((np.triu(between <= ROUNDING * np.square(x).sum(1).mean(), 1)).sum())
    if same:
        yield f"{same} of {len(means) * (len(means) - 1) // 2} pairs of classes have the same mean: CDNV is infinite."


def _of_pairs(
    emb: EmbeddingSet, x: np.ndarray, temperature: float, groups: int, seed: int
) -> list[tuple[Diagnostic, Estimate, int]]:
    """From one pass over the pairs of at most `PAIR_INSTANCES`; cosines, so rows are normalised."""
    some = _some(emb.n, PAIR_INSTANCES, seed)
    unit = x[some] / np.linalg.norm(x[some], axis=1, keepdims=True)
    sums = PairSums(unit, emb.y[some], deal_groups(emb.y[some], min(groups, len(some)), seed), temperature)
    estimates = from_values(sums.values(), np.stack([sums.values(g) for g in range(sums.groups)]))
    if is_point(x[some]):  # rounding decides who is nearer
        estimates[1:] = [Estimate(math.nan, math.nan, math.nan)] * (len(PAIRS) - 1)
    return [(what, estimate, len(some)) for what, estimate in zip(PAIRS, estimates, strict=True)]


def _between(
    x: np.ndarray, other: np.ndarray, y: np.ndarray, groups: int, seed: int
) -> list[tuple[Diagnostic, Estimate, int]]:
    few = _some(len(y), RSA_INSTANCES, seed)
    (kernel,) = delete_group(lambda keep: np.array([cka(x[keep], other[keep])]), y, groups=groups, seed=seed)
    a, b = x[few], other[few]
    (distances,) = delete_group(lambda keep: np.array([rsa(a[keep], b[keep])]), y[few], groups=groups, seed=seed)
    return [(BETWEEN[0], kernel, len(y)), (BETWEEN[1], distances, len(few))]


def _some(n: int, most: int, seed: int) -> np.ndarray:
    """Positions of at most this many instances, in ascending order."""
    return np.sort(np.random.default_rng(seed).permutation(n)[:most])


def _check(
    emb: EmbeddingSet, against: EmbeddingSet | None, outside: EmbeddingSet | None, groups: int, confidence: float
) -> None:
    check_confidence(confidence)
    check("groups", groups, whole(2), f"the usual is {GROUPS}")
    if emb.c < 2 or emb.class_counts.min() < 2:
        raise InputError(
            "emb: needs two or more classes of two or more instances each, received counts "
            f"{emb.class_counts.tolist()}; leave the smallest out"
        )
    if against is not None and not (emb.n == against.n and np.array_equal(emb.ids, against.ids)):
        raise InputError("against: must hold the same instances in the same order, received other ids")
    if outside is not None and outside.d != emb.d:
        raise InputError(f"outside: must have dimension {emb.d}, as emb has, received {outside.d}")
