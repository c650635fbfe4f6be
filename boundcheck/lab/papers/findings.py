"""What the results say, in sentences: every number is read from the tables, none is judged."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd

from boundcheck.report.format import percent
from boundcheck.runs import records

from .results import Results
from .summary import comparisons, encoders_of, final_epoch, over_seeds, rows_of
from .variants import PLAIN
from .wording import dataset_name, encoder_name, points

_PROBES = {"linear": "linear probe on features", "mean": "nearest class mean on embeddings"}


def jiang2022_findings(results: Results) -> Iterator[str]:
    """Accuracy of the tilted losses against the plain ones, Theorem 1, Assumption 1, and UCL below H-SCL."""
    for dataset in dict.fromkeys(results.accuracy["dataset"]):
        for tilted in PLAIN:
            yield from _against_plain(results.accuracy[results.accuracy["dataset"] == dataset], tilted)
        yield _theorem_1(_of(results.gaps, dataset))
        yield _assumption_1(_of(results.assumption, dataset))
        yield _crossing(_of(results.crossing, dataset))


def jiang2024_findings(results: Results) -> Iterator[str]:
    """How near to neural collapse and to dimensional collapse the encoders end."""
    for dataset in dict.fromkeys(results.geometry["dataset"]):
        frame = final_epoch(_of(results.geometry, dataset))
        frame = frame[frame["split"] == "train"]
        yield _by_encoder(
            f"**{dataset_name(dataset)}, distance of the class means' cosines from those of a frame**, training "
            "images, at the end",
            over_seeds(frame, "equal_cosine"),
        )
        yield _by_encoder(
            f"**{dataset_name(dataset)}, directions that the class means vary in** (C − 1 for a frame), training "
            "images, at the end",
            over_seeds(frame, "dimensions"),
        )
        for tilted in PLAIN:
            yield from _against_plain(_of(results.accuracy, dataset), tilted, "mean", "embedding")


def _against_plain(
    accuracy: pd.DataFrame, tilted: str, probe: str = "linear", features: str = "backbone"
) -> Iterator[str]:
    """One sentence: differences at each hardness, with the seeds in favour."""
    linear = accuracy[(accuracy["probe"] == probe) & (accuracy["features"] == features)]
    tests = comparisons(linear)
    tests = tests[(tests["first"] == tilted) & (tests["second"] == PLAIN[tilted])]
    if tests.empty:
        return
    plain = rows_of(linear, PLAIN[tilted], math.nan).set_index("seed")["top1"]
    parts = []
    for r in records(tests):
        own = rows_of(linear, tilted, r.first_beta).set_index("seed")["top1"]
        ahead = int((own > plain.reindex(own.index)).sum())
        difference = points(r.difference, r.ci_low, r.ci_high)
        parts.append(f"β = {r.first_beta:g}: {difference} points, ahead in {ahead} of {r.seeds} seeds")
    names = f"{encoder_name(tilted, None)} against {encoder_name(PLAIN[tilted], None)}"
    yield (
        f"**{dataset_name(tests['dataset'].iloc[0])}, {names}**, {_PROBES[probe]}, paired by seed, 95 % t intervals: "
        f"{'; '.join(parts)}."
    )


def _theorem_1(gaps: pd.DataFrame) -> str:
    rows = gaps[gaps["gap"] == "hucl-hscl"]
    above, below = rows["ci_low"] >= 0, rows["ci_high"] < 0
    text = (
        f"**{_name(rows)}, H-SCL ≤ H-UCL along the training path**: of {len(rows):,} measurements (encoders, epochs "
        f"and hardnesses of the losses) the 95 % interval of the gap lies at or above zero in {int(above.sum()):,}, "
        f"contains zero in {int((~above & ~below).sum()):,} and lies below it in {int(below.sum()):,}"
    )
    if not below.any():
        return text + "."
    counts = rows[below].value_counts(["objective", "beta", "loss_beta"], dropna=False).reset_index()
    where = [f"{encoder_name(r.objective, r.beta)} at losses' β = {r.loss_beta:g} ({r.count})" for r in records(counts)]
    return f"{text}: trained with {'; '.join(where)}."


def _assumption_1(assumption: pd.DataFrame) -> str:
    rows = assumption[assumption["loss_beta"] != math.inf]
    parts = []
    for beta, part in rows.assign(loss_beta=rows["loss_beta"].fillna(0.0)).groupby("loss_beta"):
        means = over_seeds(part, "share_holding")["mean"]
        parts.append(f"{percent(means.min())} to {percent(means.max())} at β = {beta:g}")
    return (
        f"**{_name(rows)}, Assumption 1** at the end of training, means over seeds, from the lowest to the highest of "
        f"the training objectives: {'; '.join(parts)} of the held-out anchors."
    )


def _crossing(crossing: pd.DataFrame) -> str:
    found = crossing["crossing_beta"].dropna()
    text = f"**{_name(crossing)}, UCL ≤ H-SCL**: the averaged losses meet in {len(found)} of {len(crossing)} encoders"
    return text + ("." if found.empty else f", at β = {found.min():.2g} to {found.max():.2g}.")


def _by_encoder(what: str, means: pd.DataFrame) -> str:
    parts = [f"{encoder_name(*key)} {rows_of(means, *key)['mean'].item():.2g}" for key in encoders_of(means)]
    return f"{what}: {'; '.join(parts)}."


def _of(frame: pd.DataFrame, dataset: str) -> pd.DataFrame:
    return frame[frame["dataset"] == dataset]


def _name(rows: pd.DataFrame) -> str:
    return dataset_name(str(rows["dataset"].iloc[0]))
