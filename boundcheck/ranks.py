"""Several processes that do one task: who they are, what they tell each other, and what is said when one is lost.

torchrun starts them. In training all run the same program; in a verification the first one leads and the others do what
it asks (`call`, `serve`).
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from jaxtyping import Float, Int
from torch import Tensor

from boundcheck.errors import BoundcheckError, InputError, LostRankError

T = TypeVar("T")


@dataclass(frozen=True)
class Ranks:
    """The processes of a run, seen from one of them.

    Attributes:
        rank: this one's number, from 0.
        size: how many there are.
        device: where this one computes.
        held: what this one keeps between two calls of the first.
    """

    rank: int
    size: int
    device: torch.device
    held: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

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
        dist.broadcast_object_list(answer, src=0)
        if isinstance(answer[0], BoundcheckError):
            raise answer[0]
        return answer[0]  # type: ignore[return-value]

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Has every process run function(ranks, *arguments), and runs it here; the first process alone may call.

        Args:
            function: known to all by its name in a module.
            *arguments: sent to all, so neither open files nor closures.

        Raises:
            LostRankError: a process is gone, or did not answer in time.
        """
        assert self.is_first, "one process leads"
        self.held["calling"] = True
        self._tell((function, arguments))
        answer = function(self, *arguments)
        del self.held["calling"]
        return answer

    def serve(self) -> None:
        """Does what the first process calls for, until it dismisses.

        Raises:
            LostRankError: a process is gone, or did not answer in time.
        """
        while (asked := self._tell(None)) is not None:
            function, arguments = asked
            function(self, *arguments)

    def dismiss(self) -> None:
        """Lets the others go; if a call broke off here, they find that out when this process ends."""
        if self.size > 1 and "calling" not in self.held:
            self._tell(None)

    def _tell(self, message: Any) -> Any:
        """What the first process tells all, on each of them."""
        said = [message]
        with meeting():
            dist.broadcast_object_list(said, src=0)
        return said[0]

    def gather_on_first(self, value: T) -> Iterator[T]:
        """Every process's value, one at a time, in order of rank; on all but the first process nothing."""
        if not self.is_first:
            with meeting():
                dist.send_object_list([value], dst=0)
            return
        yield value
        for rank in range(1, self.size):
            received: list[Any] = [None]
            with meeting():
                dist.recv_object_list(received, src=rank)
            yield received[0]


@contextmanager
def meeting() -> Iterator[None]:
    """Communication: where it fails, another process is gone."""
    try:
        yield
    except RuntimeError as error:  # of gloo and of NCCL
        late = "timed out" in str(error).lower() or "timeout" in str(error).lower()
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        what = f"did not answer within {_time_out().total_seconds():.0f} s (BOUNDCHECK_TIMEOUT)" if late else "is gone"
        raise LostRankError(
            f"another process {what}; what is finished is kept (encoded images, cells of a sweep): start the same "
            f"command again [{reason}]"
        ) from error


def cores() -> int:
    """Cores for this process: it shares its machine with the others that torchrun started there."""
    return max(1, (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


def join_ranks(device: torch.device, time_out: timedelta | None = None) -> Ranks:
    """Joins the processes that torchrun started, or the group that the caller made; alone without either.

    A group joined here stays until the process ends: torchrun's processes can meet only once, and the next run
    in the same process needs it again.

    Args:
        device: `cpu` (gloo) or `cuda` (NCCL, one GPU for each process).
        time_out: how long to wait for another process; None for $BOUNDCHECK_TIMEOUT seconds, else half an hour.

    Returns:
        The processes, seen from this one.

    Raises:
        InputError: the device cannot be shared between processes.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 and not dist.is_initialized():
        return Ranks(0, 1, device)
    if device.type not in ("cpu", "cuda"):
        raise InputError(f"device: several processes need cpu or cuda, received '{device}'; start one process")
    if device.type == "cuda":
        here, gpus = int(os.environ.get("LOCAL_WORLD_SIZE", "1")), torch.cuda.device_count()
        if here > gpus:
            raise InputError(
                f"device: each process needs a GPU of its own, received {here} processes for {gpus}; start {gpus}"
            )
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    if not dist.is_initialized():
        backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
        with meeting():
            dist.init_process_group(backend, timeout=time_out or _time_out())
        atexit.register(dist.destroy_process_group)
    return Ranks(dist.get_rank(), dist.get_world_size(), device)


def _time_out() -> timedelta:
    given = os.environ.get("BOUNDCHECK_TIMEOUT", "1800")
    if not given.isdigit() or int(given) < 1:
        raise InputError(f"BOUNDCHECK_TIMEOUT: expected whole seconds > 0, received '{given}'; the usual is 1800")
    return timedelta(seconds=int(given))
