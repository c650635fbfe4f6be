"""The one verb: an embedding set and claims in, a verification out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Unpack

import pandas as pd

from boundcheck.claims import Claim, choose_claims, judge_all
from boundcheck.claims.configurations import elsewhere, waiting
from boundcheck.claims.evidence import gather
from boundcheck.embeddings import EmbeddingSet
from boundcheck.embeddings.duplicates import near_duplicates
from boundcheck.errors import InputError
from boundcheck.estimators import (
    FiniteLosses,
    LossTable,
    Population,
    choose_estimator,
    finite_anchors,
    finite_losses,
    limits_alone,
    pair_plan,
)
from boundcheck.estimators.closed import population_limits
from boundcheck.estimators.convergence import with_duplicates, with_parts
from boundcheck.estimators.hardness import Proposal, propose_betas
from boundcheck.estimators.measured import Measured, measure, measure_critical, measure_population
from boundcheck.estimators.minibatch import minibatch_frame, undefined_batches
from boundcheck.estimators.montecarlo import DEFAULT_ANCHORS, sampled_anchors
from boundcheck.estimators.permutation import with_permutations
from boundcheck.estimators.populations import checked
from boundcheck.frames import anchors_frame, claims_frame, influences_frame, limits_frame
from boundcheck.hardest import hardest_anchors
from boundcheck.manifest import manifest_of
from boundcheck.options import check, check_confidence, one_of, whole
from boundcheck.pairwise.passes import run_one
from boundcheck.pairwise.plan import PairPlan, Tally
from boundcheck.pairwise.ring.shards import ShardedEmbeddings
from boundcheck.runs import HARDEST_COLUMNS, Run
from boundcheck.sequential import until_decided as sample_until_decided
from boundcheck.spec import CONFIGURATIONS, DUPLICATES, Execution, Options, Variant, understood
from boundcheck.verified import Verification


def verify(
    emb: EmbeddingSet | Population | str,
    variant: Variant | None = None,
    execution: Execution | None = None,
    *,
    claims: str | Sequence[str | Claim] = "all",
    negatives: int | Sequence[int] = (),
    until_decided: int | bool = False,
    confidence: float = 0.95,
    population: Population | None = None,
    duplicates: str = "keep",
    null: bool = True,
    configurations: str = "cheap",
    **options: Unpack[Options],
) -> Verification:
    """Estimate the losses, check Assumption 1 and the claims, with intervals.

    Args:
        emb: embeddings and labels; or a known population or its text, whose losses then come from closed forms.
        variant: which variant of the losses.
        execution: how they are computed.
        claims: "all", ids (a list or comma-separated), or `Claim` objects.
        negatives: numbers of negatives k to give the losses at as well (over at most 2,000 sampled anchors), with the
            number that is as good as infinitely many; the claims are about the limit.
        until_decided: sample anchors until every theorem and scenario is decided, see `sequential.until_decided`; a
            number is the budget.
        confidence: of every interval, in (0, 1).
        population: what the embeddings are a sample of, where that is known: its exact limits go beside the estimates.
        duplicates: what becomes of near-duplicates (cosine above 0.98): "keep", and say what they do; "group": a
            cluster is one draw for standard errors; "drop" all but one of each cluster.
        null: whether gaps are looked at with labels permuted, up to some 250,000 anchors.
        configurations: where claims that are about another configuration (self pairs, positives, prior, one view) are
            run: "own", not at all; "cheap", there, over a sample of many data, if that takes no second estimate with
            intervals; "all", there (of data that several processes share, as "cheap"). They count neither in the
            headline nor in the family of the run's own claims.
        **options: fields of `Variant` and `Execution`, in their place or to change them. `betas` may be "auto": those
            that the sample carries, see `estimators.hardness`.

    Returns:
        The verification: `.claims[id]`, `.to_frame()`, `.save(directory)`.

    Raises:
        InputError: an option is unknown or out of range, or the embeddings lack what it needs.
    """
    chosen = choose_claims(claims)
    ks = (negatives,) if isinstance(negatives, int) else tuple(negatives)
    emb = checked(emb)
    auto = isinstance(options.get("betas"), str) and options.get("betas") == "auto"
    given = {name: value for name, value in options.items() if not (auto and name == "betas")}
    variant, execution = understood(variant, execution, given)
    _check(emb, execution, ks, until_decided, confidence)
    one_of("duplicates", duplicates, DUPLICATES)
    one_of("configurations", configurations, CONFIGURATIONS)
    if isinstance(emb, EmbeddingSet) and duplicates == "drop" and (found := near_duplicates(emb)) is not None:
        emb = emb.subset(found.first)
    assumed = variant.design == "auto"
    variant = variant.on(emb) if isinstance(emb, EmbeddingSet) else variant.with_views(emb.v)
    proposal = _proposal(emb, variant, execution) if auto else None
    if proposal is not None:
        others = [h for h in variant.tilts if h.beta is None]
        variant = variant.but(betas=proposal.betas, hardening=["exp", *others])
    # First, as it refuses what has no closed form.
    limits = None if population is None else population_limits(population, variant)
    tally = Tally()
    looks: tuple[tuple[int, int], ...] = ()
    plan: PairPlan | None = None
    if isinstance(emb, Population):
        execution, _ = choose_estimator(emb, variant, execution)
        measured = measure_population(emb, variant, execution.anchors, execution.seed)
    else:
        plan = pair_plan(emb, variant, execution, tally)
        if until_decided is not False:
            budget = None if until_decided is True else int(until_decided)
            measured, plan, stopping = sample_until_decided(
                emb, variant, chosen, execution, plan, confidence=confidence, max_anchors=budget
            )
            looks = stopping.looks
            measured = run_one(plan, measure_critical(measured, plan), execution.progress)
        else:
            measured, plan = _measured(emb, variant, execution, plan)
    if plan is not None:
        losses = with_parts(measured.losses, execution, tally)
        losses = with_permutations(losses, execution.seed) if null else losses
        losses = with_duplicates(losses, execution, tally, group=duplicates == "group")
        measured = replace(measured, losses=losses)
    losses = measured.losses
    finite = None
    if ks and plan is not None and isinstance(emb, EmbeddingSet):
        whole = plan.of(finite_anchors(emb, execution))
        finite = finite_losses(emb, variant, ks, execution, plan=whole)
    evidence = gather(measured, execution, plan)
    there = elsewhere(losses, execution, tally, configurations)
    judgements = judge_all(chosen, evidence, confidence, there)
    config = _config(losses, execution) | {
        "claims": [claim.id for claim in chosen],
        "negatives": list(ks),
        "until_decided": until_decided,
        "confidence": confidence,
        "duplicates": duplicates,
        "null": null,
        "configurations": configurations,
        "design_assumed": assumed,
    }
    choice: dict[str, Any] = {
        "estimator": losses.estimator,
        "reason": losses.reason,
        "looks": [list(look) for look in looks],
    }
    if proposal is not None:
        ess = [{"beta": beta, "ess": value} for beta, value in proposal.ess.items()]
        choice["betas"] = {"largest": proposal.largest, "reason": proposal.reason, "ess": ess}
    choice["waiting"] = waiting([claim for claim in chosen if there(claim) is None], losses)
    hardest = pd.DataFrame() if plan is None else hardest_anchors(losses)
    manifest = manifest_of(losses, config, measured.crossing, chosen, tally)
    run = Run(
        losses=losses.to_frame(confidence),
        claims=claims_frame(judgements, losses, confidence),
        assumption=losses.assumption_frame(confidence),
        anchors=anchors_frame(losses, measured.critical_beta),
        hardest=hardest.reindex(columns=HARDEST_COLUMNS),
        manifest=manifest | {"choice": choice},
        influences=influences_frame(losses),
    )
    if finite is not None:
        run = _with_finite(run, finite, confidence, execution.seed)
    if limits is not None:
        run = replace(run, population=limits_frame(limits, losses, confidence))
    return Verification(run, losses)


def _check(
    emb: EmbeddingSet | Population,
    execution: Execution,
    ks: Sequence[int],
    until_decided: int | bool,
    confidence: float,
) -> None:
    """Refuse options that do not go together."""
    check_confidence(confidence)
    check("negatives", min(ks, default=1), whole(1))
    if isinstance(emb, Population) and ks:
        raise limits_alone(ks)
    sampled = execution.estimator not in ("auto", "montecarlo") or execution.anchors is not None
    if until_decided is not False and (isinstance(emb, Population) or sampled):
        raise InputError(
            "until_decided: samples anchors of embeddings by itself, received "
            "a population, another estimator or anchors as well; leave that out, or give it a budget"
        )


def _proposal(emb: EmbeddingSet | Population, variant: Variant, execution: Execution) -> Proposal:
    """The betas that the embeddings carry."""
    if isinstance(emb, (Population, ShardedEmbeddings)):
        what = "a population, which has none" if isinstance(emb, Population) else "several processes"
        raise InputError(f"betas: auto asks what a sample on one process carries, received {what}; name betas")
    if all(h.beta is None for h in variant.tilts):
        raise InputError("betas: auto is about the hardening exp, received others alone; name exp among them")
    return propose_betas(emb, variant, replace(execution, progress=None, estimator="exact", anchors=None))


def _measured(emb: EmbeddingSet, variant: Variant, execution: Execution, plan: PairPlan) -> tuple[Measured, PairPlan]:
    """By the estimator that the execution names, and the pairs it took."""
    chosen, reason = choose_estimator(emb, variant, execution)
    if chosen.estimator == "montecarlo":
        many = DEFAULT_ANCHORS if chosen.anchors is None else chosen.anchors
        plan = plan.of(sampled_anchors(emb, many, chosen.seed, at_most=chosen.anchors is None))
    measured = run_one(plan, measure(emb, variant, plan), chosen.progress)
    return replace(measured, losses=replace(measured.losses, estimator=chosen.estimator, reason=reason)), plan


def _config(losses: LossTable, execution: Execution) -> dict[str, Any]:
    """The variant and the execution as they were understood: what "auto" stood for, names for objects."""
    return {
        **losses.variant.plain(),
        "estimator": losses.estimator,
        "anchors": execution.anchors,
        "seed": execution.seed,
        "device": execution.device,
        "precision": execution.precision,
    }


def _with_finite(run: Run, finite: FiniteLosses, confidence: float, seed: int) -> Run:
    """The run with its losses at finite k, and what training on mini-batches makes of them."""
    batches = minibatch_frame(finite.limit, finite.ks, seed)
    return replace(
        run,
        losses=pd.concat([run.losses, *(table.to_frame(confidence) for table in finite.tables.values())]),
        finite_k=finite.to_frame(confidence).merge(batches, "left", ["loss", "hardening", "beta", "q", "k"]),
        k_epsilon=finite.k_epsilon_frame(),
        manifest={**run.manifest, "warnings": [*run.manifest["warnings"], *undefined_batches(batches)]},
    )
