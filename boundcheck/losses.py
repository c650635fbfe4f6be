"""The losses in the large-negative limit: each is a pool of negatives and whether a hardening tilts it.

docs/theory.md, eq. (7) and eq. (9):

    l(a, p) = log(1 + Q exp(rho_P(a; eta) - t_ap)),   averaged over the positives p of a, then over anchors

| loss | pool of negatives | eta |
|---|---|---|
| UCL | all other instances | 1 |
| H-UCL | all other instances | eta |
| SCL | other classes | 1 |
| H-SCL | other classes | eta |

A loss of one's own is one line, and every estimator computes it or says what it lacks:

    sib = Loss("sib", "H-SCL among siblings", SIBLINGS, hardened=True)
    bc.estimate(emb, losses=["ucl", sib])
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from boundcheck.errors import InputError
from boundcheck.hardening import CONSTANT, Constant, Hardening
from boundcheck.options import one_of
from boundcheck.pools import ALL, DIFF, Pool


@dataclass(frozen=True)
class Loss:
    """A loss.

    Attributes:
        id: the name in commands and tables.
        title: the name in text and figures.
        pool: its negatives.
        hardened: whether a hardening tilts the pool; without one eta = 1.
    """

    id: str
    title: str
    pool: Pool
    hardened: bool


LOSSES: dict[str, Loss] = {
    loss.id: loss
    for loss in (
        Loss("ucl", "UCL", ALL, hardened=False),
        Loss("hucl", "H-UCL", ALL, hardened=True),
        Loss("scl", "SCL", DIFF, hardened=False),
        Loss("hscl", "H-SCL", DIFF, hardened=True),
    )
}
UCL, HUCL, SCL, HSCL = (LOSSES[name] for name in ("ucl", "hucl", "scl", "hscl"))


@dataclass(frozen=True)
class Tilt:
    """A pool and the hardening that tilts it: what one rho depends on."""

    pool: Pool
    hardening: Hardening


@dataclass(frozen=True)
class LossKey:
    """One loss at one hardening and Q."""

    loss: Loss
    hardening: Hardening
    q: float

    @property
    def tilt(self) -> Tilt:
        """The rho this loss is a function of."""
        return Tilt(self.loss.pool, self.hardening)


def choose_losses(given: str | Sequence[str | Loss]) -> tuple[Loss, ...]:
    """Losses by id, or `Loss` objects as they are, in the order of the papers, then as given.

    Raises:
        InputError: an id is unknown, two losses share one, or none is named.
    """
    names = given.split(",") if isinstance(given, str) else given
    chosen = dict.fromkeys(name if isinstance(name, Loss) else _by_id(name.strip()) for name in names)
    if not chosen:
        raise InputError(f"losses: expected at least one, received none; the usual are {','.join(LOSSES)}")
    ids = [loss.id for loss in chosen]
    if twice := next((name for name in ids if ids.count(name) > 1), None):
        raise InputError(f"losses: ids must be distinct, received '{twice}' for two losses; rename one")
    known = [loss for loss in LOSSES.values() if loss in chosen]
    return (*known, *(loss for loss in chosen if loss not in known))


def _by_id(name: str) -> Loss:
    one_of("losses", name, LOSSES)
    return LOSSES[name]


def keys_of(losses: Iterable[Loss], hardenings: Iterable[Hardening], q: Iterable[float]) -> tuple[LossKey, ...]:
    """Every loss at every hardening and Q that concern it, in reporting order: by Q, by hardening, by loss."""
    losses, hardenings = tuple(losses), (CONSTANT, *(h for h in hardenings if not isinstance(h, Constant)))
    return tuple(
        LossKey(loss, h, value)
        for value in q
        for h in hardenings
        for loss in losses
        if loss.hardened != isinstance(h, Constant)
    )
