"""The terms of a tile with as few exponentials as possible.

e^{(a + b) t} = e^{a t} e^{b t}: products of terms already there replace exponentials at an eighth of their cost, and
lose a unit in the last place each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from boundcheck.hardening import LogTerm
from boundcheck.pairwise.tiles import Part

Chain: TypeAlias = tuple[tuple[LogTerm, tuple[LogTerm, LogTerm] | None], ...]

Steps: TypeAlias = tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]

# What one exponential may be replaced with, and what the roundings of a term may add up to, in nats.
MOST_PRODUCTS = 5
MOST_LOST = 4e-6
UNITS = 10**9


def chain(terms: Iterable[LogTerm], dtype: torch.dtype, most_lost: float = MOST_LOST) -> Chain:
    """An order of evaluation: every term with the two earlier ones whose product it is, or None.

    Powers that nobody asked for are put in where they save an exponential: e^{2t} and e^{4t} on the way to e^{5t}.
    Powers are told apart, and added, as whole numbers of 1e-9.
    """
    most_roundings = 2 * most_lost / torch.finfo(dtype).eps
    terms = sorted(set(terms), key=lambda term: (term.eta is not None, term.gamma))
    names = {_units(term.gamma): term for term in reversed(terms) if term.eta is None}
    roundings: dict[int, int] = {}
    out: dict[LogTerm, tuple[LogTerm, LogTerm] | None] = {}
    for term in terms:
        gamma = _units(term.gamma)
        products = None
        if term.eta is None and gamma and gamma not in roundings:
            products = _products(gamma, frozenset(roundings), MOST_PRODUCTS)
            counts = dict(roundings)
            for a, b in products or ():
                counts[a + b] = counts[a] + counts[b] + 1
            counts.setdefault(gamma, 2)
            if counts[gamma] > most_roundings:
                products, counts = None, roundings | {gamma: 2}
            roundings = counts
        for a, b in products or ():
            out[names.setdefault(a + b, LogTerm((a + b) / UNITS))] = names[a], names[b]
        out.setdefault(term, None)
    return tuple(out.items())


def _products(gamma: int, there: frozenset[int], most: int) -> list[tuple[int, int]] | None:
    """The fewest products found, at most `most`, that lead from the powers there to gamma; None without any."""
    for length in range(1, most + 1):
        if found := _path(gamma, there, length):
            return found
    return None


def _path(gamma: int, there: frozenset[int], length: int) -> list[tuple[int, int]] | None:
    """As `_products`, of this length: the last product is a square, or one with a power that is there."""
    if length == 1:
        return next(([(a, gamma - a)] for a in there if gamma - a in there), None)
    smaller = sorted(a for a in there if a < gamma)
    halves = [gamma // 2] if gamma % 2 == 0 else []
    # Any power may be the last factor of a short path; of a long one the least or the greatest.
    for last in (*halves, *(smaller if length < 4 else smaller[:1] + smaller[-1:])):
        rest = gamma - last
        if rest not in there and (path := _path(rest, there, length - 1)):
            return [*path, (rest, last)]
    return None


def _units(gamma: float) -> int:
    return round(gamma * UNITS)


def steps(terms: Sequence[LogTerm], order: Chain, dtype: torch.dtype) -> Steps:
    """A chain as the compiled loops take it.

    Args:
        terms: those asked for, all of them without eta.
        order: from `chain`.
        dtype: of the powers.

    Returns:
        gamma: (s,) in that precision, of each step.
        first, second: (s,) the steps whose product a step is; -1 for an exponential.
        wanted: (s,) which of the terms a step is; -1 for none of them.
    """
    place = {term: i for i, (term, _) in enumerate(order)}
    wanted = {term: k for k, term in enumerate(terms)}
    factors = [(place[product[0]], place[product[1]]) if product else (-1, -1) for _, product in order]
    return (
        np.array([term.gamma for term, _ in order], np.float32 if dtype == torch.float32 else np.float64),
        *np.array(factors, np.int64).T.copy(),
        np.array([wanted.get(term, -1) for term, _ in order], np.int64),
    )


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
