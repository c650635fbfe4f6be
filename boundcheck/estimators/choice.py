"""What `auto` chooses, by a cost model, and why: all pairs where that is affordable, sampled anchors where it is not.

Two passes over the pairs make the exact estimate. A pair costs a product in d dimensions and a few operations for each
of the terms (two for each hardening, some shared). The constants are nanoseconds of one core, from the rows with
intervals of results/benchmarks/pairs.csv (10,000 to 100,000 anchors, 64 to 2,048 dimensions, 4 to 19 terms, two AMD
EPYC cores). An accelerator is not modelled. A machine twice as slow meets the limit at 1.4 times fewer anchors, which
is all the precision that the choice needs.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch

from boundcheck.embeddings import EmbeddingSet
from boundcheck.hardening import terms_for
from boundcheck.pairwise.plain_sums import LARGEST, numba_is_here
from boundcheck.pairwise.plan import choose_dtype
from boundcheck.spec import Variant

PER_DIMENSION, PER_TERM = 0.0155, 0.45  # nanoseconds per ordered pair and pass, one core
FLOAT64 = 2.0  # times that
NOT_COMPILED = 5.5  # times that, where Numba is absent or terms are no powers of e^t within its range
SECONDS = 900.0  # what all pairs may take before anchors are sampled
GIGABYTES = 8.0  # what the table of all anchors may take
LEAST_ANCHORS = 2000
PASSES = 2


@dataclass(frozen=True)
class Choice:
    """An estimator, the anchors it samples (None: all), and the reason in one line."""

    estimator: str
    anchors: int | None
    reason: str


def choose(emb: EmbeddingSet, variant: Variant, *, precision: str = "auto", cores: int | None = None) -> Choice:
    """All pairs, or as many anchors as the same time allows.

    Args:
        emb: the embeddings.
        variant: of the losses; the hardenings decide the terms, and with the temperature the precision.
        precision: of the products, as in `estimate`.
        cores: None means this machine's.
    """
    rows = emb.n * emb.v
    terms = terms_for(variant.hardenings)
    reach = max(term.steepness for term in terms) / variant.temperature
    double = choose_dtype(precision, reach).itemsize == 8
    mixed = precision == "auto" and reach <= LARGEST[torch.float32]  # float32 powers of float64 products
    cost = PER_DIMENSION * emb.d * (FLOAT64 if double else 1.0)
    cost += PER_TERM * len(terms) * (FLOAT64 if double and not mixed else 1.0)
    powers = all(term.eta is None for term in terms) and reach <= LARGEST[torch.float64]
    cost *= 1.0 if powers and numba_is_here() else NOT_COMPILED
    seconds = PASSES * rows**2 * cost * 1e-9 / (cores or os.cpu_count() or 1)
    # Log-sums and influences of every anchor, in float64.
    memory = rows * (2 * len(terms) + 4 * len(variant.keys)) * 8e-9
    about = f"{rows:,} anchors x {rows:,} candidates x {PASSES} passes, {'float64' if double else 'float32'}, about "
    about += f"{_duration(seconds)} and {memory:.1g} GB"
    if seconds <= SECONDS and memory <= GIGABYTES:
        return Choice("exact", None, f"exact: {about}")
    share = min(SECONDS / seconds, GIGABYTES / memory)
    anchors = min(rows, max(LEAST_ANCHORS, round(rows * share, -3)))
    limit = f"all pairs ({about}) exceed {_duration(SECONDS)} or {GIGABYTES:g} GB"
    return Choice("montecarlo", int(anchors), f"{anchors:,.0f} sampled anchors against all candidates: {limit}")


def _duration(seconds: float) -> str:
    return f"{seconds:.1g} s" if seconds < 10 else f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 60:.0f} min"
