"""Plain sums of e^{gamma t}, where no logit is so large that they leave the range of their precision.

Without maxima of each row a tile's exponentials serve both its sides: every unordered pair is formed once. Row sums
belong to the anchors, column sums to the candidates.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import numpy as np
import torch
from torch import Tensor

from boundcheck.hardening import LogTerm
from boundcheck.pairwise.plan import Chunk, PairPlan
from boundcheck.pairwise.powers import chain, steps
from boundcheck.pairwise.tiles import Progress, Tile, run_pass

# Largest |gamma t| at which e^{gamma t} and the sum of a tile of them are normal numbers.
LARGEST = {torch.float32: 78.0, torch.float64: 680.0}


def numba_is_here() -> bool:
    """Whether loops can be compiled."""
    return find_spec("numba") is not None


def compiled(plan: PairPlan) -> bool:
    """Whether the loops of `loops.py` can run: on a CPU, where Numba is installed."""
    return plan.device.type == "cpu" and numba_is_here()


def in_range(plan: PairPlan, terms: tuple[LogTerm, ...]) -> bool:
    """Whether every term is a power of e^t that stays in range."""
    return all(term.eta is None for term in terms) and _reach(plan, terms) <= LARGEST[plan.dtype]


def _reach(plan: PairPlan, terms: tuple[LogTerm, ...]) -> float:
    return max(term.gamma for term in terms) * plan.reach


def plain_sums(plan: PairPlan, terms: tuple[LogTerm, ...], progress: Progress | None) -> tuple[Tensor, Tensor]:
    """Log-sums of every anchor and group, rows as the plan has them.

    Returns:
        (a, 2, g) log-sums and (a, 2) largest logits, float64.
    """
    kernels = run_pass(plan, lambda: _PlainSums(plan, terms), mirrored=True, progress=progress)
    sums = np.sum([kernel.sums for kernel in kernels], axis=0)
    largest = np.max([kernel.largest for kernel in kernels], axis=0)
    log_sums = torch.from_numpy(sums).log().permute(2, 0, 1).contiguous()
    return log_sums, torch.from_numpy(largest).T.to(torch.float64).contiguous()


class _PlainSums:
    """Sums of every power, and the largest logit, of all rows of the plan."""

    def __init__(self, plan: PairPlan, terms: tuple[LogTerm, ...]) -> None:
        from boundcheck.pairwise.loops import add_powers  # compiles: only where a pass is made

        dtype = torch.float32 if plan.mixed and _reach(plan, terms) <= LARGEST[torch.float32] else plan.dtype
        self.add, self.dtype, self.steps = add_powers, dtype, steps(terms, chain(terms, dtype), dtype)
        self.sums = np.zeros((2, len(terms), plan.n_anchors))
        self.largest = np.full((2, plan.n_anchors), -np.inf, _numpy(plan.dtype))

    def __call__(self, anchors: Chunk, tiles: Iterator[Tile]) -> None:
        for tile in tiles:
            rows, columns = (chunk.weight.to(self.dtype).numpy() for chunk in (anchors, tile.candidates))
            for part in tile.parts:
                self.add(
                    tile.t.numpy(),
                    part.mask(tile.t).numpy(),
                    self.steps,
                    anchors.at.start,
                    tile.candidates.at.start,
                    rows,
                    columns,
                    tile.mirrored,
                    self.sums[part.group],
                    self.largest[part.group],
                )


def _numpy(dtype: torch.dtype) -> type[np.floating]:
    return np.float32 if dtype == torch.float32 else np.float64
