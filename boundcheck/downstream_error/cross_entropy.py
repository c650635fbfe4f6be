"""The mean classifier's cross-entropy beside the bounds that contrastive losses put on it."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from boundcheck.embeddings import EmbeddingSet
from boundcheck.spec import TEMPERATURE
from boundcheck.verification import verify

ABOVE = ("bao_upper", "arora_upper", "nozawa_sato_upper", "ash_upper", "wang_upper")
BELOW = ("bao_lower", "wang_lower")
INSTANCES = 1000  # sums over K negatives cost some fifty times the limit


def cross_entropy_bounds(emb: EmbeddingSet, temperature: float = TEMPERATURE, seed: int = 0) -> pd.DataFrame:
    """Each bound at its best number of negatives K; the data (at most 1,000 instances) are the population.

    Returns:
        One row per bound: `k` (NaN where there is none), `cross_entropy` and `bound` in nats, `side`, `error_bound` (an
        upper bound over log 2 bounds the mean classifier's error), `chance` (log C, what guessing costs) and `vacuous`.
        Bounds for which these data are unfit (unbalanced classes without the balanced prior, K below C - 1) are absent.
    """
    some = np.sort(np.random.default_rng(seed).permutation(emb.n)[:INSTANCES])
    result = verify(
        emb.subset(some), temperature=temperature, betas=[], claims=[*ABOVE, *BELOW], self_pairs="include",
        positives="class", class_prior="balanced",
    )  # fmt: skip
    frame = result.to_frame()
    rows = []
    for claim, found in frame[frame.verdict != "inapplicable"].groupby("claim", sort=False):
        above = claim in ABOVE
        best = found.iloc[int(found.rhs.argmin() if above else found.lhs.argmax())]
        value, cost = (best.rhs, best.lhs) if above else (best.lhs, best.rhs)
        rows.append(
            dict(
                bound=claim,
                side="above" if above else "below",
                k=best.q,
                cross_entropy=cost,
                bound_value=value,
                error_bound=value / math.log(2) if above else math.nan,
                chance=math.log(emb.c),
                vacuous=bool(value >= math.log(emb.c) if above else value <= 0),
            )
        )
    return pd.DataFrame(rows)
