"""The terms of a tile with as few exponentials as possible.

e^{(a + b) t} = e^{a t} e^{b t}: products of terms already there replace exponentials at an eighth of their cost, and
lose a unit in the last place each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from boundcheck.hardening import LogTerm
from boundcheck.population.tiles import Part

Chain: TypeAlias = tuple[tuple[LogTerm, tuple[LogTerm, LogTerm] | None], ...]

# What one exponential may be replaced with, and what the roundings of a term may add up to, in nats.
MOST_PRODUCTS = 5
MOST_LOST = 4e-6


def chain(terms: Iterable[LogTerm], dtype: torch.dtype, most_lost: float = MOST_LOST) -> Chain:
    """An order of evaluation: every term with the two earlier ones whose product it is, or None.

    Powers that nobody asked for are put in where they save an exponential: e^{2t} and e^{4t} on the way to e^{5t}.
    """
    most_roundings = 2 * most_lost / torch.finfo(dtype).eps
    terms = sorted(set(terms), key=lambda term: (term.eta is not None, term.gamma))
    names = {_key(term.gamma): term for term in reversed(terms) if term.eta is None}
    roundings: dict[float, int] = {}
    out: dict[LogTerm, tuple[LogTerm, LogTerm] | None] = {}
    for term in terms:
        gamma = _key(term.gamma)
        products = None
        if term.eta is None and term.gamma and gamma not in roundings:
            products = _products(gamma, frozenset(roundings), MOST_PRODUCTS)
            counts = dict(roundings)
            for a, b in products or ():
                counts[_key(a + b)] = counts[a] + counts[b] + 1
            counts.setdefault(gamma, 2)
            if counts[gamma] > most_roundings:
                products, counts = None, roundings | {gamma: 2}
            roundings = counts
        for a, b in products or ():
            out[names.setdefault(_key(a + b), LogTerm(_key(a + b)))] = names[a], names[b]
        out.setdefault(term, None)
    return tuple(out.items())


def _products(gamma: float, there: frozenset[float], most: int) -> list[tuple[float, float]] | None:
    """The fewest products found, at most `most`, that lead from the powers there to gamma; None without any."""
    for length in range(1, most + 1):
        if found := _path(gamma, there, length):
            return found
    return None


def _path(gamma: float, there: frozenset[float], length: int) -> list[tuple[float, float]] | None:
    """As `_products`, of this length: the last product is a square, or one with a power that is there."""
    if length == 1:
        return next(([(a, _key(gamma - a))] for a in there if _key(gamma - a) in there), None)
    smaller = sorted(a for a in there if a < gamma)
    # Any power may be the last factor of a short path; of a long one the least or the greatest.
    for last in (gamma / 2, *(smaller if length < 4 else smaller[:1] + smaller[-1:])):
        rest = _key(gamma - last)
        if rest not in there and (path := _path(rest, there, length - 1)):
            return [*path, (rest, _key(last))]
    return None


def _key(gamma: float) -> float:
    return round(gamma, 9)


class Powers:
    """e^{gamma t} of one tile after another, in as few buffers as will do: they should stay in a core's cache.

    Args:
        terms: powers, without eta.
        order: of their evaluation, from `chain`.
        keep: whether every term is still there when the last one is, for `together`.
    """

    def __init__(self, terms: Sequence[LogTerm], order: Chain, keep: bool = False) -> None:
        place = {term: i for i, (term, _) in enumerate(order)}
        wanted = {term: k for k, term in enumerate(terms)}
        # Tiles are many and small: the loop over them handles numbers, and makes no view twice.
        self._steps = [
            (wanted.get(term, -1), term.gamma, factors and (place[factors[0]], place[factors[1]]))
            for term, factors in order
        ]
        if keep:
            helpers = iter(range(len(terms), len(order)))
            self._slots = [k if k >= 0 else next(helpers) for k, _, _ in self._steps]
        else:
            self._slots = _slots([factors or () for _, _, factors in self._steps])
        self._count = len(terms)
        self._storage: Tensor | None = None
        self._views: dict[tuple[int, ...], list[Tensor]] = {}

    def __call__(self, t: Tensor) -> Iterator[tuple[int, Tensor]]:
        """Each term's position with its values, shaped as t, which the next term (or tile) overwrites."""
        values = self._views.get(t.shape) or self._view(t)
        for out, (k, gamma, factors) in zip(values, self._steps, strict=True):
            if factors is not None:
                torch.mul(values[factors[0]], values[factors[1]], out=out)
            elif gamma:
                torch.exp(t if gamma == 1 else torch.mul(t, gamma, out=out), out=out)
            else:
                out.fill_(1.0)
            if k >= 0:
                yield k, out

    def together(self, t: Tensor) -> Tensor:
        """(terms, *t.shape) the values of all terms."""
        for _ in self(t):
            pass
        assert self._storage is not None
        return self._storage[: self._count, : t.numel()].view(self._count, *t.shape)

    def _view(self, t: Tensor) -> list[Tensor]:
        if self._storage is None or self._storage.shape[1] < t.numel():
            self._storage = t.new_empty(max(self._slots) + 1, t.numel())
            self._views.clear()
        self._views[t.shape] = [self._storage[slot, : t.numel()].view(t.shape) for slot in self._slots]
        return self._views[t.shape]


def _slots(inputs: Sequence[Sequence[int]]) -> list[int]:
    """A buffer for the result of each step, shared with results that no later step takes in."""
    last = {i: step for step, taken in enumerate(inputs) for i in taken}
    slots: list[int] = []
    for step in range(len(inputs)):
        busy = {slots[i] for i in range(step) if last.get(i, i) >= step}
        slots.append(next(slot for slot in range(step + 1) if slot not in busy))
    return slots


def relative_terms(
    t: Tensor,
    top: Tensor,
    order: Chain,
    part: Part,
    temperature: float,
) -> Iterator[tuple[LogTerm, Tensor]]:
    """f(t) / f(top) for each term of a chain, zero outside the part: at most one, so nothing overflows.

    Args:
        t: (a, b) logits.
        top: (a,) finite, at least the largest logit of the part in each row.
        order: from `chain`.
        part: which pairs count.
        temperature: tau.

    Yields:
        Each term with its (a, b) values; f(top) = 0 counts as one.
    """
    done: dict[LogTerm, Tensor] = {}
    above = t - top[:, None]
    for term, factors in order:
        if factors is not None:
            values = done[factors[0]] * done[factors[1]]
        else:
            if term.eta is None:
                values = (above * term.gamma).exp_() if term.gamma else torch.ones_like(t)
            else:
                values = (term.log(t, temperature) - peak(term, top, temperature).to(t.dtype)[:, None]).exp_()
            if part.drop is not None:
                values.masked_fill_(part.drop, 0.0)  # whatever overflowed outside the part goes too
        done[term] = values
        yield term, values


def peak(term: LogTerm, top: Tensor, temperature: float) -> Tensor:
    """log f(top) in float64, with 0 in place of -inf: what `relative_terms` divides by.

    `top` comes in the precision of the tiles: a threshold must fall on the same side here as there.
    """
    value = term.log(top.to(torch.float64) if term.eta is None else top, temperature).to(torch.float64)
    return torch.where(value == -torch.inf, 0.0, value)
