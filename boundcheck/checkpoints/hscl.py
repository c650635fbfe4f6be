"""rjiang03/H-SCL (Jiang 2022) and joshr17/HCL (Robinson et al. 2021), whose model file is the same.

A bare state dict with keys `module.f.*` (a `Sequential`: 0 convolution, 1 batch normalisation, 3 to 6 the stages) and
`module.g.*`, the projection head. 3 x 3 stem without max-pooling; feature and embedding are both L2-normalised. One set
of statistics for all data sets; the temperature's default is 0.5.
"""

from __future__ import annotations

from boundcheck.checkpoints.base import CheckpointFile, Format, Reading
from boundcheck.checkpoints.networks import head_of, resnet_of
from boundcheck.checkpoints.statistics import CIFAR10_WITHIN_IMAGES
from boundcheck.encoders.resnet import CIFAR_STEM

_CHILDREN = {"0": "conv1", "1": "bn1", "3": "layer1", "4": "layer2", "5": "layer3", "6": "layer4"}


def recognise(file: CheckpointFile) -> bool:
    """Both networks under the authors' names."""
    return file.has("f.0", "f.1", "f.3", "f.6", "g.0")


def read(file: CheckpointFile) -> Reading:
    """The encoder."""
    if not recognise(file):
        raise file.misfit("H-SCL's files have keys module.f.* and module.g.*")
    named = {}
    for key, value in file.part("f").items():
        child, _, rest = key.partition(".")
        named[f"{_CHILDREN.get(child, child)}.{rest}"] = value
    backbone, arch = resnet_of(named, CIFAR_STEM)
    return Reading(
        backbone, head_of(file.part("g")), arch, *CIFAR10_WITHIN_IMAGES, temperature=0.5, assumed=("temperature",)
    )


FORMAT = Format("hscl", "rjiang03/H-SCL, joshr17/HCL", recognise, read)
