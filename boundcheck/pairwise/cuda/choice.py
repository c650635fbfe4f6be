"""Whether the fused kernel serves a plan, and how it is compiled: trusted only as far as it was checked.

Tensor cores round differently from one GPU to the next, so before a recipe is used its log-sums of some anchors are
held against the float64 tiles on the same device. Where it misses, or does not compile, the next recipe is tried; in
the end the tiles do all the work.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Sequence
from dataclasses import replace

import torch

from boundcheck.hardening import LogTerm
from boundcheck.pairwise.chunks import Chunk
from boundcheck.pairwise.cuda.sums import Recipe, fused_sums
from boundcheck.pairwise.plan import PairPlan
from boundcheck.pairwise.running_sums import RunningSums
from boundcheck.pairwise.tiles import tiles_of
from boundcheck.pools import BY_CLASS

# What a recipe's log-sums may miss by on the sample, in nats: the rest of the promised 1e-5 is for the inputs' own
# rounding and for anchors outside the sample.
MOST_WRONG = 7e-6
SAMPLE = 128  # anchors of a chunk
SAMPLED_CHUNKS = 4

# In the order of preference.
RECIPES: dict[torch.dtype, tuple[Recipe, ...]] = {
    torch.float32: (
        Recipe("fp16x3", block_a=128, block_b=128, block_d=64, most_d=128, warps=8, stages=2, capability=9),
        Recipe("fp16x3", block_a=64, block_b=64, block_d=32, most_d=64, warps=4, stages=2),
        Recipe("ieee", block_a=64, block_b=64, block_d=32, most_d=64, warps=4, stages=2),
    ),
    torch.float64: (Recipe("ieee", block_a=64, block_b=64, block_d=32, most_d=64, warps=4, stages=2),),
}


def is_fusible(plan: PairPlan, terms: Sequence[LogTerm], dtype: torch.dtype) -> bool:
    """Whether the fused kernel is for this plan: CUDA with Triton, two parts, powers, float32 exponentials allowed."""
    return (
        plan.device.type == "cuda"
        and plan.partition == BY_CLASS
        and torch.version.hip is None
        and importlib.util.find_spec("triton") is not None
        and all(term.eta is None for term in terms)
        and plan.powers(dtype, True) == torch.float32
    )


def usable_recipe(plan: PairPlan, terms: tuple[LogTerm, ...], dtype: torch.dtype) -> Recipe | None:
    """The first recipe that compiles here and keeps the promise on a sample of the plan's own pairs; None if none does.

    Warns:
        RuntimeWarning: no recipe does; says why.
    """
    # Where the user forces float32, it may err as float32 does (`choose_dtype`).
    allowed = MOST_WRONG
    if plan.precision != "auto":
        allowed = max(MOST_WRONG, 3e-7 * plan.reach * max(term.gamma for term in terms))
    reason = "no recipe for this GPU"
    capability, _ = torch.cuda.get_device_capability(plan.device)
    for recipe in (recipe for recipe in RECIPES[dtype] if recipe.capability <= capability):
        try:
            error = sampled_error(plan, terms, dtype, recipe)
        except Exception as problem:  # no C compiler, too little shared memory, an old Triton
            reason = f"{recipe.product} failed with {type(problem).__name__}: {str(problem).splitlines()[0]}"
            continue
        if error <= allowed:
            return recipe
        reason = f"{recipe.product} missed float64 by {error:.1e} nats"
    warnings.warn(f"the fused GPU kernel is not used, the slower tiles are: {reason}", RuntimeWarning, stacklevel=2)
    return None


def sampled_error(plan: PairPlan, terms: tuple[LogTerm, ...], dtype: torch.dtype, recipe: Recipe) -> float:
    """Largest difference in nats of any log-sum from the float64 tiles: some anchors, a chunk of candidates for each.

    Where the plan is symmetric the chunk is the anchors' own: it holds their nearest neighbours, where errors are
    largest.
    """
    worst, count = 0.0, min(SAMPLED_CHUNKS, len(plan.anchors))

    for i in range(count):
        at = i * len(plan.anchors) // count
        candidates = plan.candidates[min(at, len(plan.candidates) - 1)]
        pieces = [replace(chunk, z=chunk.z.to(plan.device)) for chunk in (_first(plan.anchors[at], SAMPLE), candidates)]
        part = replace(plan, anchors=(pieces[0],), candidates=(pieces[1],), symmetric=False)
        expected = _expected(part, terms)
        found, _ = fused_sums(part, terms, dtype, recipe)
        error = torch.where(expected == found, 0.0, (expected - found).abs())  # -inf - -inf is no number
        worst = max(worst, float(error.nan_to_num(nan=torch.inf).max()))
    return worst


def _expected(plan: PairPlan, terms: tuple[LogTerm, ...]) -> torch.Tensor:
    """By the tiles, in float64; the plan has one chunk of each."""
    (anchors,), kernel = plan.anchors, RunningSums(plan, terms, torch.float64)
    buffer = torch.empty(len(anchors) * len(plan.candidates[0]), dtype=torch.float64, device=plan.device)
    kernel.begin(anchors)
    for some, tile in tiles_of(plan, 0, buffer):
        kernel.add(some, tile)
    kernel.end(anchors)
    return kernel.log_sums


def _first(chunk: Chunk, rows: int) -> Chunk:
    first = chunk.part(slice(0, min(rows, len(chunk))))
    return replace(first, at=slice(0, len(first)))
