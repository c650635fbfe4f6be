"""From the package's arguments to the literal definitions, so that a test states both in one line."""

from __future__ import annotations

import numpy as np
import torch

from boundcheck.embeddings import EmbeddingSet
from boundcheck.hardening import Exponential, Hardening, Polynomial, Threshold
from boundcheck.losses import LossSpec, instance_weights
from boundcheck.pairwise.plan import PairPlan, plan_pairs
from tests.oracles.literal import LogEta, Problem, constant, exponential, polynomial, threshold


def eta_of(hardening: Hardening, temperature: float) -> LogEta:
    """The literal log eta of a hardening."""
    if isinstance(hardening, Exponential):
        return exponential(hardening.beta)
    if isinstance(hardening, Threshold):
        return threshold(hardening.cosine, temperature)
    if isinstance(hardening, Polynomial):
        return polynomial(hardening.power, temperature)
    return constant()


def problem_of(emb: EmbeddingSet, spec: LossSpec) -> Problem:
    """The literal problem of an embedding set under a specification."""
    return Problem(emb.z, emb.y, spec.temperature, spec.self_pairs, spec.class_prior)


def plan_of(emb: EmbeddingSet, spec: LossSpec, **options: object) -> PairPlan:
    """A float64 plan, with everything that `plan_pairs` leaves open as options."""
    y = torch.from_numpy(emb.y)
    options = {"weights": instance_weights(y, spec.class_prior), "threads": 1} | options
    return plan_pairs(torch.from_numpy(emb.z), y, temperature=spec.temperature, self_pairs=spec.self_pairs, **options)


def weight_scale(problem: Problem) -> float:
    """log of the package's weights (mean one) over the literal ones."""
    return float(np.log(problem.n / sum(problem.weight(i) for i in range(problem.n))))
