"""Any module or callable as an encoder, and the outputs of an encoder or of a layer inside it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from boundcheck.errors import InputError, unknown_name

from .checkpoint import Checkpoint, EncoderConfig
from .encoder import Encoder


def adapt(
    module: Any,
    preprocess: Callable[[Any], Any] | None = None,
    *,
    name: str | None = None,
    identity: str = "",
    kind: str = "module",
) -> Checkpoint:
    """A module or callable as a checkpoint without a head: what it returns is both feature and embedding.

    Args:
        module: an `nn.Module`, put in evaluation mode, or a callable: takes a batch, preprocessed, and returns a row
            per sample, or maps or tokens, which are averaged over positions.
        preprocess: applied to the batch first.
        name: in tables; None for the module's own.
        identity: what decides its outputs beside its weights, such as the source that made it; "" where nothing tells,
            and no embeddings are kept.
        kind: what it is, as `timm`.

    Raises:
        InputError: it cannot be called.
    """
    if not callable(module):
        raise InputError(
            f"encoder: must be a checkpoint, an nn.Module or a callable, received a {type(module).__name__}; read a "
            "file with load_encoder(path)"
        )
    label = name or str(getattr(module, "__name__", type(module).__name__))
    config = EncoderConfig(
        arch=label,
        in_channels=None,
        image_size=None,
        feature_dim=None,
        hidden_dim=None,
        embedding_dim=None,
        mean=(0.0,),
        std=(1.0,),
        format=kind,
    )
    sha256 = _digest(module, identity) if identity else ""
    encoder = Encoder(_Adapted(module, preprocess), nn.Identity(), config.mean, config.std)
    return Checkpoint(encoder.eval(), config, sha256, Path(label.replace("/", "-")))


class _Adapted(nn.Module):
    """A callable behind its preprocessing."""

    def __init__(self, module: Callable[[Any], Any], preprocess: Callable[[Any], Any] | None) -> None:
        super().__init__()
        self.module = module
        self.preprocess = preprocess

    def forward(self, batch: Any) -> Tensor:
        """A row per sample."""
        return rows_of(self.module(batch if self.preprocess is None else self.preprocess(batch)), "encoder", len(batch))


def outputs_of(encoder: Encoder, batch: Tensor | list[str], output: str, layer: str | None) -> Tensor:
    """(b, d) rows of one batch; maps (b, d, h, w) are averaged over positions, tokens (b, t, d) over tokens.

    Args:
        encoder: in evaluation mode.
        batch: (b, ch, h, w) images with values in [0, 1], or texts.
        output: "embedding" or "features".
        layer: name of a submodule whose output is taken instead, or the end of one; of several the least deep.

    Raises:
        InputError: there is no such layer, it is not reached, or the outputs are no rows.
    """
    if layer is None:
        features, embedding = _forward(encoder, batch)
        return embedding if output == "embedding" else features
    seen: list[Any] = []
    hook = _submodule(encoder, layer).register_forward_hook(lambda _module, _inputs, result: seen.append(result))
    try:
        _forward(encoder, batch)
    finally:
        hook.remove()
    if not seen:
        raise InputError(
            f"layer: must be reached when the encoder runs, received '{layer}', which is not; name another"
        )
    return rows_of(seen[-1], f"layer '{layer}'", len(batch))


def _forward(encoder: Encoder, batch: Tensor | list[str]) -> tuple[Tensor, Tensor]:
    """Features and embeddings; texts have no pixels to standardise."""
    if isinstance(batch, list):
        features = encoder.backbone(batch)
        return features, encoder.head(features)
    pair: tuple[Tensor, Tensor] = encoder(batch)
    return pair


def _submodule(encoder: Encoder, layer: str) -> nn.Module:
    named: dict[str, nn.Module] = dict(encoder.named_modules())
    fitting = sorted(
        (name for name in named if name == layer or name.endswith(f".{layer}")), key=lambda n: n.count(".")
    )
    if not fitting:
        own = [name.removeprefix("backbone.").removeprefix("module.") for name in named if name]
        raise unknown_name("layer", layer, list(dict.fromkeys(name for name in own if name.count(".") < 2))[:40])
    return named[fitting[0]]


def rows_of(value: Any, source: str, n: int) -> Tensor:
    """What a network gives for n samples, (n, d); maps are averaged over positions, tokens over tokens.

    Args:
        value: (n, d), (n, d, h, w) or (n, tokens, d), torch or numpy; of several, the first counts.
        source: what gives it, for messages.
        n: samples.

    Raises:
        InputError: it is nothing of the kind.
    """
    if isinstance(value, (tuple, list)) and value:
        value = value[0]
    rows = torch.as_tensor(value)
    if rows.ndim > 1 and len(rows) != n:
        raise InputError(
            f"{source}: must give a row per sample, received {len(rows)} for {n}; return them all, in order"
        )
    if rows.ndim == 4:
        return rows.mean(dim=(2, 3))
    if rows.ndim == 3:
        return rows.mean(dim=1)
    if rows.ndim != 2:
        raise InputError(
            f"{source}: must give shape (b, d), (b, d, h, w) or (b, tokens, d), received {tuple(rows.shape)}; wrap it "
            "in a function that returns rows"
        )
    return rows


def _digest(module: Callable[[Any], Any], identity: str) -> str:
    """SHA-256 (hex) of the weights of a module and of what else decides its outputs."""
    sha = hashlib.sha256(identity.encode())
    for key, value in module.state_dict().items() if isinstance(module, nn.Module) else ():
        if isinstance(value, Tensor):
            sha.update(key.encode())
            sha.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return sha.hexdigest()
