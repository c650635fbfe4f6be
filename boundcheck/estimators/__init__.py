"""Estimators of the losses: all yield a `LossTable`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from boundcheck.embeddings import EmbeddingSet
from boundcheck.errors import InputError, unknown_name
from boundcheck.estimators.choice import choose
from boundcheck.estimators.closed import closed
from boundcheck.estimators.exact import exact
from boundcheck.estimators.finite import DEFAULT_KS, FiniteLosses, finite_losses
from boundcheck.estimators.montecarlo import DEFAULT_ANCHORS, montecarlo, sampled_anchors
from boundcheck.estimators.multilevel import multilevel
from boundcheck.estimators.populations import Population, parse_population
from boundcheck.estimators.records import LossTable
from boundcheck.hardening import parse_hardening
from boundcheck.losses import LossSpec
from boundcheck.pairwise.ring.shards import ShardedEmbeddings
from boundcheck.pairwise.tiles import Progress

ESTIMATORS = ("auto", "exact", "montecarlo", "multilevel", "closed")
POSITIVES = ("auto", "augmentation", "class")
SELF_PAIRS = ("exclude", "include")
CLASS_PRIORS = ("empirical", "balanced")
PRECISIONS = ("auto", "float32", "float64")
DEFAULT_BETAS = (0.5, 1.0, 2.0, 5.0, 10.0)


def loss_spec(
    emb: EmbeddingSet | Population,
    *,
    temperature: float = 0.5,
    betas: Sequence[float] = DEFAULT_BETAS,
    hardening: str | Sequence[str] = "exp",
    q: Sequence[float] = (1.0,),
    positives: str = "auto",
    self_pairs: str = "exclude",
    class_prior: str = "empirical",
) -> LossSpec:
    """The variant of the losses that these options stand for, checked against the embeddings (or a known population).

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
    lonely = isinstance(emb, EmbeddingSet) and emb.v == 1 and self_pairs == "exclude" and emb.class_counts.max() < 2
    if positives == "class" and lonely:
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
    emb: EmbeddingSet | Population,
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
    """The estimator of that name on a checked specification; "auto" decides by a cost model, see `choice`.

    A population takes the closed form, and no other estimator.

    Raises:
        InputError: an option is unknown, or the estimator cannot do what is asked of it.
    """
    for parameter, value, valid in (("estimator", estimator, ESTIMATORS), ("precision", precision, PRECISIONS)):
        if value not in valid:
            raise unknown_name(parameter, value, valid)
    if isinstance(emb, Population):
        if estimator not in ("auto", "closed") or negatives is not None:
            asked = f"estimator {estimator}" if negatives is None else f"negatives={negatives}"
            raise InputError(
                f"estimator: a population has closed forms in the limit alone, received {asked}; "
                "take embeddings instead, population.sample()"
            )
        return closed(emb, spec, anchors=anchors, seed=seed)
    if estimator == "closed":
        raise InputError("estimator: closed needs a population, received embeddings; name one such as vmf:kappa=20")
    if estimator == "exact" and anchors is not None:
        raise InputError(f"estimator: exact takes every anchor, received anchors={anchors}; use montecarlo")
    if estimator == "multilevel":
        if negatives is not None:
            raise InputError(f"negatives: multilevel estimates the limit, received {negatives}; use montecarlo")
        return multilevel(emb, spec, anchors=anchors, seed=seed, progress=progress)
    reason = ""
    if estimator == "auto":
        cores = emb.ring.cores if isinstance(emb, ShardedEmbeddings) else None
        choice = choose(emb, spec, precision=precision, cores=cores)
        estimator, reason = choice.estimator, choice.reason
        if anchors is not None:
            estimator, reason = "montecarlo", "montecarlo: sampled anchors were asked for"
        else:
            anchors = choice.anchors
    if estimator == "montecarlo":
        result = montecarlo(
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
    elif negatives is not None:
        finite = finite_losses(emb, spec, [negatives], intervals=intervals, device=device, precision=precision)
        result = finite.tables[negatives]
    else:
        result = exact(emb, spec, intervals=intervals, device=device, precision=precision, progress=progress)
    return replace(result, reason=reason)


def estimate(
    emb: EmbeddingSet | Population | str,
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
        emb: embeddings and labels; or a known population or its text, such as "vmf:classes=10,dim=64,kappa=20",
            whose losses come from closed forms.
        temperature: tau > 0.
        betas: tilts of the exponential hardening, >= 0; 0 is no tilt and is always there as UCL and SCL.
        hardening: "exp", "threshold:T" (a cosine), "poly:P", or several of them.
        q: values of Q > 0; inf is the decoupled loss.
        positives: "augmentation" (other views), "class" (other views with the same label), or "auto": augmentation
            with two or more views, else class.
        self_pairs: "exclude" the anchor's own instance from the pools, or "include" it: the data are the population.
        class_prior: "empirical" or "balanced".
        estimator: "exact"; "montecarlo": sampled anchors against all candidates; "multilevel": sampled negatives too,
            losses alone, about the data set itself; "closed": populations only; or "auto".
        anchors: how many anchors to sample; None means all.
        negatives: k, None means the limit. The exact estimator averages over all draws (`population.finite`), Monte
            Carlo makes them.
        intervals: False gives point estimates from one pass over the pairs, without bias correction.
        seed: of what is sampled.
        device: "auto", "cpu", "cuda" or "mps".
        precision: "auto", "float32" or "float64" products.
        progress: called with (done, total, unit).

    Returns:
        The table; `.to_frame()` has the columns of losses.csv.

    Raises:
        InputError: an option is unknown or out of range, or the embeddings lack what it needs.
    """
    if isinstance(emb, str):
        emb = parse_population(emb)
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
    "Population",
    "estimate",
    "finite_anchors",
    "finite_k",
    "finite_losses",
    "loss_spec",
    "parse_population",
    "run_estimator",
]
