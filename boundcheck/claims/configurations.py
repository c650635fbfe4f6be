"""In which configuration a claim is run: the run's own where that meets its requirements, else the one it declares.

A requirement that only other data would meet leaves the claim untested. One that another variant, a single view or
another Q would meet carries that change, and the changes of all that are unmet are the claim's configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from boundcheck.claims.base import Claim, Evidence
from boundcheck.claims.evidence import FINITE_INSTANCES, gather, typical
from boundcheck.embeddings import EmbeddingSet
from boundcheck.errors import InputError
from boundcheck.estimators.convergence import with_duplicates, with_parts
from boundcheck.estimators.critical_beta import worst_case_losses
from boundcheck.estimators.exact import exact, pair_plan
from boundcheck.estimators.measured import Measured, measure
from boundcheck.estimators.permutation import with_permutations
from boundcheck.estimators.records import LossTable
from boundcheck.pairwise.passes import run_one
from boundcheck.pairwise.plan import Tally
from boundcheck.pairwise.ring.shards import ShardedEmbeddings
from boundcheck.spec import Execution, Variant

DATA = ("views", "instances")
FEWEST = 32  # instances of a sample, however many views they have


@dataclass(frozen=True)
class Configuration:
    """Changes to a run, by name: arguments of `Variant`, and how many `views` and `instances` are kept."""

    changes: tuple[tuple[str, Any], ...]

    def variant(self, variant: Variant) -> Variant:
        """The variant with the changes."""
        return variant.but(**{name: value for name, value in self.changes if name not in DATA})

    def embeddings(self, emb: EmbeddingSet, sample: bool = False) -> EmbeddingSet:
        """The embeddings with the views and instances that are kept, or a sample of these, in one process."""
        kept = dict(self.changes)
        views, instances = kept.get("views", emb.v), kept.get("instances", emb.n)
        most = min(instances, max(FINITE_INSTANCES // views, FEWEST)) if sample else instances
        chosen = typical(emb, most)
        if isinstance(chosen, ShardedEmbeddings):
            chosen = chosen.subset(slice(None))
        return chosen.first_views(views)

    def __str__(self) -> str:
        return ", ".join(f"{name}={_plain(value)}" for name, value in self.changes if name != "instances")


def _plain(value: Any) -> str:
    return ",".join(f"{part:g}" for part in value) if isinstance(value, tuple) else str(value)


def declared(claim: Claim, losses: LossTable) -> Configuration | None:
    """The configuration in which a claim is run instead of that of `losses`.

    Returns:
        None where the claim is run as it is: all requirements are met, or one of them only other data would meet.
    """
    unmet = [need for need in claim.requirements if need.unmet(losses) is not None]
    if not unmet or not all(need.change for need in unmet):
        return None
    changes = {name: value for need in unmet for name, value in need.change.items()}
    return Configuration(tuple(sorted(changes.items())))


def waiting(claims: Iterable[Claim], losses: LossTable) -> list[str]:
    """Ids of the claims that are about another configuration, one that the data allow."""
    if losses.estimator == "closed" or losses.k is not None or isinstance(losses.emb, ShardedEmbeddings):
        return []
    there = {claim.id: configuration for claim in claims if (configuration := declared(claim, losses)) is not None}
    allowed = {configuration: _allowed(configuration, losses) for configuration in set(there.values())}
    return [name for name, configuration in there.items() if allowed[configuration]]


def _allowed(configuration: Configuration, losses: LossTable) -> bool:
    try:
        configuration.variant(losses.variant).on(configuration.embeddings(losses.emb))
    except InputError:
        return False
    return True


Elsewhere = Callable[[Claim], "tuple[str, Evidence] | None"]


def elsewhere(losses: LossTable, execution: Execution, tally: Tally, which: str) -> Elsewhere:
    """Where claims are run that the run's own configuration does not suit, one table for each configuration.

    Args:
        losses: the table of the run itself.
        execution: of the further passes.
        tally: where they are counted.
        which: "own": none; "cheap": claims about data taken as the population and exact ones, which need no interval,
            over a sample of many data: what is true of every finite set is true of it; "all": theorems that take
            another estimate with intervals, about as long as the run itself, as well, and exact ones over all; but of
            embeddings shared among processes no more than "cheap".

    Returns:
        claim -> its configuration in words and its evidence; None where it is run as the others are.
    """
    if which == "own" or losses.estimator == "closed" or losses.k is not None:
        return lambda claim: None
    if isinstance(losses.emb, ShardedEmbeddings):
        which = "cheap"  # the first process has a sample at hand, and no other takes part
    whole = which == "all" and len(losses.table.anchors) == losses.emb.n * losses.emb.v
    found: dict[tuple[Configuration, bool], tuple[str, Evidence] | None] = {}

    def of(claim: Claim) -> tuple[str, Evidence] | None:
        configuration = declared(claim, losses)
        if configuration is None:
            return None
        population = configuration.variant(losses.variant).self_pairs == "include"
        intervals = not population and claim.kind != "exact"
        if intervals and which != "all":
            return None
        key = configuration, intervals
        if key not in found:
            found[key] = _evidence(configuration, losses, execution, tally, intervals, whole and not population)
        return found[key]

    return of


def _evidence(
    configuration: Configuration, losses: LossTable, execution: Execution, tally: Tally, intervals: bool, whole: bool
) -> tuple[str, Evidence] | None:
    """What claims may read there; None where the data do not allow it."""
    execution = replace(execution, progress=None)
    words, emb = str(configuration), configuration.embeddings(losses.emb, sample=not (whole or intervals))
    if emb.n < losses.emb.n:
        words += ("; " if words else "") + f"on a sample of {emb.n} instances of {emb.c} classes"
    try:
        variant = configuration.variant(losses.variant).on(emb)
    except InputError:
        return None
    plan = pair_plan(emb, variant, execution, tally)
    if intervals:
        measured = run_one(plan, measure(emb, variant, plan, critical=False))
        table = with_parts(measured.losses, execution, tally)
        table = with_permutations(table, execution.seed) if losses.null else table
        table = with_duplicates(table, execution, tally, group=losses.clusters is not None)
        return words, gather(replace(measured, losses=table), execution, plan)
    table = exact(emb, variant, execution, intervals=variant.self_pairs == "include", plan=plan)
    worst = run_one(plan, worst_case_losses(emb, variant, table.table))
    return words, gather(Measured(table, worst, {}, table.weight.new_empty(0)), execution, plan)
