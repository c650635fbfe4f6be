"""A backbone with a projection head, and the registry of architectures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from boundcheck.errors import InputError
from boundcheck.options import check, one_of, whole

from .convnet import ConvNet
from .resnet import ResNet, resnet18, resnet50

Backbone = ConvNet | ResNet


@dataclass(frozen=True)
class Architecture:
    """How an encoder is put together.

    Attributes:
        backbone: makes the backbone from (in_channels, image_size); it has a `feature_dim`.
        hidden_dim: width of the projection head's hidden layer.
        embedding_dim: width of its output.
    """

    backbone: Callable[[int, int], Backbone]
    hidden_dim: int
    embedding_dim: int


ENCODERS: dict[str, Architecture] = {
    "convnet": Architecture(ConvNet, hidden_dim=128, embedding_dim=64),
    "resnet18": Architecture(resnet18, hidden_dim=512, embedding_dim=128),
    "resnet50": Architecture(resnet50, hidden_dim=512, embedding_dim=128),
}


class UnitBall(nn.Module):
    """Scales rows of norm above 1 to norm 1 and leaves the others, as the code of Jiang 2024 (arXiv 2311.05139)."""

    def forward(self, x: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        """Rows in the unit ball, of float32 at least."""
        x = x.to(torch.promote_types(x.dtype, torch.float32))
        inside: Tensor = x / x.norm(dim=1, keepdim=True).clamp(min=1)
        return inside


class Encoder(nn.Module):
    """A backbone and a projection head.

    Both outputs are raw, but for a head that ends in the unit ball; whoever uses them normalises them and records
    that. The pixel statistics belong to the configuration, not to the state dict.

    Args:
        backbone: maps standardised images to features (b, features).
        head: maps features to embeddings (b, d).
        mean: per channel, subtracted from pixels in [0, 1].
        std: per channel, then divided by.
    """

    backbone: Any  # an nn.Module; ours have a feature_dim
    mean: Tensor
    std: Tensor

    def __init__(
        self,
        backbone: nn.Module,
        head: nn.Module,
        mean: Sequence[float],
        std: Sequence[float],
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.register_buffer("mean", torch.tensor(mean)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(std)[:, None, None], persistent=False)

    def forward(self, images: Float[Tensor, "b ch h w"]) -> tuple[Float[Tensor, "b features"], Float[Tensor, "b d"]]:
        """Features and embeddings of images with pixels in [0, 1], neither normalised."""
        features = self.backbone((images - self.mean) / self.std)
        return features, self.head(features)


def build_encoder(
    arch: str,
    *,
    in_channels: int,
    image_size: int,
    mean: Sequence[float],
    std: Sequence[float],
    hidden_dim: int | None = None,
    embedding_dim: int | None = None,
    unit_ball: bool = False,
) -> Encoder:
    """A freshly initialised encoder (from torch's global generator), with the authors' projection head.

    The head is Linear (no bias), batch normalisation, ReLU, Linear and, where asked for, `UnitBall`.

    Args:
        arch: a name in `ENCODERS`.
        in_channels: channels of the images, 1 or 3.
        image_size: side of the images, pixels, at least 8.
        mean: per channel, of pixels in [0, 1].
        std: per channel, of pixels in [0, 1].
        hidden_dim: width of the head's hidden layer; None for the architecture's own.
        embedding_dim: width of the embedding; None for the architecture's own.
        unit_ball: whether the head ends by scaling its output into the unit ball.

    Returns:
        The encoder.

    Raises:
        InputError: the architecture is unknown, or the images do not suit it.
    """
    one_of("arch", arch, ENCODERS)
    if in_channels not in (1, 3):
        raise InputError(f"in_channels: must be 1 (grey) or 3 (colour), received {in_channels}; convert the images")
    check("image_size", image_size, whole(8), "enlarge the images")
    spec = ENCODERS[arch]
    backbone = spec.backbone(in_channels, image_size)
    hidden_dim = hidden_dim or spec.hidden_dim
    head = nn.Sequential(
        nn.Linear(backbone.feature_dim, hidden_dim, bias=False),
        nn.BatchNorm1d(hidden_dim),
        nn.ReLU(inplace=True),
        nn.Linear(hidden_dim, embedding_dim or spec.embedding_dim),
        *([UnitBall()] if unit_ball else []),
    )
    return Encoder(backbone, head, mean, std)
