"""Compares the readers with the code bases' own model classes: a file saved by each is read, and outputs are compared.

    python results/public_encoders/originals.py CLONES

CLONES has a clone of each: `H-SCL`, `SupContrast`, `solo-learn`, `lightly`, `understanding-ssl`; torchvision must be
importable. Weights are random, running statistics those of a few batches in training mode. Nothing of these code bases
is in boundcheck.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import boundcheck as bc

Outputs = Callable[[Tensor], tuple[Tensor, Tensor]]
WITHIN = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def imported(folder: Path, module: str) -> Any:
    """A module of a code base, which no other code base's packages of the same name may stand for."""
    for name in [
        name for name in sys.modules if name.split(".")[0] in ("models", "utils", "networks", "solo", "model")
    ]:
        del sys.modules[name]
    sys.path.insert(0, str(folder))
    try:
        return importlib.import_module(module)
    finally:
        sys.path.remove(str(folder))


def hscl(clones: Path) -> tuple[dict[str, Any], Outputs, Any]:
    """rjiang03/H-SCL."""
    model = imported(clones / "H-SCL" / "main", "model").Model()
    settled(model)
    return nn.DataParallel(model).state_dict(), model, WITHIN


def supcon(clones: Path) -> tuple[dict[str, Any], Outputs, Any]:
    """HobbitLong/SupContrast, ResNet-18 and perceptron."""
    model = imported(clones / "SupContrast", "networks.resnet_big").SupConResNet("resnet18")
    settled(model)
    options = argparse.Namespace(dataset="cifar10", temp=0.07, model="resnet18")
    content = {"opt": options, "model": model.state_dict(), "optimizer": {}, "epoch": 1}
    return content, lambda x: (model.encoder(x), model(x)), WITHIN


def solo_learn(clones: Path) -> tuple[dict[str, Any], Outputs, Any]:
    """vturrisi/solo-learn, SimCLR with ResNet-18 on CIFAR-10."""
    backbone = imported(clones / "solo-learn" / "solo" / "backbones" / "resnet", "resnet").resnet18()
    backbone.fc, backbone.maxpool = nn.Identity(), nn.Identity()  # as solo/methods/base.py does for CIFAR
    backbone.conv1 = nn.Conv2d(3, 64, kernel_size=3, stride=1, padding=2, bias=False)
    model = nn.ModuleDict(
        {
            "backbone": backbone,
            "projector": nn.Sequential(nn.Linear(512, 2048), nn.ReLU(), nn.Linear(2048, 256)),
            "classifier": nn.Linear(512, 10),
        }
    )
    settled(backbone)
    statistics = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
    return (
        {"state_dict": model.state_dict(), "epoch": 1},
        lambda x: _through(x, backbone, model["projector"]),
        statistics,
    )


def lightly_cifar(clones: Path) -> tuple[dict[str, Any], Outputs, Any]:
    """lightly's CIFAR benchmark, SimCLR."""
    folder = clones / "lightly"
    resnet = imported(folder, "lightly.models.resnet").ResNetGenerator("resnet-18")
    head = imported(folder, "lightly.models.modules.heads").SimCLRProjectionHead(512, 512, 128)
    backbone = nn.Sequential(*list(resnet.children())[:-1], nn.AdaptiveAvgPool2d(1))
    return _lightly(nn.Sequential(backbone, nn.Flatten()), head, backbone)


def lightly_imagenet(clones: Path) -> tuple[dict[str, Any], Outputs, Any]:
    """lightly's ImageNet benchmark, SimCLR."""
    backbone = importlib.import_module("torchvision.models").resnet50()
    backbone.fc = nn.Identity()
    head = imported(clones / "lightly", "lightly.models.modules.heads").SimCLRProjectionHead()
    return _lightly(backbone, head, backbone)


def _lightly(features: nn.Module, head: nn.Module, backbone: nn.Module) -> tuple[dict[str, Any], Outputs, Any]:
    settled(nn.Sequential(features, head))
    model = nn.ModuleDict({"backbone": backbone, "projection_head": head})
    return {"state_dict": model.state_dict(), "epoch": 1}, lambda x: _through(x, features, head), IMAGENET


def understanding_ssl(clones: Path) -> tuple[dict[str, Any], Outputs, Any]:
    """DLFundamentals/understanding-ssl, twice as wide."""
    sys.modules.setdefault("wandb", types.ModuleType("wandb"))  # it logs to it while training only
    network = importlib.import_module("torchvision.models").resnet50()
    model = imported(clones / "understanding-ssl", "models.simclr").SimCLR(
        network, dataset="cifar10", width_multiplier=2, hidden_dim=2048, projection_dim=64
    )
    settled(model)
    return {"MODEL_STATE": model.state_dict(), "EPOCHS_RUN": 1}, model, WITHIN


def torchvision(clones: Path) -> tuple[dict[str, Any], Outputs, Any]:
    """torchvision's ResNet-34."""
    model = importlib.import_module("torchvision.models").resnet34()
    content = {key: value.clone() for key, value in model.state_dict().items()}
    model.fc = nn.Identity()
    return content, lambda x: _through(x, model.eval(), nn.Identity()), IMAGENET


def _through(x: Tensor, backbone: nn.Module, head: nn.Module) -> tuple[Tensor, Tensor]:
    features = backbone(x)
    return features, head(features)


def settled(model: nn.Module) -> None:
    """Running statistics of a few batches, then evaluation mode."""
    with torch.no_grad():
        for _ in range(2):
            model.train()(torch.randn(8, 3, 32, 32))
    model.eval()


def main() -> None:
    """One line for each code base: the largest difference of a unit-norm feature and embedding."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clones", type=Path)
    clones = parser.parse_args().clones
    images = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    for make in (supcon, lightly_cifar, solo_learn, torchvision, hscl, lightly_imagenet, understanding_ssl):
        torch.manual_seed(0)
        content, model, (mean, std) = make(clones)
        x = (images - torch.tensor(mean).view(1, 3, 1, 1)) / torch.tensor(std).view(1, 3, 1, 1)
        with tempfile.TemporaryDirectory() as folder, torch.no_grad():
            torch.save(content, Path(folder) / "file.pth")
            checkpoint = bc.load_encoder(Path(folder) / "file.pth")
            pairs = zip(checkpoint.encoder(images), model(x), strict=True)
            worst = [float((unit(own) - unit(theirs)).abs().max()) for own, theirs in pairs]
        line = f"{make.__name__:18} read as {checkpoint.config.format:18}"
        print(f"{line} features {worst[0]:.1e} embedding {worst[1]:.1e}")


def unit(rows: Tensor) -> Tensor:
    """Rows of norm 1."""
    return rows / rows.norm(dim=1, keepdim=True)


if __name__ == "__main__":
    main()
