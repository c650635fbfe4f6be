"""Several processes that train one encoder: who they are, and what they share.

The loss is that of the global batch on every process: embeddings are gathered, each process computes the
whole loss, and its gradients flow into its own share of the embeddings. DistributedDataParallel averages the
parameters' gradients over the processes, so `Step` multiplies the loss by their number.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import numpy as np
import torch
import torch.distributed as dist
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from boundcheck.errors import BoundcheckError, InputError

from .batchnorm import synchronised

T = TypeVar("T")

_TIMEOUT = timedelta(hours=4)  # the others wait while the first process runs the callbacks of an epoch


@dataclass(frozen=True)
class Workers:
    """The processes of a run, seen from one of them.

    Attributes:
        rank: this one's number, from 0.
        size: how many there are.
        device: where this one computes.
    """

    rank: int
    size: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        """Whether this process writes files, calls back and reports."""
        return self.rank == 0

    def share(self, index: Int[np.ndarray, " b"]) -> Int[np.ndarray, " part"]:
        """This process's part of a batch; `gather` puts the parts back in order."""
        return np.split(index, self.size)[self.rank]

    def gather(self, z: Float[Tensor, "part v d"]) -> Float[Tensor, "b v d"]:
        """The global batch in order; gradients flow into this process's own part of it."""
        if self.size == 1:
            return z
        parts = [torch.empty_like(z, memory_format=torch.contiguous_format) for _ in range(self.size)]
        dist.all_gather(parts, z.detach().contiguous())
        parts[self.rank] = z
        return torch.cat(parts)

    def from_first(self, decide: Callable[[], T]) -> T:
        """What the first process decides, on all of them; its mistakes too."""
        if self.size == 1:
            return decide()
        answer: list[T | BoundcheckError | None] = [None]
        if self.is_first:
            try:
                answer[0] = decide()
            except BoundcheckError as error:
                answer[0] = error
        dist.broadcast_object_list(answer, src=0, device=self.device if self.device.type == "cuda" else None)
        if isinstance(answer[0], BoundcheckError):
            raise answer[0]
        return answer[0]  # type: ignore[return-value]


def spread(model: nn.Module, workers: Workers) -> nn.Module:
    """The model as the processes train it together: gradients averaged, batch normalisation over all of them.

    Args:
        model: on the workers' device, the same on all; its batch normalisation is changed in place.
        workers: the processes.

    Returns:
        The model itself where there is one process.
    """
    if workers.size == 1:
        return model
    synchronised(model, workers.device)
    return DistributedDataParallel(model, [workers.device.index] if workers.device.type == "cuda" else None)


def is_first_process() -> bool:
    """Whether this process speaks to the user: the only one, or torchrun's first."""
    return os.environ.get("RANK", "0") == "0"


def join_workers(device: torch.device) -> Workers:
    """Joins the processes that torchrun started, or the group that the caller made; alone without either.

    A group joined here stays until the process ends: torchrun's processes can meet only once, and the next run
    in the same process needs it again.

    Args:
        device: `cpu` (gloo) or `cuda` (NCCL, one GPU for each process).

    Returns:
        The processes, seen from this one.

    Raises:
        InputError: the device cannot be shared between processes.
    """
    started = int(os.environ.get("WORLD_SIZE", "1")) > 1
    if not (started or dist.is_initialized()):
        return Workers(0, 1, device)
    if device.type not in ("cpu", "cuda"):
        raise InputError(f"device: several processes need cpu or cuda, received '{device}'; start one process")
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    if not dist.is_initialized():
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=_TIMEOUT)
        atexit.register(dist.destroy_process_group)
    return Workers(dist.get_rank(), dist.get_world_size(), device)
