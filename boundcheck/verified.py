"""What `verify` gives: the run with every number, results claim by claim, and the table they were read from."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from boundcheck.estimators import LossTable
from boundcheck.hardest import pictures_of
from boundcheck.options import one_of
from boundcheck.runs import Run, save_run
from boundcheck.spec import FAIL_ON
from boundcheck.verdicts import gravest, is_unmet

if TYPE_CHECKING:
    from boundcheck.data import ImageSet


@dataclass(frozen=True)
class ClaimResult:
    """One claim's verdicts; rows of `frame` are hardenings and Q, with the columns of claims.csv.

    `verdict` is the gravest of the rows', see `boundcheck.verdicts`.
    """

    id: str
    frame: pd.DataFrame

    @property
    def verdict(self) -> str:
        """The gravest verdict."""
        return gravest(self.frame.verdict)

    @property
    def gap(self) -> pd.Series:
        """rhs - lhs of each row, nats."""
        return self.frame.gap

    @property
    def interval(self) -> pd.DataFrame:
        """Confidence interval of the gap of each row, nats."""
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

    def __repr__(self) -> str:
        from boundcheck.report.words import elsewhere, headline

        own = {name: result for name, result in self.claims.items() if not result.frame.configuration.any()}
        told = [f"{name}: {result.verdict}" for name, result in own.items() if result.verdict != "inapplicable"]
        return "\n  ".join([f"Verification: {headline(self.run)}", *told, *elsewhere(self.run)])

    def _repr_html_(self) -> str:
        from boundcheck.report import summary_html

        return summary_html(self.run)


def failed(claims: pd.DataFrame, on: str) -> bool:
    """Whether, in a table of verdicts, an exact claim or theorem ended as badly as `on`, see `FAIL_ON`."""
    one_of("fail_on", on, FAIL_ON)
    if on == "never":
        return False
    judged = claims.verdict[~claims.kind.isin(["scenario", "conjecture"])]
    return bool(judged.map(is_unmet).any() or (on == "undecided" and (judged == "undecided").any()))
