"""Batch normalisation over the batches of all processes.

torch's SyncBatchNorm does this on GPUs alone. `GlobalBatchNorm` does it with any back end of
torch.distributed, so that processes on CPUs equal a single one too.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class GlobalBatchNorm(_BatchNorm):
    """Batch normalisation whose mean and variance, and their gradients, are those of all processes' batches.

    Batches must be of one size. In evaluation mode, and in its state dict, it is plain batch normalisation.
    """

    def _check_input_dim(self, input: Tensor) -> None:
        """Any shape with channels second, as SyncBatchNorm."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalised values, of the input's shape."""
        if not self.training:
            return super().forward(input)
        assert self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None
        axes = (0, *range(2, input.dim()))
        shape = (1, -1) + (1,) * (input.dim() - 2)
        count = input.numel() // input.shape[1] * dist.get_world_size()
        mean = _global_sum(input.sum(axes)) / count
        centred = input - mean.view(shape)
        variance = _global_sum(centred.square().sum(axes)) / count
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum or 0.0)
            self.running_var.lerp_(variance * (count / (count - 1)), self.momentum or 0.0)
        scale = self.weight * (variance + self.eps).rsqrt()
        normalised: Tensor = centred * scale.view(shape) + self.bias.view(shape)
        return normalised


def synchronised(module: nn.Module, device: torch.device) -> nn.Module:
    """The module with every batch normalisation made global, parameters and state kept.

    Args:
        module: changed in place.
        device: where it computes: torch's own SyncBatchNorm on `cuda`, `GlobalBatchNorm` elsewhere.

    Returns:
        The module.
    """
    if device.type == "cuda":
        converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(module)  # type: ignore[no-untyped-call]
        return converted
    for name, child in module.named_children():
        if isinstance(child, _BatchNorm):
            own = GlobalBatchNorm(child.num_features, eps=child.eps, momentum=child.momentum)
            own.weight, own.bias = child.weight, child.bias
            own.running_mean, own.running_var = child.running_mean, child.running_var
            own.num_batches_tracked = child.num_batches_tracked
            setattr(module, name, own.train(child.training))
        else:
            synchronised(child, device)
    return module


def _global_sum(local: Tensor) -> Tensor:
    total: Tensor = _GlobalSum.apply(local)  # type: ignore[no-untyped-call]
    return total


class _GlobalSum(torch.autograd.Function):
    """Sum over processes; the gradient of a sum of all losses is the sum of the gradients."""

    @staticmethod
    def forward(ctx: Any, local: Tensor) -> Tensor:
        total = local.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        dist.all_reduce(total)
        return total
