"""The inner loops over one tile, compiled: each logit is loaded once, and all that is wanted of it is summed at once.

Rows of a tile are worked through one by one. All powers of a row fit the first-level cache, so that a power costs a
vector instruction or two where a pass over the whole tile would wait for memory. `add_powers` is the first pass,
`effect_sums` and `reached` leaving out, `positive_sums` and `positive_values` the same-class pairs, `tilted_sums` a
tilt of each anchor's own. Sums within a tile are in the precision of the powers, sums across tiles in float64.

All in one file: kept machine code is renewed when the file of its own source changes, not when one that it uses does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, no_type_check

import numpy as np
from numba import njit, types
from numba.extending import overload

# Sums may be taken in any order, so that vectors of them can; nothing may be rearranged in `exp` and `log1p`.
SUMS = {"reassoc", "contract", "nsz", "nnan"}
EXACT = {"contract"}

F = TypeVar("F", bound=Callable[..., Any])


def machine_code(fastmath: set[str]) -> Callable[[F], F]:
    """Machine code on the first call, which takes seconds, kept for later runs wherever there is a place to write."""
    options = {"fastmath": fastmath, "error_model": "numpy", "nogil": True}

    def decorate(function: F) -> F:
        try:
            return njit(cache=True, **options)(function)  # type: ignore[no-any-return]
        except RuntimeError:  # neither the package's folder nor the user's can be written to
            return njit(**options)(function)  # type: ignore[no-any-return]

    return decorate


@machine_code(EXACT)
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


@machine_code(EXACT)
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


@machine_code(EXACT)
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


@machine_code(EXACT)
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


@machine_code(EXACT)
@no_type_check
def _rank32(x):
    """An integer that is the larger, the larger x is: maxima of integers are vectorised, those of floats are not."""
    bits = np.float32(x).view(np.int32)
    return np.int32(bits ^ ((bits >> 31) & 0x7FFFFFFF))


@machine_code(EXACT)
@no_type_check
def _rank64(x):
    """Likewise."""
    bits = np.float64(x).view(np.int64)
    return np.int64(bits ^ ((bits >> 63) & 0x7FFFFFFFFFFFFFFF))


@machine_code(EXACT)
@no_type_check
def _ranked32(rank):
    """The number of that rank."""
    return np.int32(rank ^ ((rank >> 31) & 0x7FFFFFFF)).view(np.float32)


@machine_code(EXACT)
@no_type_check
def _ranked64(rank):
    """Likewise."""
    return np.int64(rank ^ ((rank >> 63) & 0x7FFFFFFFFFFFFFFF)).view(np.float64)


@no_type_check
def exp(x):
    """e^x in the precision of x, in loops that the compiler turns into vector instructions (it does not for np.exp)."""


@no_type_check
def log1p(w):
    """log(1 + w), likewise."""


@no_type_check
def rank(x):
    """An integer that is the larger, the larger x is."""


@no_type_check
def ranked(rank):
    """The number of that rank."""


def _by_precision(function: Callable[[Any], Any], single: Callable[[Any], Any], double: Callable[[Any], Any]) -> None:
    """Let compiled code that calls `function` call one of these instead, by the precision of its argument."""

    @overload(function)
    @no_type_check
    def choose(x):
        chosen = single if x in (types.float32, types.int32) else double
        return lambda x: chosen(x)


_by_precision(exp, _exp32, _exp64)
_by_precision(log1p, _log1p32, _log1p64)
_by_precision(rank, _rank32, _rank64)
_by_precision(ranked, _ranked32, _ranked64)


@machine_code(SUMS)
@no_type_check
def _row_powers(logits, drop, steps, values):
    """Fill (s, b) `values` with every step's power of a row; zero where `drop`, unless that is empty."""
    gammas, firsts, seconds, _ = steps
    for s in range(len(gammas)):
        if firsts[s] < 0:
            gamma = gammas[s]
            if gamma == 0:
                values[s] = 1
            else:
                for j in range(len(logits)):
                    values[s, j] = exp(gamma * logits[j])
            for j in range(len(drop)):
                if drop[j]:
                    values[s, j] = 0
        else:
            first, second = firsts[s], seconds[s]
            for j in range(len(logits)):
                values[s, j] = values[first, j] * values[second, j]


@machine_code(SUMS)
@no_type_check
def _largest(logits, drop):
    """The largest logit of a row, -inf where all are dropped."""
    least = rank(logits.dtype.type(-np.inf))
    top = least
    if len(drop):
        for j in range(len(logits)):
            top = max(top, least if drop[j] else rank(logits[j]))
    else:
        for j in range(len(logits)):
            top = max(top, rank(logits[j]))
    return ranked(top)


@machine_code(SUMS)
@no_type_check
def _all(drop):
    """Whether a row is dropped as a whole; one without entries is not."""
    for j in range(len(drop)):
        if not drop[j]:
            return False
    return len(drop) > 0


@machine_code(SUMS)
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
        if _all(drop[i]):  # one of few anchors of many classes
            continue
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


# Below, whole arrays are handed on with places in them: a slice costs as much as a hundred sums. But nothing is added
# to the index of an inner loop: it might be negative then, for all the compiler knows, and no vector is loaded.


@machine_code(SUMS)
@no_type_check
def _shares(values, row, first, second, scale_x, scale_y, weight, x, y):
    """Fill (m,) `x` and `y` with the shares of m instances at one anchor; return their sums of squares and products."""
    m = len(x)
    for j in range(m):
        x[j] = values[row, first, 0, j]
    for j in range(m):
        y[j] = values[row, second, 0, j]
    for view in range(1, values.shape[2]):
        for j in range(m):
            x[j] += values[row, first, view, j]
        for j in range(m):
            y[j] += values[row, second, view, j]
    xx = xy = yy = x.dtype.type(0)
    for j in range(m):
        share_x, share_y = x[j] * (scale_x * weight[j]), y[j] * (scale_y * weight[j])
        x[j], y[j] = share_x, share_y
        xx += share_x * share_x
        xy += share_x * share_y
        yy += share_y * share_y
    return xx, xy, yy


@machine_code(SUMS)
@no_type_check
def _shares_of_one(values, rows, step, scale, term, weight, out, i):
    """Fill row i of (4, b) `out` with the shares of one instance, whose views are some rows, at b anchors."""
    start, stop = rows
    for k in range(out.shape[1]):
        out[i, k] = values[start, step, k]
    for row in range(start + 1, stop):
        for k in range(out.shape[1]):
            out[i, k] += values[row, step, k]
    for k in range(out.shape[1]):
        out[i, k] *= weight * scale[term, k]


@machine_code(SUMS)
@no_type_check
def _add_effects(x, y, factors, c, row, effects):
    """Add one anchor's effects of leaving out each of m instances."""
    of_x, of_y, of_xx = factors[c, 0, row], factors[c, 1, row], factors[c, 2, row]
    of_xy, of_yy = factors[c, 3, row], factors[c, 4, row]
    for j in range(len(x)):
        effects[c, j] += x[j] * (of_x + of_xx * x[j] + of_xy * y[j]) + y[j] * (of_y + of_yy * y[j])


@machine_code(SUMS)
@no_type_check
def _add_to_anchors(x, y, h, p, sums):
    """Add the products of the shares of four instances at b anchors: x, y (4, b), sums (h, 3, b)."""
    for k in range(x.shape[1]):
        sums[h, p, k] += x[0, k] * y[0, k] + x[1, k] * y[1, k] + x[2, k] * y[2, k] + x[3, k] * y[3, k]


@machine_code(SUMS)
@no_type_check
def _effects_of_four(x, y, factors, c):
    """Sums over b anchors of the effects of leaving out each of four instances: x, y (4, b)."""
    e0 = e1 = e2 = e3 = x.dtype.type(0)
    for k in range(x.shape[1]):  # factors are loaded once for the four
        of_x, of_y, of_xx = factors[c, 0, k], factors[c, 1, k], factors[c, 2, k]
        of_xy, of_yy = factors[c, 3, k], factors[c, 4, k]
        e0 += x[0, k] * (of_x + of_xx * x[0, k] + of_xy * y[0, k]) + y[0, k] * (of_y + of_yy * y[0, k])
        e1 += x[1, k] * (of_x + of_xx * x[1, k] + of_xy * y[1, k]) + y[1, k] * (of_y + of_yy * y[1, k])
        e2 += x[2, k] * (of_x + of_xx * x[2, k] + of_xy * y[2, k]) + y[2, k] * (of_y + of_yy * y[2, k])
        e3 += x[3, k] * (of_x + of_xx * x[3, k] + of_xy * y[3, k]) + y[3, k] * (of_y + of_yy * y[3, k])
    return e0, e1, e2, e3


@machine_code(SUMS)
@no_type_check
def effect_sums(
    t, drop, steps, row_at, column_at, views, mirrored, weight, scale, pairs, factors, which, squares, effects
):
    """One group of a tile in the second pass: sums of shares squared, and of effects of leaving instances out.

    The shares of an instance are x = scale w sum_views e^{(1 + beta) t}, and y likewise with e^{beta t}. Rows and
    columns of the tile are view-major where they are candidates.

    Args:
        t, drop, steps, row_at, column_at, mirrored: as in `add_powers`.
        views: of an instance.
        weight: (m,) weights of all instances, in the precision of the powers.
        scale: (terms, n) what turns a term into a share, of every anchor.
        pairs: (h, 4) of each hardening: the terms of x and of y, and its first and last + 1 among the factors.
        factors: (c, 5, n) of x, y, x^2, xy and y^2 in each effect of every anchor.
        which: (c,) where the effects are to be added.
        squares: (h, 3, n) float64, sums of x^2, xy and y^2 of every anchor, added to.
        effects: (f, m) float64, sums of effects over the anchors, added to.
    """
    a, b = t.shape
    m = b // views
    together = views if mirrored else 1  # rows that are worked through at once: one instance's, where it is left out
    many = a // together
    first_row, first_column = row_at // views, column_at // views
    wanted = steps[3]
    place = np.empty(len(scale), np.int64)
    for s in range(len(wanted)):
        if wanted[s] >= 0:
            place[wanted[s]] = s
    dtype = weight.dtype
    values = np.empty((4 * together, len(wanted), b), dtype)
    by_view = values.reshape((4 * together, len(wanted), views, m))
    column_weight = weight[first_column : first_column + m]
    column_scale = scale[:, column_at : column_at + b * mirrored].copy()
    column_factors = factors[:, :, column_at : column_at + b * mirrored].copy()
    x, y = np.empty(m, dtype), np.empty(m, dtype)
    x4, y4 = np.zeros((4, b), dtype), np.zeros((4, b), dtype)
    of_columns = np.zeros((len(pairs), 3, b), dtype)
    of_instances = np.zeros((len(which), m), dtype)
    gone = np.empty(4, np.bool_)
    for start in range(0, many, 4):
        four = min(4, many - start)
        for i in range(four):
            gone[i] = not mirrored and _all(drop[start + i])  # one of few anchors of many classes
            for view in range(0 if gone[i] else together):
                row = view * many + start + i
                _row_powers(t[row], drop[row], steps, values[i * together + view])
        for h in range(len(pairs)):
            of_x, of_y = pairs[h, 0], pairs[h, 1]
            first, second = place[of_x], place[of_y]
            for i in range(four):
                for view in range(0 if gone[i] else together):
                    row = row_at + view * many + start + i
                    xx, xy, yy = _shares(
                        by_view,
                        i * together + view,
                        first,
                        second,
                        scale[of_x, row],
                        scale[of_y, row],
                        column_weight,
                        x,
                        y,
                    )
                    squares[h, 0, row] += xx
                    squares[h, 1, row] += xy
                    squares[h, 2, row] += yy
                    for c in range(pairs[h, 2], pairs[h, 3]):
                        _add_effects(x, y, factors, c, row, of_instances)
            if mirrored:
                for i in range(four):
                    rows, w = (i * together, (i + 1) * together), weight[first_row + start + i]
                    _shares_of_one(values, rows, first, column_scale, of_x, w, x4, i)
                    _shares_of_one(values, rows, second, column_scale, of_y, w, y4, i)
                x4[four:], y4[four:] = 0, 0
                _add_to_anchors(x4, x4, h, 0, of_columns)
                _add_to_anchors(x4, y4, h, 1, of_columns)
                _add_to_anchors(y4, y4, h, 2, of_columns)
                for c in range(pairs[h, 2], pairs[h, 3]):
                    sums = _effects_of_four(x4, y4, column_factors, c)
                    for i in range(four):
                        effects[which[c], first_row + start + i] += sums[i]
    if mirrored:
        squares[:, :, column_at : column_at + b] += of_columns
    for c in range(len(which)):
        effects[which[c], first_column : first_column + m] += of_instances[c]


@machine_code(SUMS)
@no_type_check
def _reaches(t, row, least):
    """Whether any logit of a row reaches its own least logit."""
    top = rank(t[row, 0] - least[0])
    for j in range(t.shape[1]):
        top = max(top, rank(t[row, j] - least[j]))
    return top >= 0


@machine_code(SUMS)
@no_type_check
def reached(t, drop, row_at, column_at, views, mirrored, least, found):
    """List the instances of a tile's group one of whose views, seen from an anchor, reaches that anchor's least logit.

    Args:
        t, drop, row_at, column_at, views, mirrored: as in `effect_sums`.
        least: (n,) of every anchor, in t's precision.
        found: (2, a b, 2) filled with (row, instance) for the rows as anchors and, if `mirrored`, with (instance,
            column) for the columns as anchors, all counted from the tile's edges.

    Returns:
        How many there are of each.
    """
    a, b = t.shape
    m = b // views
    none = drop.shape[1] == 0
    rows_found = columns_found = 0
    for row in range(a):
        bar = least[row_at + row]
        if _largest(t[row], drop[row]) >= bar:
            for j in range(m):  # an instance's views belong to one group
                if none or not drop[row, j]:
                    for view in range(views):
                        if t[row, view * m + j] >= bar:
                            found[0, rows_found, 0], found[0, rows_found, 1] = row, j
                            rows_found += 1
                            break
    if mirrored:
        of_columns, many = least[column_at : column_at + b], a // views
        for i in range(many):
            for first in range(i, a, many):
                if _reaches(t, first, of_columns):
                    for k in range(b):
                        if none or not drop[i, k]:
                            for row in range(i, a, many):
                                if t[row, k] >= of_columns[k]:
                                    found[1, columns_found, 0], found[1, columns_found, 1] = i, k
                                    columns_found += 1
                                    break
                    break
    return rows_found, columns_found


@machine_code(SUMS)
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


LANES = 32


@machine_code(SUMS)
@no_type_check
def positive_values(t, own, theirs, exclude, level, decoupled, factors):
    """Sums over the positives of each row of l = softplus(level - t) alone.

    A sum of log(1 + e^{level - t}) is the logarithm of a product, taken once for as many factors as stay in range.

    Args:
        t, own, theirs, exclude, level, decoupled: as in `positive_sums`.
        factors: of a product.

    Returns:
        (a, f) float64.
    """
    a, b = t.shape
    one = level.dtype.type(1)
    sums = np.empty((a, level.shape[1]), np.float64)
    low, product = np.empty(b, level.dtype), np.empty(LANES, level.dtype)
    for i in range(a):
        label, anchor = own[0, i], own[1, i]
        many, total_t = 0, 0.0
        for j in range(b):
            positive = theirs[0, j] == label and not (exclude and theirs[1, j] == anchor)
            low[j] = exp(-level.dtype.type(t[i, j])) if positive else 0
            many += positive
            total_t += positive * t[i, j]
        for f in range(level.shape[1]):
            if decoupled[f]:
                sums[i, f] = many * level[i, f] - total_t
                continue
            high, total = exp(level[i, f]), 0.0
            for start in range(0, b, LANES * factors):
                stop = min(b, start + LANES * factors)
                whole = (stop - start) // LANES
                for lane in range(LANES):
                    product[lane] = one
                for k in range(whole):
                    at = start + k * LANES
                    for lane in range(LANES):
                        product[lane] *= one + high * low[at + lane]
                at = start + whole * LANES
                for lane in range(stop - at):
                    product[lane] *= one + high * low[at + lane]
                for lane in range(LANES):
                    total += log1p(product[lane] - one)
            sums[i, f] = total
    return sums


@machine_code(SUMS)
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
