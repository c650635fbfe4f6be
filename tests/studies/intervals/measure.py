"""What the package says of one sample, by family of quantities, and what is true of the whole set.

Rows of a sample: quantity, at (k, shots, beta: NaN where there is none), estimate, plugin, se, ci_low, ci_high. A truth
is (quantity, at) -> value. Shares that are against pools of the sample's size have no truth here: they are judged
against their mean over the samples.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd

import boundcheck as bc
from boundcheck.bounds import BOUNDS, class_moments
from boundcheck.diagnostics import diagnose
from boundcheck.diagnostics.alignment import alignment, class_alignment
from boundcheck.diagnostics.between import cka, rsa
from boundcheck.diagnostics.collapse import COLLAPSE, collapse, nc5
from boundcheck.diagnostics.pairs import PAIRS, PairSums
from boundcheck.diagnostics.spectrum import SPECTRUM, lidar, spectrum
from boundcheck.downstream_error.beside import downstream
from boundcheck.downstream_error.few_shot import few_shot_errors
from boundcheck.estimators import finite_losses
from boundcheck.spec import Variant
from tests.studies.intervals.populations import SEED, Set

Truth = dict[tuple[str, float], float]
CONFIDENCE, TEMPERATURE, BETA = 0.95, 0.5, 1.0
KS = (1, 10, 100, 1000)
SHOTS, EPISODES = (1, 2), 2000  # draws behind the true error


def diagnostics(p: Set, chosen: np.ndarray) -> list[dict[str, object]]:
    """Every diagnostic."""
    emb, other = bc.EmbeddingSet(p.z[chosen], p.y[chosen]), bc.EmbeddingSet(p.other[chosen, None], p.y[chosen])
    outside = bc.EmbeddingSet(p.outside[:, None], np.arange(len(p.outside)) % 2)
    frame = diagnose(emb, other, outside, confidence=CONFIDENCE).to_frame()
    frame = frame.rename(columns={"diagnostic": "quantity"}).assign(at=math.nan)
    return frame[["quantity", "at", "estimate", "plugin", "se", "ci_low", "ci_high"]].to_dict("records")


def true_diagnostics(p: Set) -> Truth:
    """Of the whole set, from the formulas themselves, but for what depends on the pools."""
    x, z = p.z[:, 0].astype(np.float64), p.z.astype(np.float64)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    values = dict(zip((what.id for what in COLLAPSE), collapse(x, p.y), strict=True))
    values |= dict(zip((what.id for what in SPECTRUM), spectrum(x), strict=True))
    pairs = PairSums(unit, p.y, np.zeros(len(x), dtype=int), TEMPERATURE).values()
    values |= {PAIRS[0].id: pairs[0], "class_alignment": class_alignment(x, p.y)}
    values |= {"nc5": nc5(x, p.y, p.outside.astype(np.float64)), "cka": cka(x, p.other), "rsa": rsa(x, p.other)}
    if z.shape[1] > 1:
        values |= {"alignment": alignment(z), "lidar": lidar(z)}
    return {(name, math.nan): float(value) for name, value in values.items()}


def finite(p: Set, chosen: np.ndarray) -> list[dict[str, object]]:
    """Losses at k negatives, and what they lack to their limit."""
    found = finite_losses(bc.EmbeddingSet(p.z[chosen], p.y[chosen]), _variant(), KS)
    return list(_finite_rows(found.to_frame(CONFIDENCE)))


def _variant() -> Variant:
    return Variant(temperature=TEMPERATURE, betas=(BETA,))


def _finite_rows(frame: pd.DataFrame) -> Iterator[dict[str, object]]:
    for row in frame.to_dict("records"):
        name = dict(quantity=row["loss"], at=float(row["k"]))
        yield name | {key: row[key] for key in ("estimate", "plugin", "se", "ci_low", "ci_high")}
        gap = dict(estimate=row["gap"], plugin=row["gap_plugin"], ci_low=row["gap_low"], ci_high=row["gap_high"])
        yield name | {"quantity": f"{row['loss']}, limit less k", "se": math.nan} | gap


def true_finite(p: Set) -> Truth:
    """Plug-in values of the whole set, which brute force agrees with to 1e-6 nats."""
    frame = finite_losses(bc.EmbeddingSet(p.z, p.y), _variant(), KS, intervals=False).to_frame()
    return {(str(row["quantity"]), float(str(row["at"]))): float(str(row["plugin"])) for row in _finite_rows(frame)}


def errors_and_bounds(p: Set, chosen: np.ndarray) -> list[dict[str, object]]:
    """Few-shot errors and the bounds on them, each from half of the sample."""
    found = downstream(bc.EmbeddingSet(p.z[chosen], p.y[chosen]), shots=SHOTS, confidence=CONFIDENCE)
    bounds = found.bounds.rename(columns={"bound": "quantity", "shots": "at", "value": "estimate"})
    errors = found.measured[np.isfinite(found.measured.shots)].rename(columns={"shots": "at"})
    errors = errors.assign(quantity="few-shot error", estimate=errors.error, plugin=errors.error, se=math.nan)
    columns = ["quantity", "at", "estimate", "plugin", "se", "ci_low", "ci_high"]
    return pd.concat([bounds[columns], errors[columns]]).to_dict("records")


def true_errors_and_bounds(p: Set) -> Truth:
    """Bounds of the whole set's moments; errors over 2,000 draws from it."""
    x = p.z[:, 0]
    moments = class_moments(x.astype(np.float64), p.y)
    found = {(name, m): bound.error(moments, m) for name, bound in BOUNDS.items() for m in (*SHOTS, math.inf)}
    errors, _ = few_shot_errors(x, p.y, SHOTS, np.random.default_rng(SEED).random((EPISODES, len(x))))
    return found | {("few-shot error", float(m)): float(error) for m, error in zip(SHOTS, errors, strict=True)}


FAMILIES = {
    "diagnostics": (diagnostics, true_diagnostics),
    "finite k": (finite, true_finite),
    "errors and bounds": (errors_and_bounds, true_errors_and_bounds),
}
