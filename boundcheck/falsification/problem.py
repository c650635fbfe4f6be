"""What is searched: a claim, the variant of its losses, and what counts as a find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from boundcheck.claims import Claim, Evidence, Finding, Judgement, judge
from boundcheck.embeddings import EmbeddingSet
from boundcheck.errors import InputError
from boundcheck.falsification.evidence import dense_evidence
from boundcheck.spec import Variant
from boundcheck.verdicts import is_unmet

PREMISES = ("free", "hold", "fail")

# Weight of an unmet premise against the gap. By Theorem 1's convexity a margin of Assumption 1 moves the loss gap
# by less than itself, so at 10 breaking a premise never pays.
PENALTY = 10.0
# How closely the weighted mean of a finding's slack must reproduce its gap to stand in for it, relative.
SAME_GAP = 1e-9
SHIFT = 1e-6  # nats, of an averaged loss: what tells how a gap depends on it


@dataclass(frozen=True)
class Point:
    """A configuration and what the claim's own machinery says of it.

    Attributes:
        emb: the configuration.
        aim: index of the finding that is attacked: a hardening, a Q.
        judgement: its judgement.
        score: what the search lowers, nats; carries the gradient where there is one.
        gap: the score without penalties: what must be negative.
        found: a counterexample of the kind that is looked for.
    """

    emb: EmbeddingSet
    aim: int
    judgement: Judgement
    score: Tensor
    gap: float
    found: bool

    @property
    def rank(self) -> tuple[bool, float]:
        """Smaller is better: finds first, then the lower score."""
        return not self.found, float(self.score.detach())


@dataclass(frozen=True)
class Problem:
    """A claim to be attacked.

    Averages reach a claim as floats. Its gap carries a gradient nonetheless: by the anchors' slack where the mean of
    that is the gap (as `evidence.compare` has it); else through the averaged losses, each shifted a little to see
    how the gap follows. What a gap takes from anywhere else, such as `losses.emb` in place of `evidence.z`, the
    gradient does not know.

    Attributes:
        claim: the statement.
        variant: of the losses.
        premise: "free": any configuration that violates the inequality, whatever becomes of the premise; "hold": one at
            which the premise holds at every anchor; "fail": one at which the premise itself fails somewhere.
    """

    claim: Claim
    variant: Variant
    premise: str = "free"

    def judgements(self, evidence: Evidence) -> list[Judgement]:
        """The claim's verdicts on this evidence; without sampling error no confidence enters.

        Raises:
            InputError: a premise is to hold or to fail, and the claim reports none.
        """
        judgements = judge(self.claim, evidence, 0.95)
        for judgement in judgements:
            if self.premise != "free" and judgement.finding is not None and judgement.finding.premise_share is None:
                raise InputError(f"premise: '{self.claim.id}' states none, received '{self.premise}'; use premise=free")
        return judgements

    def point(
        self,
        emb: EmbeddingSet,
        aim: int,
        z: Tensor | None = None,
        evidence_of: Callable[..., Evidence] = dense_evidence,
    ) -> Point | None:
        """The configuration as judged on the finding at `aim`, or on another where that one is a find.

        Args:
            emb: the configuration.
            aim: index of the finding, counted round.
            z: (n, v, d) that stands for the embeddings and carries a gradient.
            evidence_of: which arithmetic; see `evidence`.

        Returns:
            The point; None where the claim does not apply.
        """
        try:
            self.variant.on(emb)
        except InputError:  # shrunk to where no anchor has a positive
            return None
        evidence = evidence_of(emb, self.variant) if z is None else evidence_of(emb, self.variant, z)
        points = [
            self._point(emb, i, judgement, judgement.finding, evidence)
            for i, judgement in enumerate(self.judgements(evidence))
            if judgement.finding is not None and judgement.verdict != "inapplicable"
        ]
        if not points:
            return None
        aimed = points[aim % len(points)]
        return aimed if aimed.found else next((point for point in points if point.found), aimed)

    def _point(self, emb: EmbeddingSet, aim: int, judgement: Judgement, finding: Finding, evidence: Evidence) -> Point:
        weight = evidence.losses.weight
        share = finding.premise_share
        if self.premise == "fail":
            score = _premise(finding, weight)
            return Point(emb, aim, judgement, score, float(score.detach()), share is not None and share < 1)
        gap = _gap(self.claim, finding, weight)
        if gap is None:
            gap = self._through_losses(finding.gap.value, aim, evidence)
        violated = is_unmet(judgement.verdict)
        if self.premise == "free":
            return Point(emb, aim, judgement, gap, float(gap.detach()), violated)
        score = gap + PENALTY * _shortfall(finding, weight)
        return Point(emb, aim, judgement, score, float(gap.detach()), violated and share == 1)

    def _through_losses(self, gap: float, aim: int, evidence: Evidence) -> Tensor:
        """A gap that is a function of averaged losses, with its gradient; without one where it follows none."""
        losses = evidence.losses
        value, means = torch.tensor(gap, dtype=torch.float64), losses.losses.mean.nan_to_num(0.0)
        if not means.requires_grad:
            return value
        follows = torch.zeros_like(value).repeat(len(means))
        for f in range(len(means)):
            shift = torch.zeros_like(losses.correction)
            shift[f] = SHIFT
            shifted = replace(evidence, losses=replace(losses, correction=losses.correction + shift))
            follows[f] = (list(self.claim.evaluate(shifted))[aim].gap.value - gap) / SHIFT
        if not follows.any():
            return value
        return value + follows @ (means - means.detach())


def _gap(claim: Claim, finding: Finding, weight: Tensor) -> Tensor | None:
    """What the verdict is reached by: the least slack of an exact claim, else the averaged gap.

    None where no slack averages to that gap.
    """
    if finding.slack is None:
        return None
    if claim.kind == "exact":
        return finding.slack[~torch.isnan(finding.slack)].min()
    mean, gap = _mean(finding.slack, weight), finding.gap.value
    return mean if abs(float(mean.detach()) - gap) <= SAME_GAP * (1 + abs(gap)) else None


def _premise(finding: Finding, weight: Tensor) -> Tensor:
    """How far the premise is met on average, or its share where the claim gives no slack."""
    if finding.premise_slack is None:
        return torch.tensor(finding.premise_share, dtype=torch.float64)
    return _mean(finding.premise_slack, weight)


def _shortfall(finding: Finding, weight: Tensor) -> Tensor:
    """By how much the premise is missed on average, or the share of anchors that miss it."""
    if finding.premise_slack is None:
        return 1 - torch.tensor(finding.premise_share, dtype=torch.float64)
    return _mean((-finding.premise_slack).clamp_min(0), weight)


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean of the values that are not NaN."""
    defined = ~torch.isnan(values)
    return (values[defined] * weight[defined]).sum() / weight[defined].sum()
