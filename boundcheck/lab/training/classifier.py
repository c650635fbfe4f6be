"""A linear classifier trained beside an encoder, for objectives with a cross-entropy (`class_logits`)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from boundcheck.encoders import Encoder


class WithClassifier(nn.Module):
    """An encoder with a linear classifier on its backbone features; the classifier is no part of the encoder.

    Args:
        encoder: shared with whoever made it.
        classes: outputs.
        seed: of the initial weights; torch's own generator is left as it was.
    """

    def __init__(self, encoder: Encoder, classes: int, seed: int) -> None:
        super().__init__()
        self.encoder = encoder
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.classifier = nn.Linear(encoder.backbone.feature_dim, classes)

    def forward(self, images: Float[Tensor, "b ch h w"]) -> tuple[Float[Tensor, "b c"], Float[Tensor, "b d"]]:
        """Class logits, and embeddings that are not normalised."""
        features, embeddings = self.encoder(images)
        return self.classifier(features), embeddings
