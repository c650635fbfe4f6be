"""Estimators of the losses: all yield a `LossTable`."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from boundcheck.embeddings import EmbeddingSet
from boundcheck.errors import InputError, unknown_name
from boundcheck.estimators.exact import exact
from boundcheck.estimators.finite import DEFAULT_KS, FiniteLosses, finite_losses
from boundcheck.estimators.montecarlo import DEFAULT_ANCHORS, montecarlo, sampled_anchors
from boundcheck.estimators.records import LossTable
from boundcheck.hardening import parse_hardening
from boundcheck.losses import LossSpec
from boundcheck.population.tiles import Progress

ESTIMATORS = ("auto", "exact", "montecarlo")
POSITIVES = ("auto", "augmentation", "class")
SELF_PAIRS = ("exclude", "include")
CLASS_PRIORS = ("empirical", "balanced")
PRECISIONS = ("auto", "float32", "float64")
DEFAULT_BETAS = (0.5, 1.0, 2.0, 5.0, 10.0)

# Beyond this many anchors all pairs take minutes on a laptop; "auto" then samples anchors.
EXACT_ANCHORS = 100_000


def loss_spec(
    emb: EmbeddingSet,
    *,
    temperature: float = 0.5,
    betas: Sequence[float] = DEFAULT_BETAS,
    hardening: str | Sequence[str] = "exp",
    q: Sequence[float] = (1.0,),
    positives: str = "auto",
    self_pairs: str = "exclude",
    class_prior: str = "empirical",
) -> LossSpec:
    """The variant of the losses that these options stand for, checked against the embeddings.

    Raises:
        InputError: an option is unknown or out of range, or the embeddings lack what it needs.
    """
    for parameter, value, valid in (
        ("positives", positives, POSITIVES),
        ("self_pairs", self_pairs, SELF_PAIRS),
        ("class_prior", class_prior, CLASS_PRIORS),
    ):
        if value not in valid:
            raise unknown_name(parameter, value, valid)
    if positives == "auto":
        positives = "augmentation" if emb.v >= 2 else "class"
    if positives == "augmentation" and emb.v < 2:
        raise InputError(
            f"positives: augmentation needs two or more views of each instance, received {emb.v}; use positives=class"
        )
    if positives == "class" and emb.v == 1 and self_pairs == "exclude" and emb.class_counts.max() < 2:
        raise InputError("positives: class needs a class with two or more instances, received one instance in each")
    if not q:
        raise InputError("q: needs at least one value, received none; the usual is 1")
    names = (hardening,) if isinstance(hardening, str) else tuple(hardening)
    hardenings = tuple(dict.fromkeys(h for name in names for h in parse_hardening(name, tuple(betas))))
    return LossSpec(
        temperature=float(temperature),
        hardenings=hardenings,
        q=tuple(dict.fromkeys(float(value) for value in q)),
        positives=positives,
        self_pairs="include" if self_pairs == "include" else "exclude",
        class_prior=class_prior,
    )


def run_estimator(
    emb: EmbeddingSet,
    spec: LossSpec,
    *,
    estimator: str = "auto",
    anchors: int | None = None,
    negatives: int | None = None,
    intervals: bool = True,
    seed: int = 0,
    device: str = "auto",
    precision: str = "auto",
    progress: Progress | None = None,
) -> LossTable:
    """The estimator of that name on a checked specification; "auto" is exact up to 100,000 anchors.

    Raises:
        InputError: an option is unknown, or sampling is asked of the exact estimator.
    """
    for parameter, value, valid in (("estimator", estimator, ESTIMATORS), ("precision", precision, PRECISIONS)):
        if value not in valid:
            raise unknown_name(parameter, value, valid)
    if estimator == "exact" and anchors is not None:
        raise InputError(f"estimator: exact takes every anchor, received anchors={anchors}; use montecarlo")
    many = emb.n * emb.v > EXACT_ANCHORS
    if negatives is not None and (estimator == "exact" or (estimator == "auto" and anchors is None and not many)):
        return finite_losses(emb, spec, [negatives], intervals=intervals, device=device, precision=precision).tables[
            negatives
        ]
    if estimator == "montecarlo" or (estimator == "auto" and (anchors is not None or negatives is not None or many)):
        return montecarlo(
            emb,
            spec,
            anchors=anchors,
            negatives=negatives,
            seed=seed,
            intervals=intervals,
            device=device,
            precision=precision,
            progress=progress,
        )
    return exact(emb, spec, intervals=intervals, device=device, precision=precision, progress=progress)


def estimate(
    emb: EmbeddingSet,
    *,
    temperature: float = 0.5,
    betas: Sequence[float] = DEFAULT_BETAS,
    hardening: str | Sequence[str] = "exp",
    q: Sequence[float] = (1.0,),
    positives: str = "auto",
    self_pairs: str = "exclude",
    class_prior: str = "empirical",
    estimator: str = "auto",
    anchors: int | None = None,
    negatives: int | None = None,
    intervals: bool = True,
    seed: int = 0,
    device: str = "auto",
    precision: str = "auto",
    progress: Progress | None = None,
) -> LossTable:
    """UCL, H-UCL, SCL and H-SCL of an embedding set (theory section 2).

    Args:
        emb: embeddings and labels.
        temperature: tau > 0.
        betas: tilts of the exponential hardening, >= 0; 0 is no tilt and is always there as UCL and SCL.
        hardening: "exp", "threshold:T" (a cosine), "poly:P", or several of them.
        q: values of Q > 0; inf is the decoupled loss.
        positives: "augmentation" (other views), "class" (other views with the same label), or "auto": augmentation
            with two or more views, else class.
        self_pairs: "exclude" the anchor's own instance from the pools, or "include" it: the data are the population.
        class_prior: "empirical" or "balanced".
        estimator: "exact", "montecarlo" or "auto".
        anchors: how many anchors to sample; None means all.
        negatives: k, None means the limit. The exact estimator averages over all draws (`population.laplace`), Monte
            Carlo makes them.
        intervals: False gives point estimates from one visit to the pairs, without bias correction.
        seed: of what is sampled.
        device: "auto", "cpu", "cuda" or "mps".
        precision: "auto", "float32" or "float64" products.
        progress: called with (done, total, unit).

    Returns:
        The table; `.to_frame()` has the columns of losses.csv.

    Raises:
        InputError: an option is unknown or out of range, or the embeddings lack what it needs.
    """
    spec = loss_spec(
        emb,
        temperature=temperature,
        betas=betas,
        hardening=hardening,
        q=q,
        positives=positives,
        self_pairs=self_pairs,
        class_prior=class_prior,
    )
    return run_estimator(
        emb,
        spec,
        estimator=estimator,
        anchors=anchors,
        negatives=negatives,
        intervals=intervals,
        seed=seed,
        device=device,
        precision=precision,
        progress=progress,
    )


def finite_k(
    emb: EmbeddingSet,
    *,
    negatives: Sequence[int] = DEFAULT_KS,
    temperature: float = 0.5,
    betas: Sequence[float] = DEFAULT_BETAS,
    hardening: str | Sequence[str] = "exp",
    q: Sequence[float] = (1.0,),
    positives: str = "auto",
    self_pairs: str = "exclude",
    class_prior: str = "empirical",
    anchors: int | None = None,
    intervals: bool = True,
    seed: int = 0,
    device: str = "auto",
    precision: str = "auto",
) -> FiniteLosses:
    """The losses at several numbers of negatives k, beside their limit: how many negatives are infinite?

    Args:
        emb: embeddings and labels.
        negatives: the k's, each at least 1.
        temperature, betas, hardening, q, positives, self_pairs, class_prior: the variant, see `estimate`.
        anchors: how many to sample; None means all, but at most 2,000.
        intervals: False leaves standard errors and bias corrections out.
        seed: of the sampled anchors.
        device, precision: see `estimate`.

    Returns:
        `.to_frame()`: losses by k with their gaps to the limit; `.k_epsilon(key, epsilon)`, `.k_epsilon_frame()`.

    Raises:
        InputError: an option is unknown or out of range, or the embeddings lack what it needs.
    """
    spec = loss_spec(
        emb,
        temperature=temperature,
        betas=betas,
        hardening=hardening,
        q=q,
        positives=positives,
        self_pairs=self_pairs,
        class_prior=class_prior,
    )
    some = finite_anchors(emb, anchors, seed)
    return finite_losses(emb, spec, negatives, anchors=some, intervals=intervals, device=device, precision=precision)


def finite_anchors(emb: EmbeddingSet, anchors: int | None, seed: int) -> Tensor | None:
    """Original indices of the anchors that losses at finite k are averaged over; None for all."""
    if anchors is None and emb.n * emb.v <= DEFAULT_ANCHORS:
        return None
    return sampled_anchors(emb, DEFAULT_ANCHORS if anchors is None else anchors, seed)


__all__ = [
    "DEFAULT_BETAS",
    "DEFAULT_KS",
    "FiniteLosses",
    "LossTable",
    "estimate",
    "finite_anchors",
    "finite_k",
    "finite_losses",
    "loss_spec",
    "run_estimator",
]
