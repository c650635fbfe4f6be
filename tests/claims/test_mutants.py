"""Wrong formulas must not pass: each of these mistakes is caught by an exact claim or by the literal definitions."""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch
from pytest import MonkeyPatch
from torch import Tensor

import boundcheck.pairwise.positives as positives
import boundcheck.pairwise.tiles as tiles
from boundcheck.claims import CLAIMS
from boundcheck.claims.base import Evidence
from boundcheck.embeddings import EmbeddingSet
from boundcheck.hardening import Hardening, LogTerm, denominator, numerator
from boundcheck.losses import LOSSES
from boundcheck.pairwise.cumulants import CumulantTable
from boundcheck.pools import ALL, DIFF, SAME, Pool
from tests.claims.designs import evidence_of, verdicts
from tests.oracles import literal

TAU, BETA, QS = 0.3, 2.0, (0.5, math.inf)
RIGHT_LOG_SUM, RIGHT_RHO = CumulantTable.log_sum, CumulantTable.rho


def imbalanced() -> EmbeddingSet:
    rng = np.random.default_rng(3)
    labels = np.repeat([0, 1, 2], [3, 4, 6])
    return EmbeddingSet(np.eye(3, 4)[labels][:, None] + 0.5 * rng.standard_normal((13, 2, 4)), labels)


def evidence() -> Evidence:
    return evidence_of(
        imbalanced(), temperature=TAU, betas=[BETA], q=QS, hardening=["exp", "poly:3"], positives="class",
        class_prior="balanced",
    )  # fmt: skip


def differs_from_the_definitions(found: Evidence) -> bool:
    """Whether a per-anchor loss or margin is off the literal one by more than rounding."""
    emb, losses = found.losses.emb, found.losses
    problem = literal.Problem(emb.z, emb.y, TAU, prior="balanced")
    etas = {
        "constant": literal.constant(),
        "exp": literal.exponential(BETA),
        "poly:3": literal.polynomial(3, TAU),
    }
    for key in losses.keys:
        eta, group = etas[key.hardening.family], literal.POOL_OF_LOSS[key.loss.id]
        expected = torch.tensor(literal.anchor_losses(problem, group, eta, key.q, "class")).flatten()
        if not torch.allclose(losses.per_anchor(key), expected, atol=1e-5, equal_nan=True):
            return True
    for h, summary in losses.margins.items():
        expected = torch.tensor([literal.margin(problem, a, etas[h.family]) for a in problem.anchors()]).double()
        if not torch.allclose(summary.margin, expected, atol=1e-5, equal_nan=True):
            return True
    return False


def broken_claims(found: Evidence) -> set[str]:
    exact = [entry for entry in CLAIMS.values() if entry.kind == "exact"]
    return {entry.id for entry in exact if "fails" in verdicts(entry, found)}


def patch_log_sum(wrong: Callable[[CumulantTable, Pool, LogTerm], Tensor]) -> Callable[[MonkeyPatch], None]:
    return lambda patch: patch.setattr(CumulantTable, "log_sum", wrong)


def patch_rho(wrong: Callable[[CumulantTable, Pool, Hardening], Tensor]) -> Callable[[MonkeyPatch], None]:
    return lambda patch: patch.setattr(CumulantTable, "rho", wrong)


def swapped(table: CumulantTable, pool: Pool, term: LogTerm) -> Tensor:
    return RIGHT_LOG_SUM(table, {SAME: DIFF, DIFF: SAME, ALL: ALL}[pool], term)


def only_same(table: CumulantTable, pool: Pool, term: LogTerm) -> Tensor:
    return RIGHT_LOG_SUM(table, SAME if pool == ALL else pool, term)


def total_minus_same(table: CumulantTable, pool: Pool, term: LogTerm) -> Tensor:
    """The cancellation of single precision that separate accumulators avoid."""
    if pool != DIFF:
        return RIGHT_LOG_SUM(table, pool, term)
    total, same = (RIGHT_LOG_SUM(table, whole, term).float() for whole in (ALL, SAME))
    return (total + torch.log1p(-(same - total).exp())).double()


def unnormalised(table: CumulantTable, pool: Pool, hardening: Hardening) -> Tensor:
    return RIGHT_LOG_SUM(table, pool, numerator(hardening))


def inverted(table: CumulantTable, pool: Pool, hardening: Hardening) -> Tensor:
    return -RIGHT_RHO(table, pool, hardening)


def tilt(
    above: Callable[[float], float], below: Callable[[float], float] | None = None
) -> Callable[[MonkeyPatch], None]:
    """Exponential hardening with other multiples of the logit than beta, in the numerator and in the denominator."""

    def wrong_below(h: Hardening) -> LogTerm:
        return denominator(h) if h.beta is None else LogTerm((below or above)(h.beta))

    def wrong_above(h: Hardening) -> LogTerm:
        return numerator(h) if h.beta is None else LogTerm(1.0 + above(h.beta))

    def mutate(patch: MonkeyPatch) -> None:
        places = [module for name, module in sys.modules.items() if name.startswith("boundcheck.")]
        for module in places:
            for name, wrong in (("denominator", wrong_below), ("numerator", wrong_above)):
                if hasattr(module, name):
                    patch.setattr(module, name, wrong)

    return mutate


def own_instance(patch: MonkeyPatch) -> None:
    """The anchor's own instance stays in its pool."""
    right = tiles._parts
    patch.setattr(
        tiles, "_parts", lambda plan, *chunks: right(dataclasses.replace(plan, self_pairs="include"), *chunks)
    )


def pools_of_losses(patch: MonkeyPatch) -> None:
    for name, loss in LOSSES.items():
        patch.setitem(LOSSES, name, dataclasses.replace(loss, pool=DIFF if loss.pool == ALL else ALL))


def no_weights(patch: MonkeyPatch) -> None:
    """Candidates of every class weigh the same although the prior is balanced."""
    module = sys.modules["boundcheck.estimators.exact"]  # the package exports a function of that name
    patch.setattr(module, "instance_weights", lambda y, prior: torch.ones(len(y), dtype=torch.float64))


def loss_without_q(patch: MonkeyPatch) -> None:
    patch.setattr(positives, "compiled", lambda plan: False)  # tests/pairwise/test_loops.py holds both paths together
    right = positives.positive_loss
    patch.setattr(positives, "positive_loss", lambda rho, t, q: right(rho, t, q if math.isinf(q) else 1.0))


def nearest_positive(patch: MonkeyPatch) -> None:
    """Every positive replaced by the nearest: the mean over positives is lost."""
    patch.setattr(positives, "compiled", lambda plan: False)
    right = positives.positive_loss
    patch.setattr(positives, "positive_loss", lambda rho, t, q: right(rho, t.amax(1, keepdim=True).expand_as(t), q))


FOUR = {"hucl_ge_ucl", "hscl_ge_scl", "monotone_in_beta", "debiased_identity"}

# What catches each: the exact claims that it breaks; every one of them also misses the literal definitions.
TWO = {"scl_ge_similarity_gap", "scl_bounds_ranking"}
MUTANTS: dict[str, tuple[Callable[[MonkeyPatch], None], set[str]]] = {
    "pools swapped": (patch_log_sum(swapped), {"monotone_in_beta", "finite_k_below_limit", "finite_k_rate"}),
    "all is same alone": (patch_log_sum(only_same), {"finite_k_below_limit", "finite_k_rate"}),
    "diff is total minus same": (patch_log_sum(total_minus_same), {"finite_k_below_limit"}),
    "rho not normalised": (patch_rho(unnormalised), FOUR | {"finite_k_rate"}),
    "rho of the wrong sign": (patch_rho(inverted), FOUR | {"finite_k_below_limit", "finite_k_rate"} | TWO),
    "beta times tau": (tilt(lambda beta: TAU * beta), set()),
    "tilt ignored": (tilt(lambda beta: 0.0), set()),
    "tilt missing below": (tilt(lambda beta: beta, lambda beta: 0.0), {"monotone_in_beta", "finite_k_rate"}),
    "tilt missing above": (
        tilt(lambda beta: 0.0, lambda beta: beta),
        FOUR - {"debiased_identity"} | {"finite_k_below_limit"} | TWO,
    ),
    "own instance in the pool": (own_instance, set()),
    "losses take each other's pool": (pools_of_losses, set()),
    "balanced prior ignored": (no_weights, set()),
    "Q ignored": (loss_without_q, {"finite_k_rate"}),
    "nearest positive alone": (nearest_positive, {"finite_k_below_limit"} | TWO),
}


def test_the_right_formulas_pass() -> None:
    found = evidence()
    assert not differs_from_the_definitions(found)
    assert broken_claims(found) == set()


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS)
def test_mutants_are_caught(name: str, monkeypatch: MonkeyPatch) -> None:
    mutate, claims = MUTANTS[name]
    mutate(monkeypatch)
    found = evidence()
    assert differs_from_the_definitions(found)
    assert broken_claims(found) == claims
