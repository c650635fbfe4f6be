"""The report's words: names of hardenings, what a verdict means, the headline."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from boundcheck.report.format import percent
from boundcheck.runs import Run, records

KIND = {
    "exact": "true on every finite data set; a violation would be an error in the computation",
    "theorem": "proved under its premise",
    "scenario": "expected in a plausible scenario, not proved",
    "conjecture": "believed, not proved; a violation is a counterexample",
}
VERDICTS = {
    "holds": "the interval of the gap lies at or above zero",
    "violated": "the interval of the gap lies below zero",
    "undecided": "the interval of the gap contains zero, or too few effective negatives carry it",
    "inapplicable": "the data do not meet a requirement of the claim",
}
SYMBOL = {"holds": "✓", "violated": "✗", "undecided": "?", "inapplicable": "–"}


def hardening_label(hardening: str, beta: float) -> str:
    """How a hardening is written in tables: `β = 5`, `η = 1`, `threshold 0.5`, `power 2`."""
    if hardening == "exp":
        return "β = ∞" if math.isinf(beta) else f"β = {beta:g}" if not math.isnan(beta) else "every β"
    if hardening in ("constant", ""):
        return "η = 1" if hardening else "–"
    name, _, parameter = hardening.partition(":")
    return f"{'power' if name == 'poly' else name} {parameter}".strip()


def q_label(q: float) -> str:
    """How Q is written: `1`, `∞` (the decoupled loss), a dash where it plays no part."""
    return "–" if math.isnan(q) else "∞" if math.isinf(q) else f"{q:g}"


def title(run: Run, claim: str) -> str:
    """A claim's title from the manifest's catalogue, or its id."""
    return str(catalogue_entry(run, claim).get("title") or claim)


def catalogue_entry(run: Run, claim: str) -> Mapping[str, Any]:
    """What the manifest says of a claim: title, statement, source, kind, premise."""
    entry: Mapping[str, Any] = run.manifest.get("catalogue", {}).get(claim, {})
    return entry


def reading(kind: str, verdict: str, premise_share: float) -> str:
    """What a verdict says of the theory, in a few words: empty where the verdict says it all.

    A violated inequality contradicts a theorem only where its premise is met.
    """
    if verdict != "violated":
        return ""
    if kind == "scenario":
        return "scenario does not occur"
    if kind == "conjecture":
        return "counterexample to the conjecture"
    if premise_share < 1:
        return "premise fails, no contradiction"
    return "contradicts the claim"


def claim_standing(rows: pd.DataFrame) -> str:
    """One claim over all its rows: contradicted, fails, undecided, holds or inapplicable, the gravest that occurs."""
    verdicts = set(rows["verdict"])
    if "violated" in verdicts:
        said = {reading(r.kind, r.verdict, r.premise_share) for r in records(rows)}
        return "contradicted" if "contradicts the claim" in said else "fails"
    return next((word for word in ("undecided", "holds") if word in verdicts), "inapplicable")


def headline(run: Run) -> str:
    """The result in one or two sentences a newcomer understands."""
    standings: dict[str, list[str]] = {}
    for claim, rows in run.claims.groupby("claim", sort=False):
        standings.setdefault(claim_standing(rows), []).append(title(run, str(claim)))
    tested = sum(len(names) for word, names in standings.items() if word != "inapplicable")
    return f"{_verdict_sentence(standings, tested)} {_assumption_sentence(run)}".strip()


def _verdict_sentence(standings: Mapping[str, list[str]], tested: int) -> str:
    contradicted, fails = standings.get("contradicted", []), standings.get("fails", [])
    undecided, holds = standings.get("undecided", []), standings.get("holds", [])
    if tested == 0:
        return "No claim of the theory applies to these data."
    if contradicted:
        return (
            f"{len(contradicted)} of the {tested} claims tested on this encoder "
            f"{'is' if len(contradicted) == 1 else 'are'} contradicted: {'; '.join(contradicted)}."
        )
    if len(holds) == tested:
        return f"The theory holds on this encoder: {_all(tested)} hold at every hardness tested."
    parts = [f"{len(holds)} of the {tested} claims tested hold at every hardness"]
    if fails:
        parts.append(f"{len(fails)} {'fails' if len(fails) == 1 else 'fail'} at some ({'; '.join(fails)})")
    if undecided:
        parts.append(f"{len(undecided)} cannot be decided from this sample ({'; '.join(undecided)})")
    return f"Nothing here contradicts the theory: {', '.join(parts)}."


def _all(tested: int) -> str:
    return "the one claim tested does" if tested == 1 else f"all {tested} claims tested"


def _assumption_sentence(run: Run) -> str:
    shares = run.assumption.loc[run.assumption["beta"] != math.inf, "share_holding"].dropna()
    if shares.empty:
        return ""
    low, high = percent(float(shares.min())), percent(float(shares.max()))
    where = low if low == high else f"{low.removesuffix(' %')} to {high}"
    depending = "" if low == high else ", depending on the hardness"
    return f"Assumption 1, on which its main theorem rests, holds at {where} of the anchors{depending}."
