"""Which device computes: a name from the user becomes a `torch.device` that is really there."""

from __future__ import annotations

import torch

from boundcheck.errors import InputError
from boundcheck.options import DEVICES, one_of


def resolve_device(name: str = "auto") -> torch.device:
    """The device of that name; `auto` takes CUDA, else MPS, else the CPU.

    Args:
        name: one of `auto`, `cpu`, `cuda`, `mps`.

    Returns:
        The device, checked to be present on this machine.

    Raises:
        InputError: the name is unknown, or the device is not present.
    """
    one_of("device", name, DEVICES)
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if present[kind]))
    if not present[name]:
        raise InputError(f"device: must be present on this machine, received '{name}'; use 'auto' or 'cpu'")
    return torch.device(name)
