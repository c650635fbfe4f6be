"""What a search yields: a counterexample with its certificate, or the effort spent on finding none."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from boundcheck.claims import Claim, Finding, Judgement
from boundcheck.embeddings import EmbeddingSet, save_embeddings
from boundcheck.falsification.certificate import Certificate
from boundcheck.falsification.problem import Problem
from boundcheck.hardening import hardening_label
from boundcheck.manifest import catalogue, environment
from boundcheck.runs import save_directory, write_manifest
from boundcheck.spec import Variant

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Effort:
    """What a search took.

    Attributes:
        restarts: descents from fresh starts.
        steps: gradient steps in all, those of shrinking included.
        seconds: wall time.
        least_gap: the least gap that the restarts reached (with premise="hold", where the premise holds), nats;
            NaN where the claim applied nowhere.
        least_gaps: of each restart, likewise.
    """

    restarts: int
    steps: int
    seconds: float
    least_gap: float
    least_gaps: tuple[float, ...] = ()

    def __str__(self) -> str:
        restarts = "1 restart" if self.restarts == 1 else f"{self.restarts:,} restarts"
        return f"{restarts}, {self.steps:,} steps, {self.seconds:.1f} s"


@dataclass(frozen=True, eq=False)
class Counterexample:
    """A configuration of points that violates a claim, or (premise="fail") its premise.

    Attributes:
        embeddings: the points and their labels.
        problem: the claim, the variant of the losses, what was looked for.
        judgement: the claim's own verdict there, by the exact estimator in float64.
        certificate: the evaluation at 50 digits.
        effort: of the search that found it.
        points_before: before shrinking.
        config: the search's options.
    """

    embeddings: EmbeddingSet
    problem: Problem
    judgement: Judgement
    certificate: Certificate
    effort: Effort
    points_before: int
    config: Mapping[str, Any] = field(repr=False)

    @property
    def claim(self) -> Claim:
        """The claim."""
        return self.problem.claim

    @property
    def finding(self) -> Finding:
        """The inequality there: lhs, rhs, slack, shares."""
        assert self.judgement.finding is not None
        return self.judgement.finding

    @property
    def z(self) -> np.ndarray:
        """(n, v, d) unit rows."""
        return self.embeddings.z

    @property
    def y(self) -> np.ndarray:
        """(n,) class codes."""
        return self.embeddings.y

    @property
    def gap(self) -> float:
        """Rhs - lhs in nats, at 50 digits: the average, or for an exact claim the least over anchors."""
        return self.certificate.gap

    @property
    def cosines(self) -> np.ndarray:
        """(n v, n v) inner products of all views: all that the losses depend on."""
        flat = self.z.reshape(-1, self.embeddings.d)
        return np.asarray(flat @ flat.T)

    def save(
        self, directory: str | os.PathLike[str], overwrite: bool = False, command: Sequence[str] | None = None
    ) -> Path:
        """Write counterexample.npz (z, y), run.json and report.html as one directory, whole or not at all.

        Args:
            directory: where.
            overwrite: replace a run that is already there.
            command: the command line to record.

        Raises:
            FileError: the directory is in use or cannot be written.
        """

        def write(folder: Path) -> None:
            save_embeddings(self.embeddings, folder / "counterexample.npz")
            _finish(self.manifest(command), folder)

        return save_directory(directory, overwrite, write)

    def manifest(self, command: Sequence[str] | None = None) -> dict[str, Any]:
        """Everything run.json holds."""
        emb, finding = self.embeddings, self.finding
        return _manifest(self.problem, self.config, self.effort, command) | {
            "found": True,
            "data": {
                "sha256": emb.digest,
                "n": emb.n,
                "v": emb.v,
                "d": emb.d,
                "c": emb.c,
                "class_counts": dict(zip(emb.classes, emb.class_counts.tolist(), strict=True)),
                "points_before_shrinking": self.points_before,
            },
            "result": {
                "hardening": finding.hardening,
                "beta": finding.beta,
                "q": finding.q,
                "lhs": finding.lhs,
                "rhs": finding.rhs,
                "gap": self.gap,
                "share_holding": finding.share.value if finding.share is not None else None,
                "premise_share": finding.premise_share,
                "verdict": self.judgement.verdict,
                "reason": self.judgement.reason,
                "meaning": self.meaning,
            },
            "certificate": asdict(self.certificate),
        }

    @property
    def meaning(self) -> str:
        """What the find says about the claim, in one sentence."""
        claim, share = self.claim, self.finding.premise_share
        if not self.certificate.confirmed:
            return (
                "NOT CONFIRMED by the evaluation at 50 digits: an error in the program, or a tie at a threshold; "
                "please report it."
            )
        if self.problem.premise == "fail":
            return f"The premise does not hold by itself. The inequality there: {self.judgement.verdict}."
        if claim.kind == "exact":
            return "An exact statement cannot fail: this is an error in the program or in the claim's own formula."
        if claim.kind == "scenario":
            return "A scenario need not hold; this is a configuration where it does not."
        if claim.kind == "conjecture":
            return "A conjecture is refuted by one configuration; this is one."
        if share is None:
            return "The inequality does not hold for every configuration."
        if share < 1:
            return "The premise fails there, so this does not contradict the theorem: the inequality needs the premise."
        return "The premise holds at every anchor, so this contradicts the theorem."

    def figure(self) -> Figure:
        """The points in the plane that holds most of them, inside the unit circle."""
        from boundcheck.falsification.picture import draw

        return draw(self.embeddings)

    def _rows(self) -> Iterator[tuple[str, str]]:
        emb, finding, proof = self.embeddings, self.finding, self.certificate
        sizes = ", ".join(str(size) for size in emb.class_counts.tolist())
        shrunk = f", shrunk from {self.points_before}" if emb.n < self.points_before else ""
        views = f" in {emb.v} views each" if emb.v > 1 else ""
        yield "points", f"{emb.n}{views} in {emb.c} classes of {sizes}{shrunk}; dimension {emb.d}"
        total = emb.n * emb.v
        if proof.anchors < total:
            yield "left out", f"{total - proof.anchors} of {total} anchors, without a positive or with an empty pool"
        yield "sides", f"left {finding.lhs:.6f}, right {finding.rhs:.6f} nats"
        what = "slack" if self.problem.premise == "fail" else "gap"
        yield (
            what,
            f"{proof.gap:.6f} nats at {proof.digits} digits, error at most {proof.error_bound:.0e} "
            f"(float64: {proof.float64_gap:.6f}; log-sums and losses off by at most {proof.table_error:.0e})",
        )
        if finding.premise_share is not None:
            yield "premise", f"{self.claim.premise or 'premise'}: at {100 * finding.premise_share:.3g} % of anchors"
        yield "means", self.meaning
        yield "variant", stated(self.problem.variant)
        yield "effort", str(self.effort)

    def __repr__(self) -> str:
        rows = [f"  {name + ':':<10} {text}" for name, text in self._rows()]
        return "\n".join([f"Counterexample to {headline(self.problem, self.finding)}", *rows])

    def _repr_html_(self) -> str:
        from boundcheck.falsification.picture import html

        return html(f"Counterexample to {headline(self.problem, self.finding)}", list(self._rows()), self.embeddings)


@dataclass(frozen=True, eq=False)
class Search:
    """The outcome of a search.

    Attributes:
        problem: the claim, the variant of the losses, what was looked for.
        effort: what it took.
        counterexample: None where none was found, which proves nothing.
        config: the options.
    """

    problem: Problem
    effort: Effort
    counterexample: Counterexample | None
    config: Mapping[str, Any] = field(repr=False)

    def save(
        self, directory: str | os.PathLike[str], overwrite: bool = False, command: Sequence[str] | None = None
    ) -> Path:
        """The counterexample's files; where there is none the effort alone. See `Counterexample.save`."""
        if self.counterexample is not None:
            return self.counterexample.save(directory, overwrite, command)
        return save_directory(directory, overwrite, lambda folder: _finish(self.manifest(command), folder))

    def manifest(self, command: Sequence[str] | None = None) -> dict[str, Any]:
        """Everything run.json holds."""
        if self.counterexample is not None:
            return self.counterexample.manifest(command)
        return _manifest(self.problem, self.config, self.effort, command) | {"found": False}

    def __repr__(self) -> str:
        if self.counterexample is not None:
            return repr(self.counterexample)
        what = {"free": "", "hold": " where its premise holds", "fail": ": its premise never failed"}
        least = f"the least gap reached is {self.effort.least_gap:.2g} nats"
        if np.isnan(self.effort.least_gap):
            least = "the claim applied to none of the configurations tried"
        return (
            f"No counterexample to {headline(self.problem)} found{what[self.problem.premise]}.\n"
            f"  effort:    {self.effort}; {least}\n"
            f"  variant:   {stated(self.problem.variant)}\n"
            "  This is the effort spent, not a proof."
        )


def _finish(manifest: Mapping[str, Any], folder: Path) -> None:
    """run.json, and the page from what is in the folder."""
    from boundcheck.report.search import load_search, write_search_page  # draws: half a second to import

    write_manifest(manifest, folder)
    write_search_page(load_search(folder), folder)


def headline(problem: Problem, finding: Finding | None = None) -> str:
    """The claim, and where it is attacked."""
    where = [f"temperature {problem.variant.temperature:g}"]
    if finding is not None and finding.q is not None:
        where.insert(0, f"Q = {finding.q:g}")
    if finding is not None and finding.hardening is not None:
        where.insert(0, hardening_label(finding.hardening, math.nan if finding.beta is None else finding.beta))
    of = "the premise of " if problem.premise == "fail" else ""
    return f"{of}{problem.claim.id} ({problem.claim.title}) at {', '.join(where)}"


def stated(variant: Variant) -> str:
    """What the inequality is about: a functional of finitely many points."""
    own = "without" if variant.self_pairs == "exclude" else "with"
    return (
        f"plug-in losses of these points taken as the whole population, pools {own} the anchor's own instance, "
        f"{variant.positives} positives, {variant.class_prior} class prior: the statement is about this "
        "finite-sample functional"
    )


def _manifest(
    problem: Problem, config: Mapping[str, Any], effort: Effort, command: Sequence[str] | None
) -> dict[str, Any]:
    return {
        **environment(),
        "command": list(command or []),
        "config": dict(config),
        "seed": config["seed"],
        "claim": problem.claim.id,
        "catalogue": catalogue([problem.claim]),
        "variant": stated(problem.variant),
        "effort": asdict(effort),
    }
