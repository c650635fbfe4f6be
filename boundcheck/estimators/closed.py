"""The closed-form estimator: a known population's losses, where only anchors and positives are sampled.

The log-sums of an anchor over its pools of infinitely many negatives are exact (`VmfMixture.log_masses`); its own
instance has no mass in them. What is left to chance is which anchors, and which positives of each: a standard error
that falls with their number alone.
"""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from boundcheck.embeddings import EmbeddingSet
from boundcheck.errors import InputError
from boundcheck.estimators.anchor_losses import AnchorLosses
from boundcheck.estimators.populations import Population
from boundcheck.estimators.records import Cost, LossTable
from boundcheck.estimators.shares import MarginSummary
from boundcheck.hardening import Constant, Exponential, Hardening, terms_for
from boundcheck.inference.influence import standard_error
from boundcheck.inference.intervals import Share
from boundcheck.losses import LossKey
from boundcheck.options import check, whole
from boundcheck.pairwise.cumulants import TOLERANCE, CumulantTable
from boundcheck.pairwise.positives import augmentation_means
from boundcheck.pools import BY_CLASS
from boundcheck.spec import Variant

POSITIVES_PER_ANCHOR = 4
# Numbers held at a time: anchors of high dimension come in smaller samples.
ANCHORS, NUMBERS = 10_000, 20_000_000


def closed(population: Population, variant: Variant, *, anchors: int | None = None, seed: int = 0) -> LossTable:
    """The losses of a known population, from sampled anchors with exact pools.

    Args:
        population: the distribution.
        variant: exponential hardening or none, pools without the anchor's own instance.
        anchors: how many to sample; None means 10,000, fewer in more than 400 dimensions.
        seed: of anchors and positives.

    Returns:
        The table. Its embedding set holds each anchor as view 0 and its sampled positives as further views. Standard
        errors are those of the sampled anchors and positives; anchors are stratified by component, two of each at
        least, and weigh what their component does.

    Raises:
        InputError: the variant has no closed form, or fewer than two anchors of each class are asked for.
    """
    _refuse(variant)
    variant = variant.with_views(population.v)
    width = (1 + POSITIVES_PER_ANCHOR) * population.mixture.dim
    m = min(ANCHORS, max(NUMBERS // width, 500)) if anchors is None else anchors
    check("anchors", m, whole(2 * len(population.mixture.means)), f"each class needs two; the usual is {ANCHORS}")
    start = time.perf_counter()
    mixture = population.mixture if variant.class_prior == "empirical" else population.mixture.balanced()
    share, labels = np.asarray(mixture.share), np.asarray(mixture.labels)
    rng = np.random.default_rng([seed, 2])
    size = _allocation(share, m, rng.random())
    component = np.repeat(np.arange(len(share)), size)
    positive = np.repeat(component[:, None], POSITIVES_PER_ANCHOR, axis=1)
    if variant.positives == "class":
        positive = _same_class(component, share, labels, rng)
    everyone = np.concatenate([component[:, None], positive], axis=1)
    z = mixture.sample(everyone.ravel(), rng).reshape(m, 1 + POSITIVES_PER_ANCHOR, -1)
    y = labels[component]

    terms = terms_for(variant.hardenings)
    x, index = np.ascontiguousarray(z[:, 0]), torch.arange(m) * z.shape[1]
    masses = [torch.from_numpy(mixture.log_masses(x, y, term.gamma, variant.temperature)) for term in terms]
    largest = torch.from_numpy(mixture.largest_logits(x, y, variant.temperature))
    table = CumulantTable(terms, torch.stack(masses, 2), largest, index, BY_CLASS)
    emb = EmbeddingSet(z, y, meta={"dataset": population.name, "seed": seed})
    rho = torch.stack([table.rho(key.tilt.pool, key.hardening) for key in variant.keys], 1)
    means = augmentation_means(
        torch.from_numpy(z), index, rho, tuple(key.q for key in variant.keys), variant.temperature
    )
    stratum = torch.from_numpy(component)
    weight = torch.from_numpy(m * share / size)[stratum]  # (m,) what each anchor stands for, mean one
    every = (z.shape[1] * weight)[:, None].expand_as(means.value)
    losses = AnchorLosses(variant.keys, means.value, means.slope, means.curvature, every, means.influence)
    return LossTable(
        emb,
        variant,
        "closed",
        None,
        table,
        losses,
        torch.zeros(len(variant.keys), dtype=torch.float64),
        _influence(means.value, weight, stratum),
        {h: _margin(table, h, weight, stratum) for h in variant.hardenings},
        Cost(m * POSITIVES_PER_ANCHOR, time.perf_counter() - start),
        anchor_weight=weight,
    )


def _allocation(share: np.ndarray, m: int, start: float) -> np.ndarray:
    """Anchors of each component: its share of m to within one, and two at least, which the largest give up."""
    points = np.minimum((np.arange(m) + start) / m, 1 - 1e-12)
    component = np.minimum(np.searchsorted(np.cumsum(share), points, side="right"), len(share) - 1)
    size = np.bincount(component, minlength=len(share))
    while size.min() < 2:
        size[size.argmin()] += 1
        size[size.argmax()] -= 1
    return size


def _margin(table: CumulantTable, hardening: Hardening, weight: Tensor, stratum: Tensor) -> MarginSummary:
    """Assumption 1 against the whole population, at the sampled anchors."""
    margin = table.margin(hardening)
    met = (margin[:, None] >= -TOLERANCE).to(torch.float64)
    value = float((weight * met[:, 0]).mean())
    share = Share(value, standard_error(_influence(met, weight, stratum)[:, 0]), len(margin))
    return MarginSummary(hardening, margin, share, None)


def population_worst_case(losses: LossTable) -> dict[LossKey, Tensor]:
    """Per-anchor losses of a closed-form table in the limit beta -> inf, by the key of the untilted loss."""
    keys = [key for key in losses.keys if isinstance(key.hardening, Constant)]
    rho = torch.stack([losses.table.largest_logit(key.tilt.pool) for key in keys], 1)
    z, q = torch.from_numpy(losses.emb.z), tuple(key.q for key in keys)
    values = augmentation_means(z, losses.table.anchors, rho, q, losses.variant.temperature).value
    return {key: values[:, i] for i, key in enumerate(keys)}


def population_limits(population: Population, variant: Variant, *, tables: int = 4) -> pd.DataFrame:
    """The exact large-negative limits of a population: the mean of closed-form tables with anchors of their own.

    Args:
        population: the distribution.
        variant: see `closed`.
        tables: how many, of 10,000 anchors each (fewer in more than 400 dimensions).

    Returns:
        quantity (ucl, hucl, scl, hscl, or assumption1: the share of anchors with margin >= 0 against the whole
        population), hardening, beta, q, limit (nats or share), limit_se (of the sampled anchors).
    """
    frames = [_limits_of(closed(population, variant, seed=i)) for i in range(tables)]
    errors = np.stack([frame.limit_se for frame in frames])
    mean = np.stack([frame.limit for frame in frames]).mean(0)
    return frames[0].assign(limit=mean, limit_se=np.sqrt((errors**2).sum(0)) / tables)


def _limits_of(table: LossTable) -> pd.DataFrame:
    losses = [
        dict(quantity=key.loss.id, hardening=key.hardening.family, beta=key.hardening.beta, q=key.q)
        | dict(limit=table.loss(key).value, limit_se=table.loss(key).se)
        for key in table.keys
    ]
    shares = [
        dict(quantity="assumption1", hardening=h.family, beta=h.beta, limit=s.share.value, limit_se=s.share.se)
        for h, s in table.margins.items()
    ]
    frame = pd.DataFrame([*losses, *shares])
    return frame.astype({"beta": float, "q": float})


def _refuse(variant: Variant) -> None:
    for h in variant.tilts:
        if not isinstance(h, (Constant, Exponential)):
            raise InputError(f"hardening: a population's limits are known for exp alone, received {h.family}")
    if lacking := next((loss.id for loss in variant.losses if loss.pool.needs_groups), None):
        raise InputError(f"losses: '{lacking}' needs super-classes, which a population has not; take embeddings")
    if variant.self_pairs != "exclude":
        raise InputError(
            f"self_pairs: in a population an anchor's own instance has no mass, received {variant.self_pairs}; "
            "use exclude"
        )


def _same_class(component: np.ndarray, share: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Components of the positives: drawn from the anchor's class."""
    out = np.empty((len(component), POSITIVES_PER_ANCHOR), dtype=np.int64)
    for c in range(labels.max() + 1):
        rows, members = labels[component] == c, np.flatnonzero(labels == c)
        p = share[members] / share[members].sum()
        out[rows] = rng.choice(members, (int(rows.sum()), POSITIVES_PER_ANCHOR), p=p)
    return out


def _influence(values: Tensor, weight: Tensor, stratum: Tensor) -> Tensor:
    """(a, f) influences of a stratified mean, whose variance is sum over strata of W^2 s^2 / m, s^2 with m - 1."""
    count = torch.bincount(stratum).to(values.dtype)
    total = values.new_zeros(len(count), values.shape[1]).index_add_(0, stratum, values)
    means, size = total / count[:, None], count[stratum]
    degrees = torch.sqrt((1 - 1 / len(values)) * size / (size - 1))
    return (weight * degrees)[:, None] * (values - means[stratum])
