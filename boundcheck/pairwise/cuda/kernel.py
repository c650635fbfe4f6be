"""The fused kernel: logits, exponentials and class sums of a chunk of candidates, with nothing written but the sums.

One program holds a block of anchors and walks along the candidates. Logits come in units of log 2, since a device
exponentiates base 2. Each group (same class, other classes) has a running maximum for each anchor and, relative to
it, float32 sums of every power; they join the float64 sums in memory when the program ends, so float32 adds up no
more than one chunk. A block of anchors that meets a chunk wholly of its own class, or wholly of others, takes a loop
without masks that serves one group; the rest, and the odd columns at a chunk's end, one that serves both.

Importing this module needs Triton. With TRITON_INTERPRET=1 it runs on CPU tensors.
"""

# mypy: ignore-errors
# ruff: noqa: RUF005 (tuples grow by +: Triton unpacks none)

from typing import no_type_check

import triton
import triton.language as tl

# As in `sums.py`.
SAME, DIFF, BOTH = tl.constexpr(0), tl.constexpr(1), tl.constexpr(2)


@triton.jit
@no_type_check  # Triton reads the source: what runs is not this function
def _pieces(z, rows, inside, k, d, SPLIT: tl.constexpr, MASKED: tl.constexpr):
    """Columns k of some rows: as they are twice, or (SPLIT) their high and their low parts."""
    stride = d * 2 if SPLIT else d
    at = z + rows.to(tl.int64)[:, None] * stride + k[None, :]
    if MASKED:
        high = tl.load(at, mask=inside[:, None], other=0.0)
        low = tl.load(at + d, mask=inside[:, None], other=0.0) if SPLIT else high
    else:
        high = tl.load(at)
        low = tl.load(at + d) if SPLIT else high
    return high, low


@triton.jit
@no_type_check
def _product(t, a, a_low, b, b_low, SPLIT: tl.constexpr, PRECISION: tl.constexpr):
    """T + a b^T. What the low parts add comes first, while rounding is fine; low times low is below a float32's ulp."""
    if SPLIT:
        t = tl.dot(a_low, tl.trans(b), t)
        t = tl.dot(a, tl.trans(b_low), t)
        return tl.dot(a, tl.trans(b), t)
    else:
        return tl.dot(a, tl.trans(b), t, input_precision=PRECISION, out_dtype=t.dtype)


@triton.jit
@no_type_check
def _logits(
    za, held, held_low, zb, row, there, column, inside, d, scale,
    ACCURACY: tl.constexpr, SPLIT: tl.constexpr, PRECISION: tl.constexpr, MASKED: tl.constexpr,
    HELD: tl.constexpr, BLOCK_A: tl.constexpr, BLOCK_B: tl.constexpr, BLOCK_D: tl.constexpr,
):  # fmt: skip
    """Logits of a block of anchors and a block of candidates, in units of log 2."""
    t = tl.zeros((BLOCK_A, BLOCK_B), ACCURACY)
    if HELD:
        b, b_low = _pieces(zb, column, inside, tl.arange(0, BLOCK_D), d, SPLIT, MASKED)
        t = _product(t, held, held_low, b, b_low, SPLIT, PRECISION)
    else:
        for start in range(0, d, BLOCK_D):
            k = start + tl.arange(0, BLOCK_D)
            a, a_low = _pieces(za, row, there, k, d, SPLIT, True)
            b, b_low = _pieces(zb, column, inside, k, d, SPLIT, MASKED)
            t = _product(t, a, a_low, b, b_low, SPLIT, PRECISION)
    return t * scale if SPLIT else t


@triton.jit
@no_type_check
def _add(t, weight, top, sums, STEPS: tl.constexpr, WEIGHTED: tl.constexpr, MASKED: tl.constexpr):
    """The running maximum and sums of one group after a block of pairs; MASKED: t is -inf where a pair is not in it."""
    new = tl.maximum(top, tl.max(t, 1))
    shift = tl.where(new == -float("inf"), 0.0, new)  # an empty group has no maximum: any shift will do
    below = (t - shift[:, None]).to(tl.float32)
    fall = (top - shift).to(tl.float32)
    values = ()
    out = ()
    for i in tl.static_range(len(STEPS)):
        if STEPS[i][0] == 0:  # 0 * -inf is no zero
            values = values + (tl.where(t == -float("inf"), 0.0, 1.0) if MASKED else tl.full(t.shape, 1.0, tl.float32),)
        elif STEPS[i][1] >= 0:
            values = values + (values[STEPS[i][1]] * values[STEPS[i][2]],)
        else:
            values = values + (tl.exp2(below * STEPS[i][0]),)
        if STEPS[i][3] >= 0:
            before = sums[STEPS[i][3]] if STEPS[i][0] == 0 else sums[STEPS[i][3]] * tl.exp2(fall * STEPS[i][0])
            if MASKED or STEPS[i][0] > 0:
                added = tl.sum(values[i] * weight[None, :] if WEIGHTED else values[i], 1)
            else:
                added = tl.sum(weight, 0) if WEIGHTED else t.shape[1] * 1.0
            out = out + (before + added,)
    return new, out


@triton.jit
@no_type_check
def _join(tops, sums, group, old, new, added, row, there, rows, STEPS: tl.constexpr, TERMS: tl.constexpr):
    """Bring the sums of earlier chunks to the new maximum, in float64, and add this chunk's."""
    shift = tl.where(new == -float("inf"), 0.0, new)
    fall = (old - shift).to(tl.float64)
    tl.store(tops + group * rows + row, new, mask=there)
    for i in tl.static_range(len(STEPS)):
        if STEPS[i][3] >= 0:
            at = sums + (group * TERMS + STEPS[i][3]) * rows + row
            before = tl.load(at, mask=there, other=0.0)
            if STEPS[i][0] != 0:
                before = before * tl.exp2(fall * STEPS[i][0])
            tl.store(at, before + added[STEPS[i][3]].to(tl.float64), mask=there)


@triton.jit(do_not_specialize=["met", "columns", "rows"])  # they vary from chunk to chunk
@no_type_check
def add_chunk(
    za, class_a, instance_a, first, owner, end, met, zb, class_b, instance_b, weight_b, tops, sums,
    columns, rows, d, scale,
    STEPS: tl.constexpr, TERMS: tl.constexpr, EXCLUDE: tl.constexpr, WEIGHTED: tl.constexpr,
    SPLIT: tl.constexpr, PRECISION: tl.constexpr, HELD: tl.constexpr,
    BLOCK_A: tl.constexpr, BLOCK_B: tl.constexpr, BLOCK_D: tl.constexpr,
):  # fmt: skip
    """Add a chunk of candidates to the sums of all anchors.

    Args:
        za: (rows, d) anchors in units of log 2, or (rows, 2 d) their high and low parts.
        class_a: (rows,) class codes.
        instance_a: (rows,) instance numbers.
        first: (programs,) first row of each block of anchors.
        owner: (programs,) the anchor chunk that the block belongs to.
        end: (anchor chunks,) the row after the last.
        met: (anchor chunks,) SAME, DIFF or BOTH: what they meet in this chunk of candidates.
        zb: (columns, d) or (columns, 2 d) candidates; class_b, instance_b, weight_b likewise (columns,).
        tops: (2, rows) running maxima, read and written.
        sums: (2, TERMS, rows) float64 sums relative to them, read and written.
        columns: number of candidates.
        rows: number of anchors.
        d: columns of a part, a multiple of BLOCK_D.
        scale: what products of SPLIT parts are multiplied with, a power of two.
        STEPS: (gamma, factor, factor, term) of each power in the order of evaluation: a product of two earlier ones,
            or an exponential where factors are -1; term is its place in `sums`, -1 for one that only leads to others.
        TERMS: number of sums of each group.
        EXCLUDE: an anchor's own instance is no candidate of its.
        WEIGHTED: candidates have weights.
        SPLIT: parts are float16 pairs.
        PRECISION: `input_precision` of the products otherwise.
        HELD: the anchors stay on the chip: BLOCK_D is d.
    """
    program = tl.program_id(0)
    row = tl.load(first + program) + tl.arange(0, BLOCK_A)
    chunk = tl.load(owner + program)
    there = row < tl.load(end + chunk)
    group = tl.load(met + chunk)
    top_same = tl.load(tops + SAME * rows + row, mask=there, other=0.0)
    top_diff = tl.load(tops + DIFF * rows + row, mask=there, other=0.0)
    old_same, old_diff = top_same, top_diff
    zero = tl.zeros((BLOCK_A,), tl.float32)
    none = ()
    for _ in tl.static_range(TERMS):
        none = none + (zero,)
    if HELD:
        held, held_low = _pieces(za, row, there, tl.arange(0, BLOCK_D), d, SPLIT, True)
    else:
        held, held_low = zero, zero

    top = tl.where(group == SAME, top_same, top_diff)
    found = none
    full = tl.where(group == BOTH, 0, columns // BLOCK_B)
    for block in range(full):
        column = block * BLOCK_B + tl.arange(0, BLOCK_B)
        t = _logits(
            za, held, held_low, zb, row, there, column, column, d, scale,
            tops.dtype.element_ty, SPLIT, PRECISION, False, HELD, BLOCK_A, BLOCK_B, BLOCK_D,
        )  # fmt: skip
        weight = tl.load(weight_b + column) if WEIGHTED else zero
        top, found = _add(t, weight, top, found, STEPS, WEIGHTED, False)

    top_same = tl.where(group == SAME, top, top_same)
    top_diff = tl.where(group == DIFF, top, top_diff)
    same, diff = (), ()
    for i in tl.static_range(TERMS):
        same = same + (tl.where(group == SAME, found[i], 0.0),)
        diff = diff + (tl.where(group == DIFF, found[i], 0.0),)

    y = tl.load(class_a + row, mask=there, other=-1)
    own = tl.load(instance_a + row, mask=there, other=-1)
    for block in range(full, tl.cdiv(columns, BLOCK_B)):
        column = block * BLOCK_B + tl.arange(0, BLOCK_B)
        inside = column < columns
        t = _logits(
            za, held, held_low, zb, row, there, column, inside, d, scale,
            tops.dtype.element_ty, SPLIT, PRECISION, True, HELD, BLOCK_A, BLOCK_B, BLOCK_D,
        )  # fmt: skip
        weight = tl.load(weight_b + column, mask=inside, other=0.0) if WEIGHTED else zero
        other = tl.load(class_b + column, mask=inside, other=-1)
        counted = inside[None, :] & there[:, None]
        if EXCLUDE:
            instance = tl.load(instance_b + column, mask=inside, other=-1)
            counted = counted & (own[:, None] != instance[None, :])
        of_same = tl.where(counted & (y[:, None] == other[None, :]), t, -float("inf"))
        of_diff = tl.where(counted & (y[:, None] != other[None, :]), t, -float("inf"))
        top_same, same = _add(of_same, weight, top_same, same, STEPS, WEIGHTED, True)
        top_diff, diff = _add(of_diff, weight, top_diff, diff, STEPS, WEIGHTED, True)

    _join(tops, sums, SAME, old_same, top_same, same, row, there, rows, STEPS, TERMS)
    _join(tops, sums, DIFF, old_diff, top_diff, diff, row, there, rows, STEPS, TERMS)
