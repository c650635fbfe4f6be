"""The report's words: names of hardenings, what a verdict means, the headline."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from boundcheck.claims.verdicts import gravest
from boundcheck.report.format import percent
from boundcheck.runs import Run, records

KIND = {
    "exact": "true on every finite data set: a check of the computation",
    "theorem": "proved under its premise",
    "conjecture": "conjectured, not proved: a violation is a counterexample",
    "scenario": "may or may not occur",
}
VERDICTS = {
    "holds": "the interval of the gap lies above zero",
    "violated": "the interval of the gap lies below zero",
    "occurs": "the interval of the gap lies above zero",
    "does not occur": "the interval of the gap lies below zero",
    "passes": "met at every anchor, up to rounding",
    "fails": "not met at some anchor: an error in the computation",
    "undecided": "the interval of the gap holds zero, or it is not to be relied on; the reason says which",
    "inapplicable": "the data do not meet a requirement of the claim",
}
SYMBOL = {
    "holds": "✓", "violated": "✗", "occurs": "●", "does not occur": "○", "passes": "✓", "fails": "✗", "undecided": "?",
    "inapplicable": "–",
}  # fmt: skip


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
    if verdict == "fails":
        return "error in the computation"
    if verdict != "violated":
        return ""
    if not contradicts(kind, verdict, premise_share):
        return "premise fails, no contradiction"
    return "counterexample to the conjecture" if kind == "conjecture" else f"contradicts the {kind}"


def contradicts(kind: str, verdict: str, premise_share: float) -> bool:
    """Whether a violated inequality speaks against the statement: a theorem says nothing where its premise fails."""
    return verdict == "violated" and (kind == "conjecture" or not premise_share < 1)


def claim_standing(rows: pd.DataFrame) -> str:
    """One claim over all its rows, the gravest word that occurs.

    A theorem is contradicted, violated (where its premise fails), undecided, vacuous, held or inapplicable; a scenario
    occurs, sometimes occurs or does not occur.
    """
    word = gravest(rows["verdict"])
    if word == "violated":
        against = (contradicts(r.kind, r.verdict, r.premise_share) for r in records(rows))
        return "contradicted" if any(against) else "violated"
    if word == "does not occur" and (rows["verdict"] == "occurs").any():
        return "sometimes occurs"
    if word == "holds" and rows.loc[rows["verdict"] == "holds", "vacuous"].astype(bool).all():
        return "vacuous"
    return word


def headline(run: Run) -> str:
    """The result in a few sentences that a newcomer understands: what is wrong with the encoder, or how the theorems
    stand, the scenarios, and the premise of the main theorem."""
    if collapse := run.manifest.get("collapse"):
        return f"{collapse} Nothing is concluded."
    standings: dict[str, dict[str, list[str]]] = {}
    for claim, rows in run.claims.groupby("claim", sort=False):
        of_kind = standings.setdefault(rows["kind"].iloc[0], {})
        of_kind.setdefault(claim_standing(rows), []).append(title(run, str(claim)))
    if failing := standings.get("exact", {}).get("fails"):
        return f"The computation is in error: {'; '.join(failing)}. Nothing else here is to be relied on."
    said = [_theorems(standings), _scenarios(standings.get("scenario", {})), _assumption_sentence(run)]
    return " ".join(sentence for sentence in said if sentence)


def where(run: Run) -> str:
    """What was measured, in a line: instances, views, temperature, confidence, design."""
    data, config = run.manifest.get("data", {}), run.manifest.get("config", {})
    if not data:
        return ""
    views = f" in {data['v']} views" if data["v"] > 1 else ""
    known = config.get("design")
    design = {"iid": ", drawn independently", "fixed": ", class sizes fixed"}.get(str(known), "")
    confidence = f", confidence {config['confidence']:.0%}" if "confidence" in config else ""
    size = f"{data['n']:,} instances{views} of {data['c']} classes{design}"
    return f"{size}; temperature {config['temperature']:g}{confidence}"


def self_checks(run: Run) -> list[str]:
    """One line for the exact statements, which check the computation."""
    rows = run.claims[(run.claims["kind"] == "exact") & (run.claims["verdict"] != "inapplicable")]
    if rows.empty:
        return []
    by_claim = rows.groupby("claim", sort=False)["verdict"].agg(gravest)
    failing = [title(run, str(claim)) for claim, verdict in by_claim.items() if verdict == "fails"]
    said = f"self-checks: {(by_claim == 'passes').sum()} of {len(by_claim)} exact statements pass"
    return [f"{said}; failing: {'; '.join(failing)}" if failing else said]


def not_tested(run: Run) -> list[str]:
    """One line for each reason why claims do not apply."""
    rows = run.claims[run.claims["verdict"] == "inapplicable"]
    reasons: dict[str, list[str]] = {}
    for row in records(rows):
        # As flags, for whoever reads this at a terminal.
        flags = re.sub(r"(\w+)='(\w+)'", lambda m: f"--{m[1].replace('_', '-')} {m[2]}", row.reason)
        names = reasons.setdefault(flags, [])
        if row.claim not in names:
            names.append(row.claim)
    return [f"not tested: {', '.join(names)}: {reason}" for reason, names in reasons.items()]


def to_decide(run: Run) -> list[tuple[str, str]]:
    """What is undecided, with what would decide it."""
    rows = run.claims[(run.claims["verdict"] == "undecided") & (run.claims["remedy"].fillna("") != "")]
    return [(f"{row.claim} ({hardening_label(row.hardening, row.beta)})", row.remedy) for row in records(rows)]


_STANDS = {
    "contradicted": "contradicted", "violated": "violated where the premise fails, which contradicts nothing",
    "undecided": "undecided", "holds": "confirmed", "vacuous": "vacuous here",
}  # fmt: skip


def _theorems(standings: Mapping[str, Mapping[str, list[str]]]) -> str:
    """How many theorems and conjectures could have failed, and what became of them."""
    kinds = [kind for kind in ("theorem", "conjecture") if standings.get(kind, {}).keys() - {"inapplicable"}]
    names = {word: [name for kind in kinds for name in standings[kind].get(word, [])] for word in _STANDS}
    tested = sum(map(len, names.values()))
    if tested == 0:
        return "No theorem about a population applies to these data."
    # What holds is in the table below; what does not must not be missed.
    parts = [
        f"{len(names[word])} {said}" + ("" if word == "holds" and tested > 3 else f" ({'; '.join(names[word])})")
        for word, said in _STANDS.items()
        if names[word]
    ]
    what = plural(tested, kinds[0]) if len(kinds) == 1 else f"{tested} theorems and conjectures"
    return f"Of {what} tested at every hardness: {', '.join(parts)}."


def _scenarios(standings: Mapping[str, list[str]]) -> str:
    said = {
        "occurs": "occurs at every hardness tested", "sometimes occurs": "occurs at some hardness, not at all",
        "does not occur": "does not occur at every hardness tested", "undecided": "is undecided at some hardness",
    }  # fmt: skip
    return " ".join(
        f"Scenario: {name} {words}."
        for word, words in said.items()
        for name in (_quoted(t) for t in standings.get(word, []))
    )


def _quoted(text: str) -> str:
    return f"“{text}”"


def plural(count: int, noun: str) -> str:
    """A count with its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _assumption_sentence(run: Run) -> str:
    shares = run.assumption.loc[run.assumption["beta"] != math.inf, "share_holding"].dropna()
    if shares.empty:
        return ""
    low, high = percent(float(shares.min())), percent(float(shares.max()))
    where = low if low == high else f"{low.removesuffix(' %')} to {high}"
    depending = "" if low == high else ", depending on the hardness"
    return (
        f"Assumption 1, on which the main theorem rests, holds at {where} of the anchors against pools of this many "
        f"instances{depending}."
    )
