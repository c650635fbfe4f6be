"""timm (pytorch-image-models): training files with `arch` and `state_dict`, or weights with `config.json` beside them.

timm itself builds the network where it is installed (the extra `timm`), without its classifier; its
ResNets with one convolution in the stem are torchvision's and need no timm. Statistics are those that `config.json` or
the training options state, else timm's for the network, else ImageNet's.
"""

from __future__ import annotations

import argparse
from typing import Any

from torch import nn

from boundcheck._optional import import_optional
from boundcheck.checkpoints.base import CheckpointFile, Format, Reading
from boundcheck.checkpoints.networks import fit, is_resnet, resnet_of
from boundcheck.checkpoints.statistics import IMAGENET, Statistics
from boundcheck.encoders.resnet import IMAGENET_STEM
from boundcheck.errors import FileError

_PLAIN_RESNETS = frozenset(f"resnet{depth}" for depth in (18, 34, 50, 101, 152))
_CLASSIFIERS = ("fc.", "classifier.", "head.fc.", "head.")


def recognise(file: CheckpointFile) -> bool:
    """An architecture stated by the file or beside it, the weights with nothing before their names."""
    return bool(_arch(file)) and not file.has("backbone") and not file.has("encoder")


def read(file: CheckpointFile) -> Reading:
    """The encoder, without a head."""
    arch = file.arch or _arch(file)
    options = file.extra.get("args")
    given = vars(options) if isinstance(options, argparse.Namespace) else {}
    stated = file.sidecar.get("pretrained_cfg") or given
    statistics = Statistics(*(tuple(stated[key]) for key in ("mean", "std"))) if stated.get("mean") else None
    epochs = file.epochs()
    if (arch is None or arch.split(".")[0] in _PLAIN_RESNETS) and is_resnet(file.state):
        network, name = resnet_of(file.state, IMAGENET_STEM)
        assumed = () if statistics else ("mean", "std")
        return Reading(network, None, arch or name, *(statistics or IMAGENET), epochs=epochs, assumed=assumed)
    if arch is None:
        raise file.misfit("timm's weights need the network's name, --arch NAME")
    backbone, default = _built(arch)
    own = backbone.network.state_dict()
    fit(backbone.network, {k: v for k, v in file.state.items() if k in own or not k.startswith(_CLASSIFIERS)}, arch)
    assumed = () if statistics else ("mean", "std")
    return Reading(backbone, None, arch, *(statistics or default), epochs=epochs, assumed=assumed)


class _Pooled(nn.Module):
    """A network of timm, which gives pooled features where it is built without classes."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network
        self.feature_dim = int(network.num_features)

    def forward(self, images: Any) -> Any:
        """Features (b, features) of standardised images."""
        return self.network(images)


def _built(arch: str) -> tuple[_Pooled, Statistics]:
    """The network with initial weights, and timm's statistics for it."""
    timm = import_optional("timm", "timm", "timm", f"checkpoint: '{arch}'")
    try:
        network = timm.create_model(arch, pretrained=False, num_classes=0)
    except RuntimeError as error:
        raise FileError(
            f"checkpoint: timm does not know the network '{arch}' ({error}); name another --arch"
        ) from error
    config = network.pretrained_cfg
    return _Pooled(network), Statistics(tuple(config["mean"]), tuple(config["std"]))


def _arch(file: CheckpointFile) -> str | None:
    name = file.extra.get("arch") or file.sidecar.get("architecture")
    return str(name) if name else None


FORMAT = Format("timm", "timm (pytorch-image-models)", recognise, read)
