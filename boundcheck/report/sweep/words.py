"""A sweep in a few sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping

from boundcheck.report.format import percent
from boundcheck.report.words import claim_standing
from boundcheck.runs import records
from boundcheck.sweep_record import SweepRecord


def claims_by_standing(record: SweepRecord) -> dict[str, list[str]]:
    """Ids by their gravest standing over the whole sweep, see `claim_standing`."""
    standing: dict[str, list[str]] = {}
    for claim, rows in record.claims.groupby("claim", sort=False):
        standing.setdefault(claim_standing(rows), []).append(str(claim))
    return standing


def sweep_headline(record: SweepRecord) -> str:
    """What the sweep says of the claims, and of Assumption 1."""
    catalogue = record.manifest["catalogue"]
    kinds = dict(zip(record.claims["claim"], record.claims["kind"], strict=True))
    said: dict[str, list[str]] = {}
    for word, ids in claims_by_standing(record).items():
        for claim in ids:
            if kinds[claim] != "exact" or word == "fails":
                said.setdefault(word, []).append(str(catalogue.get(claim, {}).get("title") or claim))
    encoders, taus = record.claims["encoder"].nunique(), record.claims["temperature"].nunique()
    where = f"{_counted(encoders, 'encoder')} at {_counted(taus, 'temperature')}."
    return f"{where} {_verdicts(said)} {_assumption(record)}".strip()


_SAID = {
    "fails": "The computation is in error", "contradicted": "Contradicted in some cells",
    "violated": "Violated in some cells, where the premise fails and nothing is contradicted",
    "undecided": "Decided in no cell", "sometimes holds": "Holds in some cells, undecided in others",
    "holds": "Holds in every cell", "occurs": "Occurs in every cell", "sometimes occurs": "Occurs in some cells",
    "sometimes does not occur": "Does not occur in some cells, undecided in others",
    "does not occur": "Occurs in no cell", "vacuous": "Vacuous",
}  # fmt: skip


def _verdicts(said: Mapping[str, list[str]]) -> str:
    parts = [f"{words}: {'; '.join(said[word])}." for word, words in _SAID.items() if word in said]
    return " ".join(parts) or "No claim of the theory applies to these data."


def _counted(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _assumption(record: SweepRecord) -> str:
    rows = record.assumption[record.assumption["beta"] != math.inf].dropna(subset=["share_holding"])
    if rows.empty:
        return ""
    ascending = list(records(rows.sort_values("share_holding", kind="stable")))
    least, most = ascending[0], ascending[-1]
    thin = int((~record.losses["reliable"].astype(bool)).sum())
    few = f" {thin} of {len(record.losses)} losses are not to be relied on." if thin else ""
    return (
        f"Assumption 1 holds at {percent(least.share_holding).removesuffix(' %')} to {percent(most.share_holding)} of "
        f"the anchors, least on {least.encoder} at temperature {least.temperature:g}.{few}"
    )
