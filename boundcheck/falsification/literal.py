"""The losses at 50 decimal digits, by their definitions written out, for a few points: what certifies a find.

Nothing here is shared with the estimators but the records: no log-sum-exp, no pools as differences, no tiles. Logits
are formed from the stored rows, scaled to norm 1 at 50 digits where the set is normalised; temperature, beta and Q are
the float64 numbers received. Every number of the result is the float64 nearest to its 50-digit value.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from mpmath import mp
from torch import Tensor

from boundcheck.embeddings import EmbeddingSet
from boundcheck.estimators.anchor_losses import AnchorLosses, instance_weights, normalise_weights
from boundcheck.estimators.exact import assemble, with_groups
from boundcheck.estimators.records import Cost, LossTable
from boundcheck.hardening import Hardening, LogTerm, terms_for
from boundcheck.losses import LossKey
from boundcheck.pairwise.cumulants import CumulantTable
from boundcheck.pools import Pool, Relation
from boundcheck.spec import Variant

DIGITS = 50
Number = Any  # mpmath's mpf


@dataclass(frozen=True)
class _Points:
    """Views as they enter the definitions, at 50 digits."""

    t: list[list[Number]]  # logits of all pairs of views
    weight: list[Number]  # w_b of every view
    instance: list[int]
    label: list[int]
    group: list[int] | None
    variant: Variant

    def pool(self, a: int, pool: Pool) -> list[int]:
        """The negatives of anchor a."""
        views = range(len(self.label))
        kept = [b for b in views if self.variant.self_pairs == "include" or self.instance[b] != self.instance[a]]
        return [b for b in kept if self.relation(a, b) in pool.relations]

    def relation(self, a: int, b: int) -> Relation:
        """How two views are related."""
        if self.label[a] == self.label[b]:
            return Relation.SAME_CLASS
        akin = self.group is not None and self.group[a] == self.group[b]
        return Relation.SIBLING if akin else Relation.UNRELATED

    def positives(self, a: int) -> list[int]:
        """The positives of anchor a."""
        views = range(len(self.label))
        if self.variant.positives == "augmentation":
            return [b for b in views if b != a and self.instance[b] == self.instance[a]]
        itself = self.variant.self_pairs == "include"
        return [b for b in views if self.label[b] == self.label[a] and (b != a or itself)]

    def total(self, a: int, pool: Pool, f: Callable[[Number], Number]) -> Number:
        """sum over the pool of w_b f(t_ab)."""
        return mp.fsum(self.weight[b] * f(self.t[a][b]) for b in self.pool(a, pool))

    def rho(self, a: int, pool: Pool, hardening: Hardening) -> Number | None:
        """log of the tilted mean of e^t; None where the tilted pool is empty."""
        eta = _eta(hardening, self.variant.temperature)
        below = self.total(a, pool, eta)
        return mp.log(self.total(a, pool, lambda t: eta(t) * mp.exp(t)) / below) if below else None

    def largest(self, a: int, pool: Pool) -> Number | None:
        """The largest logit of the pool, None where it is empty."""
        return max((self.t[a][b] for b in self.pool(a, pool)), default=None)

    def loss(self, a: int, rho: Number | None, q: float) -> tuple[float, float, float]:
        """Mean over positives of log(1 + Q e^{rho - t}) and its two derivatives in rho; NaN where undefined."""
        positives = self.positives(a)
        if rho is None or not positives:
            return math.nan, math.nan, math.nan
        parts = [_loss(rho - self.t[a][p], q) for p in positives]
        value, slope, curvature = (float(mp.fsum(part) / len(positives)) for part in zip(*parts, strict=True))
        return value, slope, curvature


def literal(
    emb: EmbeddingSet, variant: Variant, anchors: Tensor | None = None
) -> tuple[LossTable, dict[LossKey, Tensor]]:
    """The losses and the worst case of the untilted ones; arguments and result as in `dense`."""
    start, variant = time.perf_counter(), variant.on(emb)
    anchors = torch.arange(emb.n * emb.v) if anchors is None else anchors
    rows: list[int] = anchors.tolist()
    terms = terms_for(variant.hardenings)
    parts = [Pool("part", "", relations) for relations in variant.partition]
    with mp.workdps(DIGITS):
        points = _points(emb, variant)
        log_sums = [
            [[_log(points.total(a, part, _summand(term, variant.temperature))) for term in terms] for part in parts]
            for a in rows
        ]
        largest = [[_number(points.largest(a, part)) for part in parts] for a in rows]
        losses = _losses(
            emb, variant, points, anchors, variant.keys, lambda a, key: points.rho(a, key.tilt.pool, key.hardening)
        )
        untilted = tuple(key for key in variant.keys if not key.loss.hardened)
        worst = _losses(emb, variant, points, anchors, untilted, lambda a, key: points.largest(a, key.tilt.pool))
    table = CumulantTable(
        terms,
        torch.tensor(log_sums, dtype=torch.float64),
        torch.tensor(largest, dtype=torch.float64),
        anchors,
        variant.partition,
    )
    cost = Cost(len(rows) * emb.n * emb.v, time.perf_counter() - start)
    result = assemble(emb, variant, table, losses, None, False, cost, estimator="literal")
    return result, dict(zip(untilted, worst.value.unbind(1), strict=True))


def _points(emb: EmbeddingSet, variant: Variant) -> _Points:
    z = [[mp.mpf(x) for x in row] for row in emb.z.reshape(-1, emb.d).tolist()]
    if emb.normalize:
        z = [_unit(row) for row in z]
    label = emb.y.repeat(emb.v).tolist()
    groups = with_groups(emb, variant).groups
    size = [views * mp.mpf(emb.c) / len(label) for views in (emb.class_counts * emb.v).tolist()]
    return _Points(
        t=[[mp.fdot(a, b) / mp.mpf(variant.temperature) for b in z] for a in z],
        weight=[mp.one if variant.class_prior == "empirical" else 1 / size[y] for y in label],
        instance=[i for i in range(emb.n) for _ in range(emb.v)],
        label=label,
        group=None if groups is None else groups.repeat(emb.v).tolist(),
        variant=variant,
    )


def _unit(row: list[Number]) -> list[Number]:
    norm = mp.sqrt(mp.fdot(row, row))
    return [x / norm for x in row]


def _losses(
    emb: EmbeddingSet,
    variant: Variant,
    points: _Points,
    anchors: Tensor,
    keys: tuple[LossKey, ...],
    rho: Callable[[int, LossKey], Number | None],
) -> AnchorLosses:
    rows = [[points.loss(a, rho(a, key), key.q) for key in keys] for a in anchors.tolist()]
    value, slope, curvature = torch.tensor(rows, dtype=torch.float64).unbind(2)
    weight = instance_weights(torch.from_numpy(emb.y), variant.class_prior)[anchors // emb.v]
    weight = normalise_weights(weight, ~torch.isnan(value), emb.n * emb.v)
    return AnchorLosses(keys, value, slope, curvature, weight, weight.new_zeros(emb.n, len(keys)))


def _loss(x: Number, q: float) -> tuple[Number, Number, Number]:
    if math.isinf(q):
        return x, mp.one, mp.zero
    odds = mp.mpf(q) * mp.exp(x)
    slope = odds / (1 + odds)
    return mp.log(1 + odds), slope, slope / (1 + odds)


def _eta(hardening: Hardening, temperature: float) -> Callable[[Number], Number]:
    """eta as a function of the logit."""
    tau = mp.mpf(temperature)
    return lambda t: hardening.eta(t, tau)


def _summand(term: LogTerm, temperature: float) -> Callable[[Number], Number]:
    eta = _eta(term.eta, temperature) if term.eta is not None else None
    gamma = mp.mpf(term.gamma)
    return lambda t: mp.exp(gamma * t) * (eta(t) if eta is not None else 1)


def _log(total: Number) -> float:
    return float(mp.log(total)) if total else -math.inf


def _number(value: Number | None) -> float:
    return -math.inf if value is None else float(value)
