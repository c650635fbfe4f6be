"""The inner loops over one tile, compiled: each logit is loaded once, and all that is wanted of it is summed at once.

Rows of a tile are worked through one by one. All powers of a row fit the first-level cache, so that a power costs a
vector instruction or two where a pass over the whole tile would wait for memory. `add_powers` is the first visit,
`effect_sums` the second, `positive_sums` that to the same-class pairs. Sums within a tile are in the precision of the
powers, sums across tiles in float64.

All in one file: kept machine code is renewed when the file of its own source changes, not when one that it uses does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, no_type_check

import numpy as np
from numba import njit, types
from numba.extending import overload

# Sums may be taken in any order, so that vectors of them can; nothing may be rearranged in `exp` and `log1p`.
_SUMS = {"reassoc", "contract", "nsz", "nnan"}
_EXACT = {"contract"}

F = TypeVar("F", bound=Callable[..., Any])


def _compiled(fastmath: set[str]) -> Callable[[F], F]:
    """Machine code on the first call, which takes seconds, kept for later runs wherever there is a place to write."""
    options = {"fastmath": fastmath, "error_model": "numpy", "nogil": True}

    def decorate(function: F) -> F:
        try:
            return njit(cache=True, **options)(function)  # type: ignore[no-any-return]
        except RuntimeError:  # neither the package's folder nor the user's can be written to
            return njit(**options)(function)  # type: ignore[no-any-return]

    return decorate


@_compiled(_EXACT)
@no_type_check
def _exp32(x):
    """e^x for |x| <= 87, to two units in the last place: 2^n e^r with n read off the bits of x / log 2 + 1.5 * 2^23."""
    shifted = x * np.float32(1.44269504) + np.float32(12582912.0)
    n = shifted - np.float32(12582912.0)
    r = (x - n * np.float32(0.693359375)) + n * np.float32(2.12194440e-4)
    p = np.float32(1 / 5040)
    p = p * r + np.float32(1 / 720)
    p = p * r + np.float32(1 / 120)
    p = p * r + np.float32(1 / 24)
    p = p * r + np.float32(1 / 6)
    p = p * r + np.float32(1 / 2)
    p = p * r + np.float32(1.0)
    p = p * r + np.float32(1.0)
    return p * np.int32((np.float32(shifted).view(np.int32) + 127) << 23).view(np.float32)


@_compiled(_EXACT)
@no_type_check
def _exp64(x):
    """e^x for |x| <= 708, likewise."""
    shifted = x * 1.4426950408889634 + 6755399441055744.0
    n = shifted - 6755399441055744.0
    r = (x - n * 0.693147180369123816490) - n * 1.90821492927058770002e-10
    p = 1 / 6227020800
    p = p * r + 1 / 479001600
    p = p * r + 1 / 39916800
    p = p * r + 1 / 3628800
    p = p * r + 1 / 362880
    p = p * r + 1 / 40320
    p = p * r + 1 / 5040
    p = p * r + 1 / 720
    p = p * r + 1 / 120
    p = p * r + 1 / 24
    p = p * r + 1 / 6
    p = p * r + 0.5
    p = p * r + 1.0
    p = p * r + 1.0
    return p * np.int64((np.float64(shifted).view(np.int64) + 1023) << 52).view(np.float64)


@_compiled(_EXACT)
@no_type_check
def _log1p32(w):
    """log(1 + w) for w >= 0, to 1e-7 absolute: n log 2 + 2 artanh s, the mantissa's s below 0.18."""
    y = np.float32(1.0) + w
    n = (np.float32(y).view(np.int32) - 0x3F3504F3) >> 23
    m = np.int32(np.float32(y).view(np.int32) - (n << 23)).view(np.float32)
    s = (m - np.float32(1.0)) / (m + np.float32(1.0))
    r = s * s
    p = np.float32(2 / 9)
    p = p * r + np.float32(2 / 7)
    p = p * r + np.float32(2 / 5)
    p = p * r + np.float32(2 / 3)
    p = p * r + np.float32(2.0)
    return p * s + np.float32(n) * np.float32(0.69314718)


@_compiled(_EXACT)
@no_type_check
def _log1p64(w):
    """log(1 + w) for w >= 0, to 1e-15 absolute, likewise."""
    y = 1.0 + w
    n = (np.float64(y).view(np.int64) - 0x3FE6A09E667F3BCD) >> 52
    m = np.int64(np.float64(y).view(np.int64) - (n << 52)).view(np.float64)
    s = (m - 1.0) / (m + 1.0)
    r = s * s
    p = 2 / 23
    p = p * r + 2 / 21
    p = p * r + 2 / 19
    p = p * r + 2 / 17
    p = p * r + 2 / 15
    p = p * r + 2 / 13
    p = p * r + 2 / 11
    p = p * r + 2 / 9
    p = p * r + 2 / 7
    p = p * r + 2 / 5
    p = p * r + 2 / 3
    p = p * r + 2.0
    return p * s + n * 0.6931471805599453


@no_type_check
def exp(x):
    """e^x in the precision of x, in loops that the compiler turns into vector instructions (it does not for np.exp)."""


@no_type_check
def log1p(w):
    """log(1 + w), likewise."""


def _by_precision(function: Callable[[Any], Any], single: Callable[[Any], Any], double: Callable[[Any], Any]) -> None:
    """Let compiled code that calls `function` call one of these instead, by the precision of its argument."""

    @overload(function)
    @no_type_check
    def choose(x):
        chosen = single if x == types.float32 else double
        return lambda x: chosen(x)


_by_precision(exp, _exp32, _exp64)
_by_precision(log1p, _log1p32, _log1p64)


@_compiled(_SUMS)
@no_type_check
def _row_powers(logits, drop, steps, values):
    """Fill (s, b) `values` with every step's power of a row; zero where `drop`, unless that is empty."""
    gammas, firsts, seconds, _ = steps
    for s in range(len(gammas)):
        if firsts[s] < 0:
            gamma = gammas[s]
            for j in range(len(logits)):
                values[s, j] = exp(gamma * logits[j])
            for j in range(len(drop)):
                if drop[j]:
                    values[s, j] = 0
        else:
            first, second = firsts[s], seconds[s]
            for j in range(len(logits)):
                values[s, j] = values[first, j] * values[second, j]


@_compiled(_SUMS)
@no_type_check
def _largest(logits, drop):
    """The largest logit of a row, -inf where all are dropped."""
    top = logits.dtype.type(-np.inf)
    if len(drop):
        for j in range(len(logits)):
            top = max(top, top if drop[j] else logits[j])
    else:
        for j in range(len(logits)):
            top = max(top, logits[j])
    return top


@_compiled(_SUMS)
@no_type_check
def add_powers(t, drop, steps, row_at, column_at, row_weight, column_weight, mirrored, sums, largest):
    """Add one group of a tile to the sums of its rows and, if `mirrored`, of its columns.

    Args:
        t: (a, b) logits.
        drop: (a, b) bool, pairs outside the group; (a, 0) where there are none.
        steps: of the powers.
        row_at, column_at: where the tile's rows and columns stand in the sums.
        row_weight: (a,) weights of the rows as candidates, in the precision of the powers.
        column_weight: (b,) likewise.
        mirrored: whether the columns are to be served as anchors too.
        sums: (g, n) float64, added to.
        largest: (n,) of t's precision, raised to the largest logits.
    """
    a, b = t.shape
    wanted = steps[3]
    values = np.empty((len(wanted), b), column_weight.dtype)
    logits = np.empty(b, column_weight.dtype)
    columns = np.zeros((len(sums), b), column_weight.dtype)
    for i in range(a):
        largest[row_at + i] = max(largest[row_at + i], _largest(t[i], drop[i]))
        if mirrored:
            for j in range(b):
                if not (drop.shape[1] and drop[i, j]):
                    largest[column_at + j] = max(largest[column_at + j], t[i, j])
        for j in range(b):
            logits[j] = t[i, j]
        _row_powers(logits, drop[i], steps, values)
        weight = row_weight[i]
        for s in range(len(wanted)):
            k = wanted[s]
            if k < 0:
                continue
            row = values.dtype.type(0)
            if mirrored:
                for j in range(b):
                    row += values[s, j] * column_weight[j]
                    columns[k, j] += values[s, j] * weight
            else:
                for j in range(b):
                    row += values[s, j] * column_weight[j]
            sums[k, row_at + i] += row
    if mirrored:
        for k in range(len(sums)):
            for j in range(b):
                sums[k, column_at + j] += columns[k, j]


@_compiled(_SUMS)
@no_type_check
def effect_sums(t, drop, steps, weight, scale, pairs, factors):
    """One group of a tile in the second visit: sums of shares squared, and of effects of leaving instances out.

    The shares of an instance are x = scale w sum_views e^{(1 + beta) t}, and y likewise with e^{beta t}.

    Args:
        t: (a, v m) logits of m instances, view-major.
        drop: as in `add_powers`.
        steps: of the powers.
        weight: (m,) weights of the instances, in the precision of the powers.
        scale: (a, terms) what turns a term into a share.
        pairs: (h, 4) of each hardening: the terms of x and of y, and its first and last + 1 among the factors.
        factors: (a, c, 5) of x, y, x^2, xy and y^2 in each effect.

    Returns:
        (h, 3, a) sums of x^2, xy and y^2, (c, m) sums of effects over the rows, and (a,) the largest logit of each
        row, -inf where all are dropped.
    """
    a, b = t.shape
    m = len(weight)
    squares = np.empty((len(pairs), 3, a), weight.dtype)
    effects = np.zeros((factors.shape[1], m), weight.dtype)
    largest = np.full(a, -np.inf, t.dtype)
    wanted = steps[3]
    values = np.empty((len(wanted), b), weight.dtype)
    logits, x, y = np.empty(b, weight.dtype), np.empty(m, weight.dtype), np.empty(m, weight.dtype)
    place = np.empty(scale.shape[1], np.int64)
    for s in range(len(wanted)):
        if wanted[s] >= 0:
            place[wanted[s]] = s
    for i in range(a):
        largest[i] = _largest(t[i], drop[i])
        for j in range(b):
            logits[j] = t[i, j]
        _row_powers(logits, drop[i], steps, values)
        for h in range(len(pairs)):
            numerator, denominator = values[place[pairs[h, 0]]], values[place[pairs[h, 1]]]
            scale_x, scale_y = scale[i, pairs[h, 0]], scale[i, pairs[h, 1]]
            for j in range(m):
                x[j], y[j] = numerator[j], denominator[j]
            for start in range(m, b, m):
                for j in range(m):
                    x[j] += numerator[start + j]
                    y[j] += denominator[start + j]
            xx = xy = yy = weight.dtype.type(0)
            for j in range(m):
                x[j] *= scale_x * weight[j]
                y[j] *= scale_y * weight[j]
                xx += x[j] * x[j]
                xy += x[j] * y[j]
                yy += y[j] * y[j]
            squares[h, 0, i], squares[h, 1, i], squares[h, 2, i] = xx, xy, yy
            for c in range(pairs[h, 2], pairs[h, 3]):
                of_x, of_y, of_xx, of_xy, of_yy = factors[i, c]
                for j in range(m):
                    effects[c, j] += x[j] * (of_x + of_xx * x[j] + of_xy * y[j]) + y[j] * (of_y + of_yy * y[j])
    return squares, effects, largest


@_compiled(_SUMS)
@no_type_check
def positive_sums(t, own, theirs, views, exclude, level, decoupled, weight):
    """Losses of the positive pairs of a tile, l = softplus(level - t), with their derivatives in the level.

    Args:
        t: (a, v m) logits of m instances, view-major.
        own: (2, a) class and original index of each anchor; positives have the same class.
        theirs: (2, v m) likewise of the candidates.
        views: v.
        exclude: whether an anchor is no positive of itself.
        level: (a, f) log Q + rho, or rho where decoupled, in the precision of the losses.
        decoupled: (f,) bool, Q is infinite and l = level - t.
        weight: (a, f) of each anchor's loss as the positive sees it.

    Returns:
        (3, a, f) sums over positives of l, l' and l'', and (f, m) weighted sums over anchors of l, other instances
        only.
    """
    a, b = t.shape
    m, count, one = b // views, level.shape[1], level.dtype.type(1)
    sums = np.empty((3, a, count), level.dtype)
    columns = np.zeros((count, b), level.dtype)
    low, logits = np.empty(b, level.dtype), np.empty(b, level.dtype)
    positive, other = np.empty(b, level.dtype), np.empty(b, level.dtype)
    for i in range(a):
        label, anchor = own[0, i], own[1, i]
        for j in range(b):
            same = theirs[0, j] == label
            positive[j] = same and not (exclude and theirs[1, j] == anchor)
            other[j] = same and theirs[1, j] // views != anchor // views
            logits[j] = t[i, j]
            low[j] = exp(-logits[j])
        for f in range(count):
            first = second = third = level.dtype.type(0)
            of_anchor = weight[i, f]
            if decoupled[f]:
                for j in range(b):
                    loss = level[i, f] - logits[j]
                    first += positive[j] * loss
                    second += positive[j]
                    columns[f, j] += of_anchor * other[j] * loss
            else:
                high = exp(level[i, f])
                for j in range(b):
                    odds = high * low[j]
                    loss = log1p(odds)
                    rest = one / (one + odds)
                    slope = odds * rest
                    first += positive[j] * loss
                    second += positive[j] * slope
                    third += positive[j] * slope * rest
                    columns[f, j] += of_anchor * other[j] * loss
            sums[0, i, f], sums[1, i, f], sums[2, i, f] = first, second, third
    of_instances = columns[:, :m].copy()
    for view in range(1, views):
        of_instances += columns[:, view * m : (view + 1) * m]
    return sums, of_instances


@_compiled(_SUMS)
@no_type_check
def tilted_sums(t, drop, beta, largest, weight):
    """Sums over one group of a tile with a tilt of its own for each anchor, s = t - largest.

    Args:
        t: (a, b) logits.
        drop: as in `add_powers`.
        beta: (a,) tilts >= 0, in the precision of the exponentials.
        largest: (a,) at least the largest logit of the group, in t's precision.
        weight: (b,) of the candidates, in the precision of the exponentials.

    Returns:
        (4, a) sums of w e^{beta s}, w e^{(1 + beta) s}, and of s times each.
    """
    a, b = t.shape
    sums = np.empty((4, a), weight.dtype)
    kept = np.empty(b, weight.dtype)
    vanishing = weight.dtype.type(-87)  # beside e^0 nothing below counts
    for i in range(a):
        tilt = beta[i]
        for j in range(b):
            kept[j] = weight[j]
        for j in range(drop.shape[1]):
            if drop[i, j]:
                kept[j] = 0
        plain = hard = plain_s = hard_s = weight.dtype.type(0)
        for j in range(b):
            s = min(weight.dtype.type(t[i, j] - largest[i]), weight.dtype.type(0))
            p = kept[j] * exp(max(tilt * s, vanishing))
            q = p * exp(max(s, vanishing))
            plain += p
            hard += q
            plain_s += p * s
            hard_s += q * s
        sums[0, i], sums[1, i], sums[2, i], sums[3, i] = plain, hard, plain_s, hard_s
    return sums
