"""A sweep in a few sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping

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
    for word, verb in (("fails", "fail in some cells without a contradiction"), ("undecided", "are undecided in some")):
        if said[word]:
            parts.append(f"{len(said[word])} {verb} ({'; '.join(said[word])})")
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
    return (
        f"Assumption 1 holds at {percent(least.share_holding).removesuffix(' %')} to {percent(most.share_holding)} of "
        f"the anchors, least on {least.encoder} at temperature {least.temperature:g}."
    )
