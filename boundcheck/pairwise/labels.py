"""How instances are related: class codes, super-class codes, and the order that puts the like side by side."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Labels:
    """What decides how instances are related.

    Attributes:
        y: (n,) class codes.
        groups: (n,) super-class codes; None where there are none.
    """

    y: Tensor
    groups: Tensor | None = None

    @cached_property
    def order(self) -> Tensor:
        """(n,) instances by super-class and class, the largest first, so that small classes are side by side."""
        order = torch.argsort(_rank(self.y)[self.y], stable=True)
        if self.groups is not None:
            order = order[torch.argsort(_rank(self.groups)[self.groups[order]], stable=True)]
        return order

    @cached_property
    def places(self) -> Tensor:
        """(n,) position of every instance in that order."""
        places = torch.empty_like(self.order)
        places[self.order] = torch.arange(len(self.order))
        return places

    @cached_property
    def ranks(self) -> tuple[Tensor, Tensor]:
        """(n,) rank of every instance's class and super-class: that order ascends in both, if classes lie in one."""
        groups = torch.zeros_like(self.y) if self.groups is None else _rank(self.groups)[self.groups]
        first = torch.full((int(self.y.max()) + 1,), len(self.y)).scatter_reduce(0, self.y, self.places, "amin")
        return torch.argsort(torch.argsort(first, stable=True))[self.y], groups


def _rank(codes: Tensor) -> Tensor:
    """(c,) place of each code by falling number of instances."""
    return torch.argsort(torch.argsort(torch.bincount(codes), descending=True, stable=True))
