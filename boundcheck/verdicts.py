"""The words of a verdict: what is said of a theorem, of a scenario, of an exact statement.

| kind | met | unmet | neither |
|---|---|---|---|
| theorem, conjecture | holds | violated | undecided, inapplicable |
| scenario | occurs | does not occur | undecided, inapplicable |
| exact | passes | fails | inapplicable |

A theorem is proved under its premise; a scenario may or may not be the case; an exact statement is true on every finite
data set, so that it checks the program. A verdict may be vacuous: the inequality could not have come out otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

Kind = Literal["exact", "theorem", "conjecture", "scenario"]
Verdict = Literal[
    "holds", "violated", "occurs", "does not occur", "passes", "fails", "undecided", "inapplicable"
]  # fmt: skip

MET: dict[Kind, Verdict] = {"theorem": "holds", "conjecture": "holds", "scenario": "occurs", "exact": "passes"}
UNMET: dict[Kind, Verdict] = {
    "theorem": "violated", "conjecture": "violated", "scenario": "does not occur", "exact": "fails",
}  # fmt: skip
GRAVEST_FIRST: tuple[Verdict, ...] = (
    "fails", "violated", "does not occur", "undecided", "holds", "occurs", "passes", "inapplicable",
)  # fmt: skip


def is_met(verdict: str) -> bool:
    """Whether the inequality was found to be met."""
    return verdict in MET.values()


def is_unmet(verdict: str) -> bool:
    """Whether the inequality was found not to be met."""
    return verdict in UNMET.values()


def contradicts(kind: str, verdict: str, premise_share: float) -> bool:
    """Whether a violated inequality speaks against the statement: a theorem says nothing where its premise fails."""
    return verdict == "violated" and (kind == "conjecture" or not premise_share < 1)


def gravest(verdicts: Iterable[str]) -> str:
    """The verdict that a reader must not miss; "inapplicable" where there is none."""
    found = set(verdicts)
    return next((verdict for verdict in GRAVEST_FIRST if verdict in found), "inapplicable")
