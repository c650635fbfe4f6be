"""What `auto` chooses, by a cost model, and why: all pairs where that is affordable, sampled anchors where it is not.

Two visits to the pairs make the exact estimate. A pair costs a product in d dimensions and a few operations for each
of the terms (two for each hardening, some shared). The constants are nanoseconds of one core: 0.012 a dimension is a
float32 product's speed (0.7 ns at d = 128 on two cores), 3.3 a term that of the Fashion-MNIST runs in results/ (20,000
anchors, 64 dimensions, 10 terms, two AMD EPYC cores: 16 to 20 ns a pair). An accelerator is not modelled. A machine
twice as slow meets the limit at 1.4 times fewer anchors, which is all the precision that the choice needs. Sampled
negatives (`multilevel`) are never chosen: they give no margins, no shares and no claims, and heavy tilts make their
error exceed that of as many pairs with sampled anchors (results/validation/sampling.csv).
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from boundcheck.embeddings import EmbeddingSet
from boundcheck.losses import LossSpec
from boundcheck.population.cumulants import terms_for
from boundcheck.population.plan import choose_dtype

PER_DIMENSION, PER_TERM, BESIDES = 0.012, 3.3, 2.0  # nanoseconds per ordered pair, one core
FLOAT64 = 2.5  # times that
SECONDS = 900.0  # what all pairs may take before anchors are sampled
GIGABYTES = 8.0  # what the table of all anchors may take
LEAST_ANCHORS = 2000
VISITS = 2


@dataclass(frozen=True)
class Choice:
    """An estimator, the anchors it samples (None: all), and the reason in one line."""

    estimator: str
    anchors: int | None
    reason: str


def choose(emb: EmbeddingSet, spec: LossSpec, *, precision: str = "auto", cores: int | None = None) -> Choice:
    """All pairs, or as many anchors as the same time allows.

    Args:
        emb: the embeddings.
        spec: the losses; the hardenings decide the terms, and with the temperature the precision.
        precision: of the products, as in `estimate`.
        cores: None means this machine's.
    """
    rows = emb.n * emb.v
    terms = terms_for(spec.all_hardenings)
    cost = PER_DIMENSION * emb.d + PER_TERM * len(terms) + BESIDES
    reach = max(term.steepness for term in terms) / spec.temperature
    double = choose_dtype(precision, reach).itemsize == 8
    cost *= FLOAT64 if double else 1.0
    seconds = VISITS * rows**2 * cost * 1e-9 / (cores or os.cpu_count() or 1)
    # Log-sums and influences of every anchor, in float64.
    memory = rows * (2 * len(terms) + 4 * len(spec.keys)) * 8e-9
    about = f"{rows:,} anchors x {rows:,} candidates x {VISITS} visits, {'float64' if double else 'float32'}, about "
    about += f"{_duration(seconds)} and {memory:.1g} GB"
    if seconds <= SECONDS and memory <= GIGABYTES:
        return Choice("exact", None, f"exact: {about}")
    share = min(SECONDS / seconds, GIGABYTES / memory)
    anchors = min(rows, max(LEAST_ANCHORS, round(rows * share, -3)))
    limit = f"all pairs ({about}) exceed {_duration(SECONDS)} or {GIGABYTES:g} GB"
    return Choice("montecarlo", int(anchors), f"{anchors:,.0f} sampled anchors against all candidates: {limit}")


def _duration(seconds: float) -> str:
    return f"{seconds:.1g} s" if seconds < 10 else f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 60:.0f} min"
