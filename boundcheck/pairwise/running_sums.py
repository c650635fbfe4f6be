"""Streaming log-sum-exp with running maxima: for any temperature, any tilt, any hardening function."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from boundcheck.hardening import LogTerm
from boundcheck.pairwise.chunks import Chunk
from boundcheck.pairwise.passes import Kernel
from boundcheck.pairwise.plan import PairPlan
from boundcheck.pairwise.powers import chain, peak, relative_terms
from boundcheck.pairwise.tiles import Tile


class RunningSums(Kernel):
    """One maximum for each part of the candidates.

    One for all parts underflows the smaller ones at small temperatures; `all minus same` cancels.
    """

    def __init__(self, plan: PairPlan, terms: tuple[LogTerm, ...], dtype: torch.dtype) -> None:
        self.plan, self.terms, self.order, self.dtype = plan, terms, chain(terms, dtype), dtype
        # Empty sums where the thread has no row, so that the threads' add up.
        shape = plan.n_anchors, plan.parts
        self.log_sums = torch.full((*shape, len(terms)), -torch.inf, dtype=torch.float64, device=plan.device)
        self.largest = torch.full(shape, -torch.inf, dtype=torch.float64, device=plan.device)

    def begin(self, anchors: Chunk) -> None:
        """No maxima yet."""
        parts, rows, device = self.plan.parts, len(anchors), self.plan.device
        self.top = torch.full((parts, rows), -torch.inf, dtype=self.dtype, device=device)
        self.sums = torch.zeros(parts, len(self.terms), rows, dtype=torch.float64, device=device)

    def add(self, anchors: Chunk, tile: Tile) -> None:
        """Add a tile, relative to the larger of its maxima and those so far."""
        tau, t = self.plan.temperature, tile.logits(self.dtype)
        for part in tile.parts:
            old = self.top[part.place]
            new = torch.maximum(old, part.keep_finite(t, -torch.inf).amax(1))
            shift = torch.where(new == -torch.inf, 0.0, new)  # an empty part has no maximum: any shift will do
            for term, values in relative_terms(t, shift, self.order, part, tau):
                if term not in self.terms:
                    continue
                row = self.sums[part.place, self.terms.index(term)]
                factor = (peak(term, old, tau) - peak(term, shift, tau)).exp()
                row *= torch.where(row > 0, factor, 0.0)  # an empty sum has no maximum to rescale from
                weight = tile.candidates.weight.to(values.dtype)
                row += values @ weight if self.plan.weighted else values.sum(1)
            self.top[part.place] = new

    def end(self, anchors: Chunk) -> None:
        """Logarithms of the sums."""
        for part in range(self.plan.parts):
            empty = self.top[part] == -torch.inf
            shift = torch.where(empty, 0.0, self.top[part])
            for k, term in enumerate(self.terms):
                value = self.sums[part, k].log() + peak(term, shift, self.plan.temperature)
                self.log_sums[anchors.at, part, k] = torch.where(empty, -torch.inf, value)
            self.largest[anchors.at, part] = self.top[part].to(torch.float64)

    @staticmethod
    def together(kernels: Sequence[RunningSums]) -> tuple[Tensor, Tensor]:
        """As `PlainSums.together`; every row is one thread's."""
        log_sums = torch.stack([kernel.log_sums for kernel in kernels]).amax(0)
        return log_sums, torch.stack([kernel.largest for kernel in kernels]).amax(0)
