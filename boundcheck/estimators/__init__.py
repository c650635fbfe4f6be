"""Estimators of the losses: all yield a `LossTable`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Unpack

from torch import Tensor

from boundcheck.embeddings import EmbeddingSet
from boundcheck.errors import InputError
from boundcheck.estimators.choice import choose
from boundcheck.estimators.closed import closed
from boundcheck.estimators.exact import exact, pair_plan
from boundcheck.estimators.finite import DEFAULT_KS, FiniteLosses, finite_losses
from boundcheck.estimators.montecarlo import DEFAULT_ANCHORS, montecarlo, sampled_anchors
from boundcheck.estimators.populations import Population, checked, parse_population
from boundcheck.estimators.records import LossTable
from boundcheck.pairwise.ring.shards import ShardedEmbeddings
from boundcheck.spec import Execution, Options, Variant, understood


def choose_estimator(emb: EmbeddingSet | Population, variant: Variant, execution: Execution) -> tuple[Execution, str]:
    """The execution with its estimator and sampled anchors decided where they are "auto", and why, in one line.

    Raises:
        InputError: the estimator is not for what it is given.
    """
    population = isinstance(emb, Population)
    if population and execution.estimator not in ("auto", "closed"):
        raise InputError(
            f"estimator: a population has closed forms alone, received {execution.estimator}; "
            "take embeddings instead, population.sample()"
        )
    if isinstance(emb, Population):
        return replace(execution, estimator="closed"), ""
    if execution.estimator == "closed":
        raise InputError("estimator: closed needs a population, received embeddings; name one such as vmf:kappa=20")
    if execution.estimator != "auto":
        return execution, ""
    if execution.anchors is not None:
        return replace(execution, estimator="montecarlo"), "montecarlo: sampled anchors were asked for"
    cores = emb.ring.cores if isinstance(emb, ShardedEmbeddings) else None
    choice = choose(emb, variant, precision=execution.precision, cores=cores)
    return replace(execution, estimator=choice.estimator, anchors=choice.anchors), choice.reason


def estimate(
    emb: EmbeddingSet | Population | str,
    variant: Variant | None = None,
    execution: Execution | None = None,
    *,
    negatives: int | None = None,
    intervals: bool = True,
    **options: Unpack[Options],
) -> LossTable:
    """UCL, H-UCL, SCL and H-SCL of an embedding set, or other losses.

    Args:
        emb: embeddings and labels; or a known population or its text, such as "vmf:classes=10,dim=64,kappa=20",
            whose losses come from closed forms.
        variant: which variant of the losses.
        execution: how they are computed.
        negatives: k, None means the limit. The exact estimator averages over all draws, Monte Carlo makes them.
        intervals: False gives point estimates from one pass over the pairs, without bias correction.
        **options: fields of `Variant` and `Execution`, in their place or to change them.

    Returns:
        The table; `.to_frame()` has the columns of losses.csv.

    Raises:
        InputError: an option is unknown or out of range, or the embeddings lack what it needs.
    """
    emb = checked(emb)
    variant, execution = understood(variant, execution, options)
    execution, reason = choose_estimator(emb, variant, execution)
    if isinstance(emb, Population):
        if negatives is not None:
            raise limits_alone([negatives])
        return closed(emb, variant, anchors=execution.anchors, seed=execution.seed)
    variant = variant.on(emb)
    if execution.estimator == "montecarlo":
        losses = montecarlo(emb, variant, execution, negatives=negatives, intervals=intervals)
    elif negatives is not None:
        losses = finite_losses(emb, variant, [negatives], execution, intervals=intervals).tables[negatives]
    else:
        losses = exact(emb, variant, execution, intervals=intervals)
    return replace(losses, reason=reason)


def limits_alone(ks: Sequence[int]) -> InputError:
    """The error of who asks for numbers of negatives of a population, whose closed forms are limits."""
    return InputError(
        f"negatives: a population has closed forms in the limit alone, received {list(ks)}; "
        "take embeddings instead, population.sample()"
    )


def finite_k(
    emb: EmbeddingSet | Population | str,
    variant: Variant | None = None,
    execution: Execution | None = None,
    *,
    negatives: Sequence[int] = DEFAULT_KS,
    intervals: bool = True,
    **options: Unpack[Options],
) -> FiniteLosses:
    """The losses at several numbers of negatives k, beside their limit: how many negatives are infinite?

    Args:
        emb: embeddings and labels; a known population is refused, as its closed forms are limits.
        variant: which variant of the losses.
        execution: how they are computed; without `anchors` at most 2,000 are sampled.
        negatives: the k's, each at least 1.
        intervals: False leaves standard errors and bias corrections out.
        **options: fields of `Variant` and `Execution`, in their place or to change them.

    Returns:
        `.to_frame()`: losses by k with their gaps to the limit; `.k_epsilon(key, epsilon)`, `.k_epsilon_frame()`.

    Raises:
        InputError: an option is unknown or out of range, or the embeddings lack what it needs.
    """
    emb = checked(emb)
    if isinstance(emb, Population):
        raise limits_alone(negatives)
    variant, execution = understood(variant, execution, options)
    some = finite_anchors(emb, execution)
    return finite_losses(emb, variant, negatives, execution, anchors=some, intervals=intervals)


def finite_anchors(emb: EmbeddingSet, execution: Execution) -> Tensor | None:
    """Original indices of the anchors that losses at finite k are averaged over; None for all."""
    asked = execution.anchors
    if asked is None and emb.n * emb.v <= DEFAULT_ANCHORS:
        return None
    return sampled_anchors(emb, DEFAULT_ANCHORS if asked is None else asked, execution.seed)


__all__ = [
    "DEFAULT_KS",
    "FiniteLosses",
    "LossTable",
    "Population",
    "choose_estimator",
    "estimate",
    "finite_anchors",
    "finite_k",
    "finite_losses",
    "limits_alone",
    "pair_plan",
    "parse_population",
]
