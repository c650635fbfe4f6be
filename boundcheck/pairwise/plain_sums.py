"""Plain sums of e^{gamma t}, where no logit is so large that they leave the range of their precision.

Without maxima of each row a tile's exponentials serve both its sides: every unordered pair is formed once. Row sums
belong to the anchors, column sums to the candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np
import torch
from torch import Tensor

from boundcheck.hardening import LogTerm
from boundcheck.pairwise.chunks import Chunk
from boundcheck.pairwise.passes import Kernel
from boundcheck.pairwise.plan import PairPlan
from boundcheck.pairwise.powers import chain, steps
from boundcheck.pairwise.tiles import Tile

# Largest |gamma t| at which e^{gamma t} and the sum of a tile of them are normal numbers.
LARGEST = {torch.float32: 78.0, torch.float64: 680.0}


def numba_is_here() -> bool:
    """Whether loops can be compiled."""
    return find_spec("numba") is not None


def compiled(plan: PairPlan) -> bool:
    """Whether the loops of `loops.py` can run: on a CPU, where Numba is installed."""
    return plan.device.type == "cpu" and numba_is_here()


def in_range(plan: PairPlan, terms: tuple[LogTerm, ...], dtype: torch.dtype) -> bool:
    """Whether loops can be compiled and every term is a power of e^t that stays in range."""
    return compiled(plan) and all(term.eta is None for term in terms) and _reach(plan, terms) <= LARGEST[dtype]


def _reach(plan: PairPlan, terms: tuple[LogTerm, ...]) -> float:
    return max(term.gamma for term in terms) * plan.reach


class PlainSums(Kernel):
    """Sums of every power, and the largest logit, of all rows of the plan."""

    def __init__(self, plan: PairPlan, terms: tuple[LogTerm, ...], dtype: torch.dtype) -> None:
        from boundcheck.pairwise.loops import add_powers  # compiles: only where a pass is made

        self.powers = plan.powers(dtype, _reach(plan, terms) <= LARGEST[torch.float32])
        self.add_powers, self.steps = add_powers, steps(terms, chain(terms, self.powers), self.powers)
        self.logits = dtype
        self.sums = np.zeros((plan.parts, len(terms), plan.n_anchors))
        self.largest = np.full((plan.parts, plan.n_anchors), -np.inf, _numpy(dtype))

    def add(self, anchors: Chunk, tile: Tile) -> None:
        """Add the powers of a tile."""
        rows, columns = (chunk.weight.to(self.powers).numpy() for chunk in (anchors, tile.candidates))
        t = tile.logits(self.logits)
        for part in tile.parts:
            self.add_powers(
                t.numpy(),
                part.mask(t).numpy(),
                self.steps,
                anchors.at.start,
                tile.candidates.at.start,
                rows,
                columns,
                tile.mirrored,
                self.sums[part.place],
                self.largest[part.place],
            )

    @staticmethod
    def together(kernels: Sequence[PlainSums]) -> tuple[Tensor, Tensor]:
        """(a, parts, g) log-sums and (a, parts) largest logits, float64; rows as the plan has them."""
        sums = np.sum([kernel.sums for kernel in kernels], axis=0)
        largest = np.max([kernel.largest for kernel in kernels], axis=0)
        log_sums = torch.from_numpy(sums).log().permute(2, 0, 1).contiguous()
        return log_sums, torch.from_numpy(largest).T.to(torch.float64).contiguous()


def _numpy(dtype: torch.dtype) -> type[np.floating]:
    return np.float32 if dtype == torch.float32 else np.float64
