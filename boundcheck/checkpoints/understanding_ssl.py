"""DLFundamentals/understanding-ssl: `MODEL_STATE, EPOCHS_RUN, OPTIMIZER, SCHEDULER`, or a bare state dict.

Keys `encoder.net.*` (torchvision's names) and `projector.projector.*`. ResNet-50, all its layers twice as wide in the
configurations; 3 x 3 stem without max-pooling for CIFAR and SVHN, 7 x 7 for ImageNet, whose statistics go with them.
The features are raw, the embedding normalised; the configurations' temperature is 0.5.
"""

from __future__ import annotations

from boundcheck.checkpoints.base import CheckpointFile, Format, Reading
from boundcheck.checkpoints.networks import head_of, resnet_of, stem_kernel
from boundcheck.checkpoints.statistics import CIFAR10_WITHIN_IMAGES, IMAGENET
from boundcheck.encoders.resnet import CIFAR_STEM, IMAGENET_STEM


def recognise(file: CheckpointFile) -> bool:
    """Their wrapper's name before torchvision's."""
    return file.has("encoder.net.conv1")


def read(file: CheckpointFile) -> Reading:
    """The encoder."""
    if not recognise(file):
        raise file.misfit("understanding-ssl's files have keys encoder.net.* and projector.projector.*")
    state, projector = file.part("encoder.net"), file.part("projector.projector")
    small = stem_kernel(state) == 3
    backbone, arch = resnet_of(state, CIFAR_STEM if small else IMAGENET_STEM)
    return Reading(
        backbone,
        head_of(projector) if projector else None,
        arch,
        *(CIFAR10_WITHIN_IMAGES if small else IMAGENET),
        temperature=0.5,
        epochs=file.epochs("EPOCHS_RUN"),
        assumed=("temperature",),
    )


FORMAT = Format("understanding-ssl", "DLFundamentals/understanding-ssl", recognise, read)
