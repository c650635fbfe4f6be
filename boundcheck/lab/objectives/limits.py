"""Which population loss each batch loss tends to, as its batch grows with the shares of the classes held."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from boundcheck.spec import Variant


@dataclass(frozen=True)
class Limit:
    """A loss of `boundcheck.estimate`, at the objective's temperature, beta and Q.

    Attributes:
        loss: `ucl`, `hucl`, `scl` or `hscl`.
        positives: `augmentation` or `class`, those the objective must be given; None for the same as its own.
        decoupled: whether the limit is at Q = inf, the objective exceeding it by the log of what it sums over: Q, or
            the number of views in its sum.
        condition: what else must hold; empty for nothing.
    """

    loss: str
    positives: str | None = None
    decoupled: bool = False
    condition: str = ""


LIMITS: dict[str, Limit] = {
    "ucl": Limit("ucl"),
    "hucl": Limit("hucl"),
    "scl": Limit("scl"),
    "hscl": Limit("hscl"),
    "dcl": Limit("scl", "class", condition="tau_plus is the share of the anchor's class"),
    "hcl": Limit("hscl", "class", condition="tau_plus is the share of tilted weight on the anchor's class"),
    "sscl": Limit(
        "hscl",
        "class",
        condition="tau_plus is the share of tilted weight on the anchor's class; a fixed number of synthetic "
        "negatives does not count",
    ),
    "nscl": Limit("scl", decoupled=True, condition="decoupled is true, its default"),
    "supcon": Limit("ucl", decoupled=True),
}
"""`schane` is not here: its limit mixes positives and tilted negatives in one sum, which is none of the four losses."""

_PLAIN = {"hucl": "ucl", "hscl": "scl"}


def limit_sentence(
    objective: str, positives: str | None, beta: float | None, variant: Variant, ask: Callable[[str, str], str]
) -> str:
    """Which of the losses that were estimated is the limit of the one an encoder was trained with.

    Args:
        objective: a name in `OBJECTIVES`, or one of the user's own.
        positives: those of the training, `augmentation` or `class`; None where the objective has no such choice.
        beta: hardness of the training; None where the objective has none.
        variant: what was estimated.
        ask: how a user asks for a value of a parameter (q, positives, betas), such as `--q inf`.

    Returns:
        One sentence; it says how to ask for the limit where it is not among the losses estimated.
    """
    trained = f"trained with {objective}" + (f", {positives} positives" if positives else "")
    limit = LIMITS.get(objective)
    if limit is None or positives is None:
        return f"{trained}: its limit for many negatives is not known to be one of the four losses"
    if limit.positives not in (None, positives):
        return (
            f"{trained}: its limit for many negatives is none of the four losses (with {limit.positives} positives it "
            f"would be {limit.loss})"
        )
    tilted = limit.loss in _PLAIN and bool(beta)
    loss = f"{limit.loss} at β = {beta:g}" if tilted else _PLAIN.get(limit.loss, limit.loss)
    q = "Q = inf" if limit.decoupled else "the Q of its training (by default the number of negatives in a batch)"
    condition = f", if {limit.condition}" if limit.condition else ""
    missing = list(_missing(limit, positives, beta if tilted else None, variant, ask))
    where = f"not estimated here, ask for it with {' '.join(missing)}" if missing else "it is among the losses here"
    if not (missing or limit.decoupled):
        where = f"estimated here for Q = {', '.join(f'{value:g}' for value in variant.q)}"
    return f"{trained}: its limit for many negatives is {loss}, {positives} positives, {q}{condition}; {where}"


def _missing(
    limit: Limit, positives: str, beta: float | None, variant: Variant, ask: Callable[[str, str], str]
) -> Iterator[str]:
    """What a user would have to ask for."""
    if limit.decoupled and math.inf not in variant.q:
        yield ask("q", "inf")
    if positives != variant.positives:
        yield ask("positives", positives)
    betas = {h.beta for h in variant.tilts if h.beta is not None}
    if beta is not None and beta not in betas:
        yield ask("betas", ",".join(f"{value:g}" for value in sorted({*betas, beta})))
