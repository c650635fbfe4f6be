"""The terms of a tile with as few exponentials as possible.

e^{(a + b) t} = e^{a t} e^{b t}: products of terms already there replace exponentials at an eighth of their cost, and
lose a unit in the last place each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
    """The fewest products, of at most `most`, found to lead from the powers there to gamma; None where there are not."""
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
    """e^{gamma t} of one tile after another, in buffers of their own."""

    def __init__(self, order: Chain) -> None:
        self.order = order
        self._buffers: dict[LogTerm, Tensor] = {}

    def __call__(self, t: Tensor) -> Iterator[tuple[LogTerm, Tensor]]:
        """Each term of the chain (no eta) with its values, which the next tile overwrites."""
        for term, factors in self.order:
            values = self._buffer(term, t)
            if factors is not None:
                first, second = (self._buffer(factor, t) for factor in factors)
                torch.mul(first, second, out=values)
            elif term.gamma:
                torch.exp(t if term.gamma == 1 else torch.mul(t, term.gamma, out=values), out=values)
            yield term, values

    def _buffer(self, term: LogTerm, t: Tensor) -> Tensor:
        if term not in self._buffers or self._buffers[term].numel() < t.numel():
            self._buffers[term] = t.new_ones(t.numel())  # what gamma = 0 needs
        return self._buffers[term][: t.numel()].view(t.shape)


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
