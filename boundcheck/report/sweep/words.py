"""A sweep in a few sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping

from boundcheck.estimators.records import LOW_ESS
from boundcheck.report.format import percent
from boundcheck.report.words import claim_standing
from boundcheck.runs import records
from boundcheck.sweep_record import SweepRecord


def claims_by_standing(record: SweepRecord) -> dict[str, list[str]]:
    """Ids by their gravest standing over the whole sweep: contradicted, fails, undecided, holds, inapplicable."""
    standing: dict[str, list[str]] = {
        word: [] for word in ("contradicted", "fails", "undecided", "holds", "inapplicable")
    }
    for claim, rows in record.claims.groupby("claim", sort=False):
        standing[claim_standing(rows)].append(str(claim))
    return standing


def sweep_headline(record: SweepRecord) -> str:
    """What the sweep says of the claims, and of Assumption 1."""
    catalogue = record.manifest["catalogue"]
    said = {
        word: [str(catalogue.get(claim, {}).get("title") or claim) for claim in ids]
        for word, ids in claims_by_standing(record).items()
    }
    encoders, taus = record.claims["encoder"].nunique(), record.claims["temperature"].nunique()
    where = f"{_counted(encoders, 'encoder')} at {_counted(taus, 'temperature')}."
    return f"{where} {_verdicts(said)} {_assumption(record)}".strip()


def _verdicts(said: Mapping[str, list[str]]) -> str:
    tested = sum(len(titles) for word, titles in said.items() if word != "inapplicable")
    if tested == 0:
        return "No claim of the theory applies to these data."
    parts = [f"{len(said['holds'])} of the {tested} claims tested hold wherever they apply"]
    if said["fails"]:
        verb = "fails" if len(said["fails"]) == 1 else "fail"
        parts.append(f"{len(said['fails'])} {verb} in some cells without a contradiction ({'; '.join(said['fails'])})")
    if said["undecided"]:
        verb = "is" if len(said["undecided"]) == 1 else "are"
        parts.append(f"{len(said['undecided'])} {verb} undecided in some ({'; '.join(said['undecided'])})")
    if said["contradicted"]:
        return f"Contradicted in some cells: {'; '.join(said['contradicted'])}. Of the rest, {', '.join(parts)}."
    return f"Nothing here contradicts the theory: {', '.join(parts)}."


def _counted(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _assumption(record: SweepRecord) -> str:
    rows = record.assumption[record.assumption["beta"] != math.inf].dropna(subset=["share_holding"])
    if rows.empty:
        return ""
    ascending = list(records(rows.sort_values("share_holding", kind="stable")))
    least, most = ascending[0], ascending[-1]
    thin = int((rows["median_ess"] < LOW_ESS).sum())
    few = (
        f" In {thin} of {len(rows)} cells the tilt rests on fewer than {LOW_ESS:g} effective negatives." if thin else ""
    )
    return (
        f"Assumption 1 holds at {percent(least.share_holding).removesuffix(' %')} to {percent(most.share_holding)} of "
        f"the anchors, least on {least.encoder} at temperature {least.temperature:g}.{few}"
    )
