"""Embeddings of a held-out set while an encoder trains, which the training does not notice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

Embed = Callable[[nn.Module, Tensor], Tensor]


def encode(
    encoder: nn.Module, inputs: Tensor, batch_size: int = 512, embed: Embed | None = None
) -> Float[np.ndarray, "n v d"]:
    """Embeddings of prepared inputs in evaluation mode, float32, without gradients; modes and generators are put back.

    Args:
        encoder: a module.
        inputs: (n, v, ...) rows are moved to the device of the encoder's parameters, floats to their precision.
        batch_size: rows encoded at a time.
        embed: (encoder, rows (b, ...)) -> (b, d); None calls the encoder, and takes the last of a tuple.
    """
    n, v = inputs.shape[:2]
    weight = next((p for p in encoder.parameters() if p.is_floating_point()), torch.zeros(()))
    precision = weight.dtype if inputs.is_floating_point() else inputs.dtype
    parts = []
    with _aside(encoder, weight.device), torch.no_grad():
        for rows in torch.split(inputs.flatten(0, 1), batch_size):
            moved = rows.to(weight.device, precision)
            out = encoder(moved) if embed is None else embed(encoder, moved)
            parts.append((out[-1] if isinstance(out, tuple) else out).float().cpu())
    z: np.ndarray = torch.cat(parts).view(n, v, -1).numpy()
    return z


@contextmanager
def _aside(encoder: nn.Module, device: torch.device) -> Iterator[None]:
    """Evaluation mode for the length of a block; every module, frozen ones too, then gets its own mode back.

    Numbers drawn within are not taken from the training: torch's generators are put back as well.
    """
    modes: list[tuple[nn.Module, bool]] = [(module, module.training) for module in encoder.modules()]
    drawing = [] if device.type == "cpu" else [device]
    kind = "cuda" if device.type == "cpu" else device.type
    with torch.random.fork_rng(drawing, device_type=kind):
        encoder.eval()
        try:
            yield
        finally:
            for module, training in modes:
                module.training = training
