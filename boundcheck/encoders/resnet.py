"""ResNets (He et al., arXiv 1512.03385) of any depth, width and stem, under torchvision's names.

Ours, `resnet18` and `resnet50`, have the CIFAR stem of SimCLR (arXiv 2002.05709): a 3 x 3 convolution of stride 1
without max-pooling, as in the code of Jiang 2022 and Robinson et al. 2021. Modules carry torchvision's names (`conv1`,
`bn1`, `layer1.0.conv1`, `layer1.0.downsample.0`, ...), so that published weights map onto them; as there, ResNet-50
strides in the 3 x 3 convolution of a block.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

_conv3x3 = partial(nn.Conv2d, kernel_size=3, padding=1, bias=False)
_conv1x1 = partial(nn.Conv2d, kernel_size=1, bias=False)


@dataclass(frozen=True)
class Stem:
    """What comes before the first stage; of its parts weights show the kernel alone.

    Attributes:
        kernel: side of the first convolution's window.
        stride: its stride.
        padding: its padding.
        max_pool: whether a 3 x 3 max-pooling of stride 2 follows.
        relu: whether a ReLU comes between.
    """

    kernel: int = 3
    stride: int = 1
    padding: int = 1
    max_pool: bool = False
    relu: bool = True


CIFAR_STEM = Stem()
IMAGENET_STEM = Stem(kernel=7, stride=2, padding=3, max_pool=True)


@dataclass(frozen=True)
class Widths:
    """Channels of a ResNet.

    Attributes:
        stem: of the first convolution.
        block: put out by a block of the first stage, for each of the block's `expansion`; doubled by each later stage.
        inner: of the middle convolution of a bottleneck in the first stage.
        groups: of that convolution.
    """

    stem: int = 64
    block: int = 64
    inner: int = 64
    groups: int = 1


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut."""

    expansion = 1

    def __init__(self, inputs: int, outputs: int, inner: int, groups: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _conv3x3(inputs, outputs, stride=stride)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = _conv3x3(outputs, outputs)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = _shortcut(inputs, outputs, stride)

    def forward(self, x: Float[Tensor, "b ch h w"]) -> Float[Tensor, "b out h2 w2"]:
        """Output of the block."""
        out = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(out)) + _skip(self.downsample, x))


class Bottleneck(nn.Module):
    """A 3 x 3 convolution between two 1 x 1 convolutions, beside a shortcut."""

    expansion = 4

    def __init__(self, inputs: int, outputs: int, inner: int, groups: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _conv1x1(inputs, inner)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = _conv3x3(inner, inner, stride=stride, groups=groups)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = _conv1x1(inner, outputs)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = _shortcut(inputs, outputs, stride)

    def forward(self, x: Float[Tensor, "b ch h w"]) -> Float[Tensor, "b out h2 w2"]:
        """Output of the block."""
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        return F.relu(self.bn3(self.conv3(out)) + _skip(self.downsample, x))


class ResNet(nn.Module):
    """Four stages of residual blocks and a global average.

    Args:
        block: kind of block.
        depths: blocks in each stage.
        in_channels: channels of the images.
        stem: what comes before the first stage.
        widths: channels.
    """

    def __init__(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        depths: tuple[int, int, int, int],
        in_channels: int,
        stem: Stem = CIFAR_STEM,
        widths: Widths = Widths(),
    ) -> None:
        super().__init__()
        self.stem = stem
        self.conv1 = nn.Conv2d(in_channels, widths.stem, stem.kernel, stem.stride, stem.padding, bias=False)
        self.bn1 = nn.BatchNorm2d(widths.stem)
        inputs = widths.stem
        for stage, depth in enumerate(depths):
            outputs, inner = widths.block * block.expansion * 2**stage, widths.inner * 2**stage
            blocks = []
            for k in range(depth):
                blocks.append(block(inputs, outputs, inner, widths.groups, stride=2 if k == 0 and stage > 0 else 1))
                inputs = outputs
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.feature_dim = inputs
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Float[Tensor, "b ch h w"]) -> Float[Tensor, "b features"]:
        """Features of a batch of standardised images."""
        x = self.bn1(self.conv1(x))
        x = F.relu(x) if self.stem.relu else x
        x = F.max_pool2d(x, kernel_size=3, stride=2, padding=1) if self.stem.max_pool else x
        for stage in range(1, 5):
            x = self.get_submodule(f"layer{stage}")(x)
        return x.mean(dim=(2, 3))


def resnet18(in_channels: int, image_size: int) -> ResNet:
    """ResNet-18; the image's size does not change it."""
    return ResNet(BasicBlock, (2, 2, 2, 2), in_channels)


def resnet50(in_channels: int, image_size: int) -> ResNet:
    """ResNet-50; the image's size does not change it."""
    return ResNet(Bottleneck, (3, 4, 6, 3), in_channels)


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Module | None:
    """The projection of a shortcut whose shape changes."""
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(_conv1x1(inputs, outputs, stride=stride), nn.BatchNorm2d(outputs))


def _skip(downsample: nn.Module | None, x: Tensor) -> Tensor:
    return x if downsample is None else downsample(x)
