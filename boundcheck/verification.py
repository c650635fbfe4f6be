"""The one verb: an embedding set and claims in, a verification out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch

from boundcheck.claims import Claim, choose_claims, judge
from boundcheck.claims.evidence import gather
from boundcheck.embeddings import EmbeddingSet
from boundcheck.errors import InputError, unknown_name
from boundcheck.estimators import (
    DEFAULT_BETAS,
    FiniteLosses,
    LossTable,
    Population,
    finite_anchors,
    finite_losses,
    loss_spec,
    parse_population,
    run_estimator,
)
from boundcheck.estimators.closed import population_limits
from boundcheck.estimators.critical_beta import beta_star, planner
from boundcheck.estimators.minibatch import minibatch_frame, undefined_batches
from boundcheck.frames import anchors_frame, claims_frame, limits_frame
from boundcheck.hardest import hardest_anchors, pictures_of
from boundcheck.losses import LossSpec
from boundcheck.manifest import manifest_of
from boundcheck.pairwise.tiles import Progress
from boundcheck.runs import HARDEST_COLUMNS, Run, save_run
from boundcheck.sequential import until_decided as sample_until_decided

if TYPE_CHECKING:
    from boundcheck.data import ImageSet

FAIL_ON = ("violated", "undecided", "never")


@dataclass(frozen=True)
class ClaimResult:
    """One claim's verdicts; rows of `frame` are hardenings and Q, with the columns of claims.csv.

    `verdict` is the worst of the rows': violated, then undecided, then holds, then inapplicable.
    """

    id: str
    frame: pd.DataFrame

    @property
    def verdict(self) -> str:
        """The worst verdict."""
        found = set(self.frame.verdict)
        return next(v for v in ("violated", "undecided", "holds", "inapplicable") if v in found)

    @property
    def margin(self) -> pd.Series:
        """rhs - lhs of each row, nats."""
        return self.frame.margin

    @property
    def interval(self) -> pd.DataFrame:
        """Confidence interval of the margin of each row, nats."""
        return self.frame[["ci_low", "ci_high"]]

    @property
    def share(self) -> pd.Series:
        """Share of anchors at which the inequality holds, each row."""
        return self.frame.share_holding

    def _repr_html_(self) -> str:
        return str(self.frame.to_html(index=False, float_format="{:.4f}".format, na_rep=""))


@dataclass(frozen=True, eq=False)
class Verification:
    """What `verify` found; `run` holds every number, `losses` the table the claims were read from."""

    run: Run
    losses: LossTable

    @property
    def claims(self) -> dict[str, ClaimResult]:
        """Results by claim id."""
        groups = self.run.claims.groupby("claim", sort=False)
        return {str(name): ClaimResult(str(name), frame.reset_index(drop=True)) for name, frame in groups}

    def to_frame(self) -> pd.DataFrame:
        """One row per claim, hardening and Q, with the columns of claims.csv."""
        return self.run.claims.copy()

    def failed(self, on: str = "violated") -> bool:
        """Whether an exact claim or theorem ended as badly as `on`: "violated", "undecided" (or worse), "never"."""
        return failed(self.run.claims, on)

    def save(
        self,
        directory: str | os.PathLike[str],
        overwrite: bool = False,
        command: Sequence[str] | None = None,
        images: ImageSet | None = None,
    ) -> Path:
        """Write numbers, tables, figures and report.html as one directory, which appears whole or not at all.

        Args:
            directory: where.
            overwrite: replace a run that is already there.
            command: the command line to record.
            images: the pictures behind the embeddings, matched by id, for the page's hardest anchors.

        Raises:
            FileError: the directory is in use or cannot be written.
        """
        from boundcheck.report import write_report  # draws: half a second to import

        manifest = dict(self.run.manifest)
        if command is not None:
            manifest["command"] = list(command)
        pictures = pictures_of(self.run.hardest, images) if images is not None else None
        run = replace(self.run, manifest=manifest, pictures=pictures)
        return save_run(run, directory, overwrite, also=[write_report])

    def _repr_html_(self) -> str:
        from boundcheck.report import summary_html

        return summary_html(self.run)


def verify(
    emb: EmbeddingSet | Population | str,
    *,
    population: Population | None = None,
    temperature: float = 0.5,
    betas: Sequence[float] = DEFAULT_BETAS,
    hardening: str | Sequence[str] = "exp",
    q: Sequence[float] = (1.0,),
    positives: str = "auto",
    self_pairs: str = "exclude",
    class_prior: str = "empirical",
    claims: str | Sequence[str | Claim] = "all",
    estimator: str = "auto",
    anchors: int | None = None,
    negatives: int | Sequence[int] = (),
    until_decided: bool = False,
    max_anchors: int | None = None,
    confidence: float = 0.95,
    seed: int = 0,
    device: str = "auto",
    precision: str = "auto",
    progress: Progress | None = None,
) -> Verification:
    """Estimate the losses, check Assumption 1 and the claims, with intervals.

    Args:
        emb: embeddings and labels; or a known population or its text, whose losses then come from closed forms.
        population: what the embeddings are a sample of, where that is known: its exact limits go beside the estimates.
        temperature, betas, hardening, q, positives, self_pairs, class_prior: the variant, see `estimate`.
        negatives: numbers of negatives k to give the losses at as well (over at most 2,000 sampled anchors), with the
            number that is as good as infinitely many; the claims are about the limit.
        claims: "all", ids (a list or comma-separated), or `Claim` objects.
        estimator, anchors, seed, device, precision, progress: how, see `estimate`.
        until_decided: sample anchors until every theorem and scenario is decided, see `deciding.until_decided`.
        max_anchors: its budget; None means all there are.
        confidence: of every interval, in (0, 1).

    Returns:
        The verification: `.claims[id]`, `.to_frame()`, `.save(directory)`.

    Raises:
        InputError: an option is unknown or out of range, or the embeddings lack what it needs.
    """
    chosen = choose_claims(claims)
    ks = (negatives,) if isinstance(negatives, int) else tuple(negatives)
    if isinstance(emb, str):
        emb = parse_population(emb)
    _check(emb, estimator, anchors, ks, until_decided, max_anchors, confidence)
    spec = loss_spec(
        emb,
        temperature=temperature,
        betas=betas,
        hardening=hardening,
        q=q,
        positives=positives,
        self_pairs=self_pairs,
        class_prior=class_prior,
    )
    # First, as it refuses what has no closed form.
    limits = None if population is None else population_limits(population, spec)
    how: dict[str, Any] = {"seed": seed, "device": device, "precision": precision, "progress": progress}
    looks: tuple[tuple[int, int], ...] = ()
    if until_decided:
        assert isinstance(emb, EmbeddingSet)
        losses, stopping = sample_until_decided(
            emb, spec, chosen, confidence=confidence, max_anchors=max_anchors, **how
        )
        looks = stopping.looks
    else:
        losses = run_estimator(emb, spec, estimator=estimator, anchors=anchors, **how)
    finite = None
    if ks and isinstance(emb, EmbeddingSet):
        some = finite_anchors(emb, anchors, seed)
        finite = finite_losses(emb, spec, ks, anchors=some, device=device, precision=precision)
    evidence = gather(losses, device=device, precision=precision, seed=seed)
    judgements = [judgement for claim in chosen for judgement in judge(claim, evidence, confidence)]
    config = _config(spec, losses) | {
        "betas": [float(beta) for beta in betas],
        "claims": [claim.id for claim in chosen],
        "anchors": anchors,
        "negatives": list(ks),
        "until_decided": until_decided,
        "max_anchors": max_anchors,
        "confidence": confidence,
        "seed": seed,
        "device": device,
        "precision": precision,
    }
    choice = {"estimator": losses.estimator, "reason": losses.reason, "looks": [list(look) for look in looks]}
    critical, hardest = _anchors_of(losses, device, precision)
    run = Run(
        losses=losses.to_frame(confidence),
        claims=claims_frame(judgements, losses, confidence),
        assumption=losses.assumption_frame(confidence),
        anchors=anchors_frame(losses, critical),
        hardest=hardest.reindex(columns=HARDEST_COLUMNS),
        manifest=manifest_of(losses, config, evidence.crossing, chosen) | {"choice": choice},
    )
    if finite is not None:
        run = _with_finite(run, finite, confidence, seed)
    if limits is not None:
        run = replace(run, population=limits_frame(limits, losses, confidence))
    return Verification(run, losses)


def _check(
    emb: EmbeddingSet | Population,
    estimator: str,
    anchors: int | None,
    ks: Sequence[int],
    until_decided: bool,
    max_anchors: int | None,
    confidence: float,
) -> None:
    """Refuse options that do not go together."""
    if not 0 < confidence < 1:
        raise InputError(f"confidence: must be between 0 and 1, received {confidence:g}; the usual is 0.95")
    if estimator == "multilevel":
        raise InputError(
            "estimator: claims need every anchor's pools, received multilevel, which estimates averages alone; "
            "use montecarlo, or estimate() for the losses"
        )
    if ks and min(ks) < 1:
        raise InputError(f"negatives: must be at least 1, received {min(ks)}")
    if ks and isinstance(emb, Population):
        raise InputError(
            f"negatives: a population has closed forms in the limit alone, received {list(ks)}; "
            "take embeddings instead, population.sample()"
        )
    if until_decided and (isinstance(emb, Population) or estimator not in ("auto", "montecarlo") or anchors):
        raise InputError(
            "until_decided: samples anchors of embeddings by itself, received "
            "a population, another estimator or anchors as well; leave that out, or use max_anchors"
        )
    if max_anchors is not None and not until_decided:
        raise InputError(f"max_anchors: is the budget of until_decided, received {max_anchors} without; use anchors")


def _config(spec: LossSpec, losses: LossTable) -> dict[str, Any]:
    """The variant as it was understood: what "auto" stood for, names for objects."""
    return {
        "temperature": spec.temperature,
        "hardening": list(dict.fromkeys(h.family for h in spec.hardenings)),
        "q": list(spec.q),
        "positives": spec.positives,
        "self_pairs": spec.self_pairs,
        "class_prior": spec.class_prior,
        "estimator": losses.estimator,
    }


def _anchors_of(losses: LossTable, device: str, precision: str) -> tuple[torch.Tensor, pd.DataFrame]:
    """(a,) critical hardness and the hardest anchors; closed forms have neither."""
    if losses.estimator == "closed":
        return torch.full((len(losses.table.anchors),), torch.nan), pd.DataFrame()
    return beta_star(losses, planner(losses, device, precision)), hardest_anchors(losses)


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


def failed(claims: pd.DataFrame, on: str) -> bool:
    """Whether, in a table of verdicts, an exact claim or theorem ended as badly as `on`, see `FAIL_ON`."""
    if on not in FAIL_ON:
        raise unknown_name("fail_on", on, FAIL_ON)
    bad = {"violated": {"violated"}, "undecided": {"violated", "undecided"}, "never": set()}[on]
    return bool(claims.verdict[claims.kind != "scenario"].isin(bad).any())
