"""An atlas's findings in sentences; every number in them is computed from its table."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd

from boundcheck.atlas_record import SETS, AtlasRecord
from boundcheck.atlas_summary import (
    SCENARIO,
    THEOREM_1,
    UNTILTED,
    assumption_rows,
    bounds_summary,
    claims_summary,
    critical_summary,
    error_correlation,
    share_over_data,
)
from boundcheck.hardening import hardening_label
from boundcheck.report.format import interval, percent
from boundcheck.report.words import plural
from boundcheck.runs import about_population, records

MANY = 4  # examples that a sentence names


def title_of(record: AtlasRecord, claim: str) -> str:
    """A claim's title, or its id."""
    return str(record.manifest["catalogue"].get(claim, {}).get("title") or claim)


def set_name(row: object) -> str:
    """A row's data set and encoder."""
    return f"{row.data} by {row.encoder}"  # type: ignore[attr-defined]


def headline(record: AtlasRecord) -> str:
    """What was looked at, and whether anything contradicts a theorem."""
    frame = record.frame
    sets, taus = len(frame[SETS].drop_duplicates()), frame["temperature"].nunique()
    where = (
        f"{plural(frame['data'].nunique(), 'data set')} of {_modalities(frame)}, {plural(sets, 'set')} of embeddings, "
        f"{plural(taus, 'temperature')}."
    )
    summary = claims_summary(frame)
    theorems = summary[summary["kind"] != "scenario"]
    bad = theorems[theorems["contradicted"] > 0]
    failing = frame[frame["verdict"] == "fails"]["claim"].unique()
    if len(failing):
        return f"{where} The computation is in error: {', '.join(failing)}."
    tests = f"{int(theorems['tests'].sum()):,} tests"
    if len(bad):
        named = "; ".join(title_of(record, claim) for claim in bad["claim"])
        return f"{where} Contradicted in {int(bad['contradicted'].sum())} of {tests} of theorems: {named}."
    return f"{where} None of {tests} of {plural(len(theorems), 'theorem')} contradicts one."


def _modalities(frame: pd.DataFrame) -> str:
    names = list(dict.fromkeys(frame["modality"]))
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def findings(record: AtlasRecord) -> list[tuple[str, list[str]]]:
    """(question, answers), those with an answer."""
    frame = record.frame
    asked = {
        "What generalises": _general(record, frame),
        "Where Assumption 1 fails": _assumption(frame),
        "When hard negatives cost more than all of them": _critical(frame),
        "Which bounds on error and cross-entropy bite": _bounds(record, frame),
        "What the numbers rest on": _ground(frame),
    }
    return [(question, said) for question, answers in asked.items() if (said := list(answers))]


def _general(record: AtlasRecord, frame: pd.DataFrame) -> Iterator[str]:
    for claim in (UNTILTED, THEOREM_1):
        rows = about_population(frame[frame["claim"] == claim])
        if len(rows):
            yield f"{title_of(record, claim)}: {_tally(rows)}. {_by_modality(rows)}"
    rows = assumption_rows(about_population(frame))
    broken = rows[rows["premise_share"] < 1]
    if len(broken):
        share = percent(*share_over_data(broken, broken["verdict"] == "holds"))
        unmet = int((broken["verdict"] == "violated").sum())
        yield (
            f"The average outlives its premise: of the {plural(len(broken), 'test')} of these two in which Assumption "
            f"1 fails at some anchor the inequality holds in {share}, and is violated in {unmet}."
        )
    summary = claims_summary(frame)
    apart = [UNTILTED, THEOREM_1, *frame.loc[frame["informative"].notna(), "claim"].unique()]
    others = summary[~summary["claim"].isin(apart) & (summary["kind"] != "scenario")]
    always = others[(others["met"] == others["tests"])]
    if len(always):
        yield f"Met and not vacuous in every test: {'; '.join(title_of(record, claim) for claim in always['claim'])}."
    never = others[(others["vacuous"] == others["tests"])]
    if len(never):
        yield f"Vacuous in every test: {'; '.join(title_of(record, claim) for claim in never['claim'])}."
    exact = frame[(frame["kind"] == "exact") & (frame["verdict"] != "inapplicable")]
    if len(exact):
        yield f"{int((exact['verdict'] == 'passes').sum()):,} of {len(exact):,} self-checks pass."


def _tally(rows: pd.DataFrame) -> str:
    """How the tests of one claim ended."""
    share = percent(*share_over_data(rows, rows["verdict"] == "holds"))
    undecided = rows[rows["verdict"] == "undecided"]
    thin = int((undecided["reliable"] == 0).sum())
    because = f" ({thin} as the losses are not to be relied on)" if thin else ""
    return (
        f"holds in {int((rows['verdict'] == 'holds').sum())} of {plural(len(rows), 'test')}, {share} with data sets "
        f"counting alike; undecided in {len(undecided)}{because}, violated in "
        f"{int((rows['verdict'] == 'violated').sum())}"
    )


def _by_modality(rows: pd.DataFrame) -> str:
    said = [
        f"{name} {int((some['verdict'] == 'holds').sum())} of {len(some)}"
        for name, some in rows.groupby("modality", sort=False)
    ]
    return f"By modality: {', '.join(said)}." if len(said) > 1 else ""


def _assumption(frame: pd.DataFrame) -> Iterator[str]:
    rows = assumption_rows(frame)
    if rows.empty:
        return
    thin = int((rows["premise_reliable"] == 0).sum())
    whole = int((rows["premise_share"] == 1).sum())
    yield (
        f"It holds at every anchor in {whole} of {plural(len(rows), 'test')}; in {thin} the share is not to be "
        "relied on: it rests on few effective instances or on near-duplicates."
    )
    untilted = rows[rows["claim"] == UNTILTED]
    for tau, some in untilted.groupby("temperature"):
        by = [f"{name} {percent(float(part.mean()))}" for name, part in _means(some).groupby(level=0, sort=False)]
        mean = percent(*share_over_data(some, some["premise_share"]))
        yield (
            f"Without a tilt, at τ = {tau:g}, it holds at {mean} of the anchors in the mean over data sets; "
            f"by modality {', '.join(by)}."
        )
    for tau in untilted["temperature"].unique():
        value, low, high = error_correlation(frame, float(tau))
        if not math.isnan(value):
            yield (
                f"Over sets the share of anchors at which it fails, without a tilt at τ = {tau:g}, and the error of "
                f"the nearest class mean have the rank correlation {interval(value, low, high)}."
            )
    for claim, words in ((UNTILTED, "Without a tilt"), (THEOREM_1, "At the largest β")):
        some = rows[(rows["claim"] == claim) & (rows["premise_reliable"] != 0)]
        some = some[some["beta"] == some["beta"].max()] if claim == THEOREM_1 else some
        if some.empty:
            continue
        least = list(records(some.sort_values("premise_share", kind="stable").drop_duplicates(SETS)))[:MANY]
        named = "; ".join(
            f"{set_name(row)}, τ = {row.temperature:g}: {percent(row.premise_share, row.premise_low, row.premise_high)}"
            for row in least
        )
        at = f" ({hardening_label('exp', least[0].beta)})" if claim == THEOREM_1 else ""
        yield f"{words}{at}, of shares to be relied on, the lowest are those of {named}."
    unmet = about_population(frame[frame["claim"].isin([THEOREM_1, UNTILTED])])
    unmet = unmet[unmet["verdict"] == "violated"].sort_values("gap", kind="stable").drop_duplicates(SETS)
    if len(unmet):
        named = "; ".join(
            f"{set_name(row)}, τ = {row.temperature:g}, {hardening_label(row.hardening, row.beta)}: "
            f"{interval(row.gap, row.ci_low, row.ci_high)} nats, Assumption 1 at {percent(row.premise_share)}"
            for row in list(records(unmet))[:MANY]
        )
        yield f"The averaged inequality itself is violated on {plural(len(unmet), 'set')}, furthest on {named}."


def _means(rows: pd.DataFrame) -> pd.Series:
    """Mean shares of Assumption 1 by modality and data set."""
    means: pd.Series = rows.groupby(["modality", "data"], sort=False)["premise_share"].mean()
    return means


def _critical(frame: pd.DataFrame) -> Iterator[str]:
    rows = about_population(frame[frame["claim"] == SCENARIO])
    if rows.empty:
        return
    ends = {word: int((rows["verdict"] == word).sum()) for word in ("occurs", "does not occur", "undecided")}
    told = ", ".join(f"{word if word != 'undecided' else 'is undecided'} in {count}" for word, count in ends.items())
    yield f"That H-SCL is at least UCL {told} of {plural(len(rows), 'test')}."
    for row in records(critical_summary(frame)):
        if row.untilted:
            yield (
                f"At τ = {row.temperature:g} the plug-in of SCL is at least that of UCL, without any tilt, in "
                f"{row.untilted} of {plural(row.cells, 'set')}."
            )
        if row.reached:
            yield (
                f"At τ = {row.temperature:g} the plug-in of H-SCL reaches UCL in {row.reached} of "
                f"{plural(row.cells, 'set')}, at a β of {interval(row.mean, row.low, row.high)} in the geometric mean "
                f"over data sets, from {row.least:.2g} to {row.most:.2g}."
            )


def _bounds(record: AtlasRecord, frame: pd.DataFrame) -> Iterator[str]:
    summary = bounds_summary(frame)
    if summary.empty:
        return
    most = summary.groupby("claim", sort=False)["share"].max().sort_values(ascending=False, kind="stable")
    for claim in most[most > 0].index:
        said = [
            f"{'' if pd.isna(row.shots) else f'with m = {row.shots:g} '.replace('inf', '∞')}in {row.informative} of "
            f"{plural(row.tests, 'test')} ({percent(row.share, row.low, row.high)} with data sets counting alike; "
            f"right side over left {_short(row.ratio)} in the median)"
            for row in records(summary[summary["claim"] == claim])
        ]
        yield f"{title_of(record, claim)}: says something {', '.join(said)}."
    if len(never := most[most == 0]):
        yield f"Says nothing anywhere: {'; '.join(title_of(record, claim) for claim in never.index)}."


def _short(value: float) -> str:
    """Three digits, or a whole number."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _ground(frame: pd.DataFrame) -> Iterator[str]:
    tilted = about_population(frame[frame["claim"] == THEOREM_1])
    for tau, rows in tilted.groupby("temperature"):
        share = percent(*share_over_data(rows, rows["reliable"] == 0))
        yield (
            f"At τ = {tau:g} the tests of Theorem 1 rest on {_short(float(rows['ess'].median()))} effective instances "
            f"in the median (the harmonic mean over anchors of the thinner pool); {share} are not to be relied on."
        )
    sets = frame.drop_duplicates(SETS)
    half = sets[sets["close"] > 0.5 * sets["n"]].assign(part=lambda f: f["close"] / f["n"])
    if len(half):
        named = ", ".join(
            f"{set_name(row)} ({percent(row.part)})" for row in records(half.sort_values("part", ascending=False))
        )
        yield f"More than half of the instances have another within a cosine of 0.98 in {named}."
    many = sets[sets["duplicates"] > 0.05 * sets["n"]].assign(part=lambda f: f["duplicates"] / f["n"])
    if len(many):
        named = ", ".join(
            f"{set_name(row)} ({percent(row.part)})" for row in records(many.sort_values("part", ascending=False))
        )
        yield f"More than one instance in twenty has a near-duplicate that stands apart from the others in {named}."
