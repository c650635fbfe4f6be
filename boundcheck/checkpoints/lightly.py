"""lightly's benchmarks: a Lightning `.ckpt` with `backbone.*` and `projection_head.layers.*`; three kinds of backbone.

- ImageNet: torchvision's ResNet under its own names, 7 x 7 stem.
- CIFAR: lightly's own ResNet cut into a `Sequential` (0 convolution, 1 batch normalisation, 2 to 5 the stages) in which
  **the stem's ReLU is lost**, as that ResNet applies it as a function: no weight shows it.
- A torchvision ResNet cut likewise (0, 1, then 4 to 7), whose ReLU and max-pooling are modules and stay.

ImageNet's statistics, on CIFAR too. Outputs are raw, the loss normalises. The temperature is not in the file: the
benchmarks' SimCLR takes 0.1 on ImageNet and 0.5, the loss's default, on CIFAR. Older versions put `model.` before all
names, `features` for `backbone`, and have no `.layers.`.
"""

from __future__ import annotations

from torch import Tensor

from boundcheck.checkpoints.base import CheckpointFile, Format, Reading
from boundcheck.checkpoints.networks import head_of, is_resnet, resnet_of, stem_kernel
from boundcheck.checkpoints.statistics import IMAGENET
from boundcheck.encoders.resnet import CIFAR_STEM, IMAGENET_STEM, Stem

LOST_RELU_STEM = Stem(relu=False)

_OWN = {"0": "conv1", "1": "bn1", "2": "layer1", "3": "layer2", "4": "layer3", "5": "layer4"}
_TORCHVISION = {"0": "conv1", "1": "bn1", "4": "layer1", "5": "layer2", "6": "layer3", "7": "layer4"}


def recognise(file: CheckpointFile) -> bool:
    """A backbone beside a projection head; or a lone one with a small stem, which others save alike."""
    backbone = _part(file, "backbone") or _part(file, "features")
    if _part(file, "projection_head"):
        return bool(backbone)
    return is_resnet(backbone) and stem_kernel(backbone) == 3 and not file.has("projector")


def read(file: CheckpointFile) -> Reading:
    """The encoder."""
    state = _part(file, "backbone") or _part(file, "features")
    if not state:
        raise file.misfit("lightly's files have keys backbone.* and projection_head.*")
    children = {key.split(".")[0] for key in state}
    notes: tuple[str, ...] = ()
    if "0" in children:
        names = _TORCHVISION if "7" in children else _OWN
        state = {f"{names.get(child, child)}.{rest}": v for child, _, rest, v in _split(state)}
        stem = _stem(state)
        if names is _OWN:
            stem, notes = (
                LOST_RELU_STEM,
                ("the stem has no ReLU: lightly's CIFAR benchmarks lose it, which no weight shows",),
            )
    else:
        stem = _stem(state)
    backbone, arch = resnet_of(state, stem)
    head = {key.removeprefix("layers."): value for key, value in _part(file, "projection_head").items()}
    return Reading(
        backbone,
        head_of(head) if head else None,
        arch,
        *IMAGENET,
        temperature=0.1 if stem == IMAGENET_STEM else 0.5,
        epochs=file.epochs(),
        assumed=("mean", "std", "temperature"),
        notes=notes,
    )


def _part(file: CheckpointFile, name: str) -> dict[str, Tensor]:
    return file.part(name) or file.part(f"model.{name}")


def _split(state: dict[str, Tensor]) -> list[tuple[str, str, str, Tensor]]:
    return [(*key.partition("."), value) for key, value in state.items()]


def _stem(state: dict[str, Tensor]) -> Stem:
    return CIFAR_STEM if stem_kernel(state) == 3 else IMAGENET_STEM


FORMAT = Format("lightly", "lightly-ai/lightly", recognise, read)
