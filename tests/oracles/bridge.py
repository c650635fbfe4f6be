"""From the package's arguments to the literal definitions, so that a test states both in one line."""

from __future__ import annotations

import numpy as np
import torch

from boundcheck.embeddings import EmbeddingSet
from boundcheck.estimators.anchor_losses import instance_weights
from boundcheck.hardening import Exponential, Hardening, Polynomial, Threshold
from boundcheck.pairwise.plan import PairPlan, plan_pairs
from boundcheck.spec import Variant
from tests.oracles.literal import LogEta, Problem, constant, exponential, polynomial, threshold


def eta_of(hardening: Hardening, temperature: float) -> LogEta:
    """The literal log eta of a hardening."""
    if isinstance(hardening, Exponential):
        return exponential(hardening.beta)
    if isinstance(hardening, Threshold):
        return threshold(hardening.cosine, temperature)
    if isinstance(hardening, Polynomial):
        return polynomial(hardening.exponent, temperature)
    return constant()


def problem_of(emb: EmbeddingSet, variant: Variant) -> Problem:
    """The literal problem of an embedding set under a variant."""
    return Problem(emb.z, emb.y, variant.temperature, variant.self_pairs, variant.class_prior)


def plan_of(emb: EmbeddingSet, variant: Variant, **options: object) -> PairPlan:
    """A float64 plan, with everything that `plan_pairs` leaves open as options."""
    y = torch.from_numpy(emb.y)
    weights = instance_weights(y, variant.class_prior)
    options = {"weights": weights, "threads": 1, "partition": variant.partition} | options
    return plan_pairs(
        torch.from_numpy(emb.z), y, temperature=variant.temperature, self_pairs=variant.self_pairs, **options
    )


def weight_scale(problem: Problem) -> float:
    """log of the package's weights (mean one) over the literal ones."""
    return float(np.log(problem.n / sum(problem.weight(i) for i in range(problem.n))))
