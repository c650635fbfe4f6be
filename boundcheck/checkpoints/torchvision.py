"""torchvision's ResNets: a bare state dict, `conv1` to `fc`; ImageNet's statistics, no projection head.

The classifier is left out: the pooled features are the embedding. Files with torchvision's names and a 3 x 3 stem are
read with padding 1 and no max-pooling; solo-learn's, saved without their prefix, have the same names and padding 2.
"""

from __future__ import annotations

from boundcheck.checkpoints.base import CheckpointFile, Format, Reading
from boundcheck.checkpoints.networks import is_resnet, resnet_of, stem_kernel
from boundcheck.checkpoints.statistics import IMAGENET
from boundcheck.encoders.resnet import CIFAR_STEM, IMAGENET_STEM


def recognise(file: CheckpointFile) -> bool:
    """Its names, with nothing before them."""
    named = "arch" in file.extra or "architecture" in file.sidecar  # timm's
    return is_resnet(file.state) and not file.has("layer2.0.shortcut") and not named


def read(file: CheckpointFile) -> Reading:
    """The encoder."""
    if not is_resnet(file.state):
        raise file.misfit("torchvision's ResNets have keys conv1.weight to layer4.*, with nothing before them")
    stem = CIFAR_STEM if stem_kernel(file.state) == 3 else IMAGENET_STEM
    backbone, arch = resnet_of(file.state, stem)
    return Reading(backbone, None, arch, *IMAGENET, assumed=("mean", "std"))


FORMAT = Format("torchvision", "torchvision's ResNets", recognise, read)
