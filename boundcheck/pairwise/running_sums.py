"""Streaming log-sum-exp with running maxima: for any temperature, any tilt, any hardening function."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from boundcheck.hardening import LogTerm
from boundcheck.pairwise.plan import Chunk, PairPlan
from boundcheck.pairwise.powers import Chain, chain, peak, relative_terms
from boundcheck.pairwise.tiles import Progress, Tile, run_pass


def running_sums(plan: PairPlan, terms: tuple[LogTerm, ...], progress: Progress | None) -> tuple[Tensor, Tensor]:
    """(log_sums, largest), see `plain_sums`."""
    log_sums = torch.empty(plan.n_anchors, 2, len(terms), dtype=torch.float64, device=plan.device)
    largest = torch.empty(plan.n_anchors, 2, dtype=torch.float64, device=plan.device)
    run_pass(plan, lambda: _RunningSums(plan, terms, chain(terms, plan.dtype), log_sums, largest), progress=progress)
    return log_sums, largest


@dataclass(frozen=True)
class _RunningSums:
    """One maximum for each of same and diff.

    One for both groups underflows the smaller one at small temperatures; `all minus same` cancels.
    """

    plan: PairPlan
    terms: tuple[LogTerm, ...]
    order: Chain
    log_sums: Tensor
    largest: Tensor

    def __call__(self, anchors: Chunk, tiles: Iterator[Tile]) -> None:
        tau = self.plan.temperature
        # Running maxima of t.
        top = torch.full((2, len(anchors)), -torch.inf, dtype=self.plan.dtype, device=self.plan.device)
        sums = torch.zeros(2, len(self.terms), len(anchors), dtype=torch.float64, device=self.plan.device)
        for tile in tiles:
            for part in tile.parts:
                group = part.group
                old = top[group]
                new = torch.maximum(old, part.keep_finite(tile.t, -torch.inf).amax(1))
                shift = torch.where(new == -torch.inf, 0.0, new)  # an empty group has no maximum: any shift will do
                for term, values in relative_terms(tile.t, shift, self.order, part, tau):
                    if term not in self.terms:
                        continue
                    row = sums[group, self.terms.index(term)]
                    factor = (peak(term, old, tau) - peak(term, shift, tau)).exp()
                    row *= torch.where(row > 0, factor, 0.0)  # an empty sum has no maximum to rescale from
                    row += values @ tile.candidates.weight if self.plan.weighted else values.sum(1)
                top[group] = new
        for group in range(2):
            empty = top[group] == -torch.inf
            shift = torch.where(empty, 0.0, top[group])
            for k, term in enumerate(self.terms):
                value = sums[group, k].log() + peak(term, shift, tau)
                self.log_sums[anchors.at, group, k] = torch.where(empty, -torch.inf, value)
            self.largest[anchors.at, group] = top[group].to(torch.float64)
