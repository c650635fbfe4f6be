"""Data sets on which the answer is known beforehand, and the evidence of any data set."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from boundcheck.claims import CLAIMS, Claim, Evidence, Judgement, judge
from boundcheck.claims.evidence import gather
from boundcheck.embeddings import EmbeddingSet
from boundcheck.estimators import estimate, pair_plan
from boundcheck.estimators.critical_beta import crossings, worst_case_losses
from boundcheck.estimators.measured import Measured
from boundcheck.losses import LossKey
from boundcheck.pairwise.passes import run_one
from boundcheck.spec import understood

FAMILIES = ("exp", "threshold:0.2", "poly:2")


def clusters(per_class: int = 12, classes: int = 3, views: int = 2, spread: float = 0.3, seed: int = 0) -> EmbeddingSet:
    """Classes far apart: Assumption 1 holds at every anchor while the spread stays small."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), per_class)
    noise = rng.standard_normal((len(labels), views, classes + 2)) / math.sqrt(classes + 2)
    return EmbeddingSet(np.eye(classes, classes + 2)[labels][:, None] + spread * noise, labels)


def shared_places(places: int = 40, views: int = 2, spread: float = 0.05, seed: int = 0) -> EmbeddingSet:
    """One instance of each of two classes at every place: an anchor's nearest is always of the other class.

    Assumption 1 then fails at every anchor: the other class's pool holds the anchor's own place, its class's does not.
    """
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((places, 6))
    centres = np.repeat(centres / np.linalg.norm(centres, axis=1, keepdims=True), 2, axis=0)
    z = centres[:, None] + spread * rng.standard_normal((2 * places, views, 6))
    return EmbeddingSet(z, np.arange(2 * places) % 2)


def hub_and_rim(rim: int = 150, hub: int = 30, views: int = 2, d: int = 16, seed: int = 0) -> EmbeddingSet:
    """A large class spread over a circle of latitude about a small one: its members are nearer to that than to each
    other, so Assumption 1 fails at five anchors in six, and Theorem 1's inequality with it, in any number of instances.
    """
    rng = np.random.default_rng(seed)
    y = np.repeat([0, 1], [rim, hub])
    around = rng.standard_normal((rim + hub, d - 1))
    around /= np.linalg.norm(around, axis=1, keepdims=True)
    angle = np.where(y == 0, math.pi / 3, 0.35)[:, None]
    place = np.concatenate([np.cos(angle), np.sin(angle) * around], 1)
    return EmbeddingSet(place[:, None] + 0.02 * rng.standard_normal((rim + hub, views, d)), y)


def polygon(classes: int = 12, per_class: int = 8) -> EmbeddingSet:
    """Each class one corner of a regular polygon: every anchor sees the same logits, cos(2 pi k / C) / tau."""
    angle = 2 * np.pi * np.repeat(np.arange(classes), per_class) / classes
    z = np.stack([np.cos(angle), np.sin(angle)], 1)
    return EmbeddingSet(np.repeat(z[:, None], 2, axis=1), np.repeat(np.arange(classes), per_class))


def certain(evidence: Evidence) -> Evidence:
    """The same where the set is all there is: nothing is left to chance, so that the sign of a gap decides."""
    losses = evidence.losses
    nothing = torch.zeros(losses.emb.n, len(losses.keys), dtype=torch.float64)
    variant = losses.variant.but(self_pairs="include")
    return replace(
        evidence,
        losses=replace(losses, variant=variant, influence=nothing, correction=torch.zeros_like(losses.correction)),
    )


def evidence_of(
    emb: EmbeddingSet, crossing: bool = False, negatives: int | None = None, intervals: bool = True, **options: Any
) -> Evidence:
    """What claims read; options as in `verify`. The crossing is left out unless it is asked for."""
    variant, execution = understood(None, None, options | {"device": "cpu"})
    losses = estimate(emb, variant, execution, negatives=negatives, intervals=intervals)
    every = len(losses.table.anchors) == emb.n * emb.v
    plan = pair_plan(emb, losses.variant, execution).of(None if every else losses.table.anchors)
    worst_case = run_one(plan, worst_case_losses(emb, losses.variant, losses.table))
    crossed = run_one(plan, crossings(losses, worst_case)) if crossing else {}
    critical = torch.full((len(losses.table.anchors),), torch.nan, dtype=torch.float64)
    return gather(Measured(losses, worst_case, crossed, critical), execution, plan)


def judged(claim: str | Claim, evidence: Evidence) -> list[Judgement]:
    """The judgements of a claim at 95 %."""
    return judge(CLAIMS[claim] if isinstance(claim, str) else claim, evidence, 0.95)


def verdicts(claim: str | Claim, evidence: Evidence) -> set[str]:
    """The distinct verdicts of a claim."""
    return {judgement.verdict for judgement in judged(claim, evidence)}


def with_loss(evidence: Evidence, key: LossKey, change: float, anchor: int | slice = slice(None)) -> Evidence:
    """The same evidence with one loss moved by `change` nats at the given rows."""
    losses = evidence.losses
    value = losses.losses.value.clone()
    value[anchor, losses.keys.index(key)] += change
    moved = dataclasses.replace(losses, losses=dataclasses.replace(losses.losses, value=value))
    return dataclasses.replace(evidence, losses=moved)


def with_log_sums(evidence: Evidence, part: int, change: float, anchor: int) -> Evidence:
    """The same evidence with the log-sums of one part (0 same, 1 diff) moved at one row."""
    table = evidence.losses.table
    log_sums = table.log_sums.clone()
    log_sums[anchor, part] += change
    moved = dataclasses.replace(evidence.losses, table=dataclasses.replace(table, log_sums=log_sums))
    return dataclasses.replace(evidence, losses=moved)


def confusable_few(apart: int = 20, near: int = 6) -> EmbeddingSet:
    """Two classes, out of each other's reach but for `near` instances of each; Assumption 1 holds at those.

    At a threshold of cosine 0.4 the others see only their own class (cosine 0.5), and their H-UCL is small.
    """
    d = 2 * apart + 4
    z = np.zeros((2 * (apart + near), d))
    for i in range(2 * apart):
        z[i, 0], z[i, 4 + i] = (1 if i < apart else -1), 1
    for i in range(2 * near):
        angle, wobble = (0.0 if i < near else 0.3), 0.03 * (i % near)
        z[2 * apart + i, 1:4] = math.cos(angle), math.sin(angle), wobble
    return EmbeddingSet(np.repeat(z[:, None], 2, axis=1), np.repeat([0, 1, 0, 1], [apart, apart, near, near]))
