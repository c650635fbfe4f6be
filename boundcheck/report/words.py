"""The report's words: names of hardenings, what a verdict means, the headline."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from boundcheck.hardening import hardening_label
from boundcheck.report.format import percent
from boundcheck.runs import Run, about_population, of_own, records
from boundcheck.verdicts import contradicts, gravest

KIND = {
    "exact": "true on every finite data set: a check of the computation",
    "theorem": "proved",
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


def q_label(q: float) -> str:
    """How Q is written: `1`, `∞` (the decoupled loss), a dash where it plays no part."""
    return "–" if math.isnan(q) else "∞" if math.isinf(q) else f"{q:g}"


def title(run: Run, claim: str) -> str:
    """A claim's title from the manifest's catalogue, or its id."""
    return str(catalogue_entry(run, claim).get("title") or claim)


def unit(run: Run, claim: str) -> str:
    """What a claim's two sides and their gap are measured in."""
    return str(catalogue_entry(run, claim).get("unit") or "nats")


def catalogue_entry(run: Run, claim: str) -> Mapping[str, Any]:
    """What the manifest says of a claim: title, statement, source, kind, premise, unit."""
    entry: Mapping[str, Any] = run.manifest.get("catalogue", {}).get(claim, {})
    return entry


def reading(kind: str, verdict: str, premise_share: float, vacuous: bool = False) -> str:
    """What a verdict says of the theory, in a few words: empty where the verdict says it all.

    A violated inequality contradicts a theorem only where its premise is met, and one that could not have come out
    otherwise says nothing.
    """
    if vacuous and verdict in ("holds", "occurs"):
        return "vacuous"
    if verdict == "fails":
        return "error in the computation"
    if verdict != "violated":
        return ""
    if not contradicts(kind, verdict, premise_share):
        return "premise fails, no contradiction"
    return "counterexample to the conjecture" if kind == "conjecture" else f"contradicts the {kind}"


def reading_of(row: Any) -> str:
    """`reading` of a row of claims.csv; whether it is vacuous is empty where nothing was tested."""
    return reading(row.kind, row.verdict, row.premise_share, row.vacuous == 1)


def claim_standing(rows: pd.DataFrame) -> str:
    """One claim over all its rows, in a word.

    A theorem is contradicted, violated (where its premise fails), held, sometimes held (undecided at other rows),
    vacuous, undecided or inapplicable; a scenario occurs, sometimes occurs, does not occur, sometimes does not
    (undecided at other rows) or is undecided.
    """
    verdicts, word = set(rows["verdict"]), gravest(rows["verdict"])
    if word == "violated":
        against = (contradicts(r.kind, r.verdict, r.premise_share) for r in records(rows))
        return "contradicted" if any(against) else "violated"
    if "occurs" in verdicts and verdicts & {"does not occur", "undecided"}:
        return "sometimes occurs"
    if word == "does not occur" and "undecided" in verdicts:
        return "sometimes does not occur"
    told = ~rows.loc[rows["verdict"] == "holds", "vacuous"].astype(bool)
    if word == "holds" and not told.any():
        return "vacuous"
    if word == "undecided" and told.any():
        return "sometimes holds"
    return word


def headline(run: Run) -> str:
    """The result in a few sentences, see `sentences`."""
    return " ".join(sentences(run))


def sentences(run: Run) -> list[str]:
    """The result for a newcomer: what is wrong with the encoder, or how the theorems stand, the scenarios, and the
    premise of the main theorem."""
    if collapse := run.manifest.get("collapse"):
        return [f"{collapse} Nothing is concluded."]
    if failing := _standings(run, run.claims).get("exact", {}).get("fails"):
        return [f"The computation is in error: {'; '.join(failing)}. Nothing else here is to be relied on."]
    own = of_own(run.claims)
    theorems = _theorems(run, own) or "No theorem about a population applies to these data."
    said = [theorems, *_scenarios(run, own), *_against_elsewhere(run), _assumption_sentence(run)]
    return [sentence for sentence in said if sentence]


def _standings(run: Run, claims: pd.DataFrame) -> dict[str, dict[str, list[str]]]:
    """Titles of claims by kind and standing, see `claim_standing`."""
    standings: dict[str, dict[str, list[str]]] = {}
    for claim, rows in claims.groupby("claim", sort=False):
        of_kind = standings.setdefault(rows["kind"].iloc[0], {})
        of_kind.setdefault(claim_standing(rows), []).append(title(run, str(claim)))
    return standings


def _against_elsewhere(run: Run) -> list[str]:
    """What is contradicted in another configuration than the run's, which nobody must miss."""
    standings = _standings(run, rows_elsewhere(run))
    against = [name for kind in ("theorem", "conjecture") for name in standings.get(kind, {}).get("contradicted", [])]
    return [f"Contradicted in another configuration: {'; '.join(against)}."] if against else []


def rows_elsewhere(run: Run) -> pd.DataFrame:
    """The rows of statements that may fail in another configuration than the run's."""
    return about_population(run.claims[run.claims["configuration"] != ""])


def elsewhere(run: Run) -> list[str]:
    """One line for them: numbers of several configurations must not be added up, nor to those of the run."""
    rows = rows_elsewhere(run)
    if rows.empty:
        return []
    number = rows["claim"].nunique()
    standing = [claim_standing(of_claim) for _, of_claim in rows.groupby("claim", sort=False)]
    parts = [counted(standing.count(word), STOOD.get(word, word)) for word in dict.fromkeys(standing)]
    return [f"apart, each in the configuration that it is about: {plural(number, 'claim')}, {', '.join(parts)}"]


def where(run: Run) -> str:
    """What was measured, in a line: instances, views, temperature, confidence, design."""
    data, config = run.manifest.get("data", {}), run.manifest.get("config", {})
    if not data:
        return ""
    views = f" in {data['v']} views" if data["v"] > 1 else ""
    drawn = {"iid": "drawn independently", "fixed": "class sizes fixed"}.get(str(config.get("design")), "")
    design = f", {drawn}{' (assumed)' if config.get('design_assumed', True) else ''}" if drawn else ""
    confidence = f", confidence {100 * config['confidence']:g} %" if "confidence" in config else ""
    size = f"{data['n']:,} instances{views} of {data['c']} classes{design}"
    q = config.get("q") or []
    one_q = f", Q = {q_label(float(q[0]))}" if len(q) == 1 else ""
    return f"{size}; temperature {config['temperature']:g}{one_q}{confidence}"


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
    """A line for claims that another configuration would test, then one for each reason why others do not apply."""
    rows = run.claims[run.claims["verdict"] == "inapplicable"]
    waiting = run.manifest.get("choice", {}).get("waiting", [])
    elsewhere = list(dict.fromkeys(rows.loc[rows["claim"].isin(waiting), "claim"]))
    rows = rows[~rows["claim"].isin(elsewhere)]
    reasons: dict[str, list[str]] = {}
    for row in records(rows):
        names = reasons.setdefault(row.reason, [])
        if row.claim not in names:
            names.append(row.claim)
    told = [
        f"not tested: {plural(len(elsewhere), 'claim')} about another configuration, which configurations='all' tests: "
        f"{', '.join(elsewhere)}"
    ]
    return told[: len(elsewhere)] + [f"not tested: {', '.join(names)}: {reason}" for reason, names in reasons.items()]


def to_decide(run: Run) -> list[tuple[str, str]]:
    """What would decide the undecided: claims with their hardnesses that share a remedy, and the remedy."""
    rows = run.claims[(run.claims["verdict"] == "undecided") & (run.claims["remedy"].fillna("") != "")]
    if rows["remedy"].nunique() == 1 and rows["claim"].nunique() > 3:
        return [("what is undecided", str(rows["remedy"].iloc[0]))]
    return [(at_hardnesses(alike), str(remedy)) for remedy, alike in rows.groupby("remedy", sort=False)]


def at_hardnesses(rows: pd.DataFrame) -> str:
    """Claims with the hardnesses of their rows: `hscl_le_hucl (β = 5, 10), scl_ge_collapse`."""
    said = []
    for claim, of_claim in rows.groupby("claim", sort=False):
        labels = _hardnesses(of_claim)
        said.append(str(claim) if labels in ("–", "") else f"{claim} ({labels})")
    return ", ".join(said)


def _hardnesses(rows: pd.DataFrame) -> str:
    """The hardnesses of rows, betas together: `η = 1, β = 0.5, 2`."""
    labels = list(dict.fromkeys(hardening_label(row.hardening, row.beta) for row in records(rows)))
    betas = [label.removeprefix("β = ") for label in labels if label.startswith("β = ")]
    others = [label for label in labels if not label.startswith("β = ")]
    return ", ".join([*others, *([f"β = {', '.join(betas)}"] if betas else [])])


_STANDS = {
    "contradicted": "contradicted", "violated": "violated where the premise fails, which contradicts nothing",
    "undecided": "undecided", "sometimes holds": "hold at some hardnesses, undecided at others",
    "holds": "hold", "vacuous": "vacuous here",
}  # fmt: skip


def _theorems(run: Run, claims: pd.DataFrame) -> str:
    """How many theorems and conjectures could have failed, and what became of them; empty where there were none."""
    standings = _standings(run, claims)
    kinds = [kind for kind in ("theorem", "conjecture") if standings.get(kind, {}).keys() - {"inapplicable"}]
    names = {word: [name for kind in kinds for name in standings[kind].get(word, [])] for word in _STANDS}
    tested = sum(map(len, names.values()))
    if tested == 0:
        return ""
    # What holds is in the table below; what does not must not be missed.
    parts = [
        counted(len(names[word]), said) + ("" if word == "holds" and tested > 3 else f" ({'; '.join(names[word])})")
        for word, said in _STANDS.items()
        if names[word]
    ]
    what = plural(tested, kinds[0]) if len(kinds) == 1 else f"{tested} theorems and conjectures"
    return f"Of {what} tested: {', '.join(parts)}."


# What several claims did, in short; other standings are said as they are.
STOOD = {
    "violated": "violated, premise fails", "holds": "hold", "sometimes holds": "hold in part", "occurs": "occur",
    "sometimes occurs": "occur in part", "does not occur": "do not occur",
    "sometimes does not occur": "do not occur in part",
}  # fmt: skip


def counted(count: int, said: str) -> str:
    """2 hold, 1 holds; 2 do not occur, 1 does not occur."""
    if count == 1:
        said = re.sub(r"^(hold|occur)\b", r"\1s", re.sub(r"^do\b", "does", said))
    return f"{count} {said}"


_HAPPENS = {"occurs": "occurs", "does not occur": "does not occur", "undecided": "is undecided"}


def _scenarios(run: Run, claims: pd.DataFrame) -> list[str]:
    """A sentence for each scenario: at which hardness it occurs, does not, or cannot be told."""
    rows = claims[(claims["kind"] == "scenario") & claims["verdict"].isin(_HAPPENS)]
    return [
        f"Scenario: {_quoted(title(run, str(claim)))} {_happens(of_claim)}."
        for claim, of_claim in rows.groupby("claim", sort=False)
    ]


def _happens(rows: pd.DataFrame) -> str:
    """What becomes of a scenario, hardness by hardness; Q by Q where that makes a difference."""
    said = {q: _at_one_q(rows[rows["q"].isin([q])]) for q in rows["q"].unique()}
    if len(set(said.values())) == 1:
        return next(iter(said.values()))
    return ", ".join(f"with Q = {q_label(q)} {words}" for q, words in said.items())


def _at_one_q(rows: pd.DataFrame) -> str:
    found = [word for word in _HAPPENS if (rows["verdict"] == word).any()]
    if len(found) == 1:
        every = "any" if found[0] == "does not occur" else "every"
        return f"{_HAPPENS[found[0]]} at {every} hardness tested"
    return ", ".join(f"{_HAPPENS[word]} at {_hardnesses(rows[rows['verdict'] == word])}" for word in found)


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
