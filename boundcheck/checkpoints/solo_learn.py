"""vturrisi/solo-learn (da Costa et al. 2022): a Lightning `.ckpt`, and `args.json` beside it.

Keys `backbone.*` (`encoder.*` in older versions), `projector.*`, `classifier.*`; torchvision's ResNets. On CIFAR the
stem is a 3 x 3 convolution of stride 1 **with padding 2**, so that a 32-pixel image becomes 34 pixels, without
max-pooling: no weight shows the padding. Outputs are raw, the loss normalises. Without `args.json` the statistics are
those of the CIFAR that the classifier has the classes of, or ImageNet's.
"""

from __future__ import annotations

from typing import Any

from boundcheck.checkpoints.base import CheckpointFile, Format, Reading
from boundcheck.checkpoints.networks import head_of, is_resnet, resnet_of, stem_kernel
from boundcheck.checkpoints.statistics import CIFAR10, IMAGENET, Statistics
from boundcheck.encoders.resnet import IMAGENET_STEM, Stem

CIFAR_STEM = Stem(padding=2)

_STATISTICS = {
    "cifar10": CIFAR10,
    "cifar100": Statistics((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
    "stl10": Statistics((0.4914, 0.4823, 0.4466), (0.247, 0.243, 0.261)),
}
_OF_CLASSES = {10: "cifar10", 100: "cifar100"}


def recognise(file: CheckpointFile) -> bool:
    """A torchvision ResNet beside a projector; or without one and a small stem, which others save alike."""
    backbone = _backbone(file)
    if not is_resnet(backbone) or "layer2.0.shortcut.0.weight" in backbone or file.has("projection_head"):
        return False
    return file.has("projector") or file.has("classifier") or stem_kernel(backbone) == 3


def read(file: CheckpointFile) -> Reading:
    """The encoder."""
    state = _backbone(file)
    if not is_resnet(state):
        raise file.misfit("solo-learn's files have keys backbone.* and projector.*, the backbone a ResNet")
    small = stem_kernel(state) == 3
    backbone, arch = resnet_of(state, CIFAR_STEM if small else IMAGENET_STEM)
    projector = file.part("projector")
    dataset = _option(file, "data", "dataset")
    guessed = dataset is None
    if guessed and small:
        classifier = file.state.get("classifier.weight")
        dataset = _OF_CLASSES.get(0 if classifier is None else len(classifier), "cifar10")
    temperature = _option(file, "method_kwargs", "temperature")
    return Reading(
        backbone,
        head_of(projector) if projector else None,
        arch,
        *_STATISTICS.get(str(dataset), IMAGENET),
        temperature=0.2 if temperature is None else float(temperature),
        dataset=None if guessed else dataset,
        objective=file.sidecar.get("method"),
        epochs=file.epochs(),
        assumed=(*(("mean", "std") if guessed else ()), *(("temperature",) if temperature is None else ())),
        notes=("the stem pads by 2, solo-learn's convention for CIFAR, which no weight shows",) if small else (),
    )


def _backbone(file: CheckpointFile) -> dict[str, Any]:
    return file.part("backbone") or file.part("encoder") or dict(file.state)


def _option(file: CheckpointFile, group: str, name: str) -> Any:
    """An option of `args.json`: in its group, or at the top as older versions have it."""
    nested = file.sidecar.get(group)
    return nested.get(name) if isinstance(nested, dict) else file.sidecar.get(name)


FORMAT = Format("solo-learn", "vturrisi/solo-learn", recognise, read)
