"""A sweep in a few sentences."""

from __future__ import annotations

import math

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
    standing = claims_by_standing(record)
    encoders, taus = record.claims["encoder"].nunique(), record.claims["temperature"].nunique()
    where = f"{_counted(encoders, 'encoder')} at {_counted(taus, 'temperature')}"
    parts = [
        (standing["contradicted"], "contradicted somewhere"),
        (standing["fails"], "violated somewhere without a contradiction (the premise fails, or it is a scenario)"),
        (standing["undecided"], "undecided somewhere"),
        (standing["holds"], "true wherever tested"),
        (standing["inapplicable"], "inapplicable throughout"),
    ]
    said = [f"{', '.join(ids)} {'is' if len(ids) == 1 else 'are'} {words}" for ids, words in parts if ids]
    return f"{where}: {'; '.join(said)}. {_assumption(record)}".strip()


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
