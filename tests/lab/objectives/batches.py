"""A small batch with a class of one instance, and a loss's value and gradient on it."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

LABELS = torch.tensor([0, 0, 1, 2, 2, 2])


def batch(views: int = 2, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(len(LABELS), views, 5, generator=generator, dtype=torch.float64), dim=2).to(dtype)


def value_and_gradient(loss: Callable[[Tensor], Tensor], z: Tensor) -> tuple[Tensor, Tensor]:
    z = z.clone().requires_grad_()
    value = loss(z)
    return value.detach(), torch.autograd.grad(value, z)[0]
