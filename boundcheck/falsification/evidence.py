"""Evidence on a configuration that is all there is: averages without uncertainty, in three arithmetics."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from boundcheck.claims import Evidence
from boundcheck.embeddings import EmbeddingSet
from boundcheck.estimators.crossing import planner, worst_case_losses
from boundcheck.estimators.dense import dense
from boundcheck.estimators.exact import exact
from boundcheck.estimators.records import LossTable
from boundcheck.falsification.literal import literal
from boundcheck.losses import LossSpec


def dense_evidence(emb: EmbeddingSet, spec: LossSpec, z: Tensor | None = None) -> Evidence:
    """By the dense estimator, with a gradient in z (n, v, d) where it is given."""
    losses, worst_case = dense(emb, spec, z=z)
    return Evidence(
        as_population(losses), worst_case, {}, lambda some: as_population(dense(emb, spec, z=z, anchors=some)[0])
    )


def exact_evidence(emb: EmbeddingSet, spec: LossSpec) -> Evidence:
    """By the exact estimator in float64, as `verify` does but for the sampling error."""

    def over(some: Tensor | None) -> LossTable:
        return as_population(exact(emb, spec, intervals=False, anchors=some, device="cpu", precision="float64"))

    losses = over(None)
    return Evidence(losses, worst_case_losses(losses, planner(losses, "cpu", "float64")), {}, over)


def literal_evidence(emb: EmbeddingSet, spec: LossSpec) -> Evidence:
    """By the literal definitions at 50 digits, rounded to float64 at the end."""
    losses, worst_case = literal(emb, spec)
    return Evidence(as_population(losses), worst_case, {}, lambda some: as_population(literal(emb, spec, some)[0]))


def as_population(losses: LossTable) -> LossTable:
    """The same plug-in averages, exact: the data set is the population, so nothing is left to chance."""
    return replace(losses, influence=torch.zeros(losses.emb.n, len(losses.keys), dtype=torch.float64))
