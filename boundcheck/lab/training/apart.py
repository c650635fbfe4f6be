"""Views that pass through an encoder one after the other, as in the code of Jiang 2022."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn


class ViewByView(nn.Module):
    """A model whose batch normalisation, while training, sees each view of a batch alone.

    Args:
        model: the encoder, or one with a classifier; shared with whoever made it.
        n_views: v.
    """

    def __init__(self, model: nn.Module, n_views: int) -> None:
        super().__init__()
        self.model, self.n_views = model, n_views

    def forward(self, images: Float[Tensor, "vb ch h w"]) -> tuple[Float[Tensor, "vb k"], Float[Tensor, "vb d"]]:
        """Both outputs of the model, view after view, as the images come."""
        parts = [self.model(part) for part in images.chunk(self.n_views)]
        first, second = zip(*parts, strict=True)
        return torch.cat(first), torch.cat(second)
