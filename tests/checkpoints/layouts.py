"""Files in the layouts of published code bases, and what their networks compute, written with torch.nn.functional
alone.

Nothing here is the package's: names and shapes of weights are those that the code bases save, forward passes follow
their model files.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

Weights = dict[str, Tensor]

WITHIN = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SOLO_CIFAR10 = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
SUPCON_CIFAR100 = (0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)

BASIC, BOTTLENECK = (2, 2, 2, 2), (3, 4, 6, 3)


class Maker:
    """Random weights by name."""

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.weights: Weights = {}

    def conv(self, name: str, inputs: int, outputs: int, kernel: int) -> None:
        scale = (2 / (inputs * kernel**2)) ** 0.5
        self.weights[f"{name}.weight"] = scale * torch.randn(outputs, inputs, kernel, kernel, generator=self.generator)

    def norm(self, name: str, channels: int, affine: bool = True) -> None:
        if affine:
            self.weights[f"{name}.weight"] = 0.5 + 0.2 * torch.rand(channels, generator=self.generator)
            self.weights[f"{name}.bias"] = 0.1 * torch.randn(channels, generator=self.generator)
        self.weights[f"{name}.running_mean"] = 0.1 * torch.randn(channels, generator=self.generator)
        self.weights[f"{name}.running_var"] = 0.8 + 0.4 * torch.rand(channels, generator=self.generator)
        self.weights[f"{name}.num_batches_tracked"] = torch.tensor(100)

    def linear(self, name: str, inputs: int, outputs: int, bias: bool = True) -> None:
        self.weights[f"{name}.weight"] = torch.randn(outputs, inputs, generator=self.generator) / inputs**0.5
        if bias:
            self.weights[f"{name}.bias"] = 0.1 * torch.randn(outputs, generator=self.generator)

    def resnet(
        self,
        names: Callable[[str], str],
        depths: tuple[int, ...],
        *,
        bottleneck: bool,
        kernel: int = 3,
        width: int = 64,
        shortcut: str = "downsample",
    ) -> int:
        """A ResNet whose modules are called names(torchvision's name); gives its features."""
        expansion = 4 if bottleneck else 1
        self.conv(names("conv1"), 3, width, kernel)
        self.norm(names("bn1"), width)
        inputs = width
        for stage, depth in enumerate(depths):
            inner = width * 2**stage
            for k in range(depth):
                block = names(f"layer{stage + 1}") + f".{k}"
                shape = [(inputs, inner, 1), (inner, inner, 3), (inner, 4 * inner, 1)] if bottleneck else None
                shape = shape or [(inputs, inner, 3), (inner, inner, 3)]
                for i, (a, b, size) in enumerate(shape, 1):
                    self.conv(f"{block}.conv{i}", a, b, size)
                    self.norm(f"{block}.bn{i}", b)
                if inputs != expansion * inner or (k == 0 and stage > 0):
                    self.conv(f"{block}.{shortcut}.0", inputs, expansion * inner, 1)
                    self.norm(f"{block}.{shortcut}.1", expansion * inner)
                inputs = expansion * inner
        return inputs


def norm(x: Tensor, w: Mapping[str, Tensor], name: str) -> Tensor:
    return F.batch_norm(
        x, w[f"{name}.running_mean"], w[f"{name}.running_var"], w.get(f"{name}.weight"), w.get(f"{name}.bias")
    )


def resnet(
    x: Tensor,
    w: Mapping[str, Tensor],
    names: Callable[[str], str],
    *,
    padding: int = 1,
    stride: int = 1,
    pool: bool = False,
    relu: bool = True,
    shortcut: str = "downsample",
) -> Tensor:
    """Features of standardised images."""
    x = norm(F.conv2d(x, w[names("conv1") + ".weight"], stride=stride, padding=padding), w, names("bn1"))
    x = x.clamp(min=0) if relu else x
    x = F.max_pool2d(x, 3, 2, 1) if pool else x
    for stage in range(1, 5):
        k = 0
        while f"{names(f'layer{stage}')}.{k}.conv1.weight" in w:
            block = f"{names(f'layer{stage}')}.{k}"
            step = 2 if stage > 1 and k == 0 else 1
            skip = x
            if f"{block}.{shortcut}.0.weight" in w:
                skip = norm(F.conv2d(x, w[f"{block}.{shortcut}.0.weight"], stride=step), w, f"{block}.{shortcut}.1")
            if f"{block}.conv3.weight" in w:
                y = norm(F.conv2d(x, w[f"{block}.conv1.weight"]), w, f"{block}.bn1").clamp(min=0)
                y = F.conv2d(y, w[f"{block}.conv2.weight"], stride=step, padding=1)
                y = norm(y, w, f"{block}.bn2").clamp(min=0)
                y = norm(F.conv2d(y, w[f"{block}.conv3.weight"]), w, f"{block}.bn3")
            else:
                y = F.conv2d(x, w[f"{block}.conv1.weight"], stride=step, padding=1)
                y = norm(y, w, f"{block}.bn1").clamp(min=0)
                y = norm(F.conv2d(y, w[f"{block}.conv2.weight"], padding=1), w, f"{block}.bn2")
            x = (y + skip).clamp(min=0)
            k += 1
    return F.adaptive_avg_pool2d(x, 1).flatten(1)


def perceptron(x: Tensor, w: Mapping[str, Tensor], name: str, plan: str) -> Tensor:
    """A projection head: its plan has a letter per index, l linear, n batch normalisation, r ReLU."""
    for i, kind in enumerate(plan):
        if kind == "l":
            x = F.linear(x, w[f"{name}.{i}.weight"], w.get(f"{name}.{i}.bias"))
        elif kind == "n":
            x = norm(x, w, f"{name}.{i}")
        else:
            x = x.clamp(min=0)
    return x


def standardised(images: Tensor, statistics: tuple[tuple[float, ...], tuple[float, ...]]) -> Tensor:
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in statistics)
    return (images - mean) / std


@dataclass(frozen=True)
class Written:
    """A file, what its network computes, and what is known of it."""

    path: Path
    reference: Callable[[Tensor], tuple[Tensor, Tensor]]
    format: str
    arch: str
    temperature: float | None
    assumed: tuple[str, ...]


def prefixed(prefix: str) -> Callable[[str], str]:
    return lambda name: f"{prefix}{name}"


def hscl(folder: Path) -> Written:
    make, children = Maker(0), {"conv1": "0", "bn1": "1", "layer1": "3", "layer2": "4", "layer3": "5", "layer4": "6"}

    def names(name: str) -> str:
        return f"module.f.{children[name]}"

    make.resnet(names, BOTTLENECK, bottleneck=True)
    make.linear("module.g.0", 2048, 512, bias=False)
    make.norm("module.g.1", 512)
    make.linear("module.g.3", 512, 128)
    torch.save(make.weights, folder / "cifar10_HSCL_512_1.0_True_paper_HSCL_final.pth")

    def reference(images: Tensor) -> tuple[Tensor, Tensor]:
        h = resnet(standardised(images, WITHIN), make.weights, names)
        return h, perceptron(h, make.weights, "module.g", "lnrl")

    path = folder / "cifar10_HSCL_512_1.0_True_paper_HSCL_final.pth"
    return Written(path, reference, "hscl", "resnet50", 0.5, ("temperature",))


def supcon(folder: Path, *, gpus: int, head: str, dataset: str = "cifar100") -> Written:
    make, names = Maker(1), prefixed("encoder.module." if gpus > 1 else "encoder.")
    make.resnet(names, BASIC, bottleneck=False, shortcut="shortcut")
    if head == "mlp":
        make.linear("head.0", 512, 512)
        make.linear("head.2", 512, 128)
    else:
        make.linear("head", 512, 128)
    options = argparse.Namespace(model="resnet18", dataset=dataset, temp=0.1, method="SupCon", mean=None, std=None)
    if dataset == "path":
        options.mean, options.std = "(0.4, 0.5, 0.6)", "(0.2, 0.3, 0.25)"
    statistics = {"cifar10": WITHIN, "cifar100": SUPCON_CIFAR100, "path": ((0.4, 0.5, 0.6), (0.2, 0.3, 0.25))}[dataset]
    path = folder / "last.pth"
    optimizer = {"state": {0: {"momentum_buffer": torch.zeros(3)}}, "param_groups": [{"lr": 0.05, "params": [0]}]}
    torch.save({"opt": options, "model": make.weights, "optimizer": optimizer, "epoch": 1000}, path)

    def reference(images: Tensor) -> tuple[Tensor, Tensor]:
        h = resnet(standardised(images, statistics), make.weights, names, shortcut="shortcut")
        if head == "mlp":
            return h, perceptron(h, make.weights, "head", "lrl")
        return h, F.linear(h, make.weights["head.weight"], make.weights["head.bias"])

    return Written(path, reference, "supcon", "resnet18", 0.1, ())


def lightning(weights: Weights, **more: Any) -> dict[str, Any]:
    """What Lightning puts around weights."""
    return {
        "epoch": 199,
        "global_step": 39000,
        "pytorch-lightning_version": "2.5.0",
        "state_dict": weights,
        "loops": {"fit_loop": {"state_dict": {}}},
        "callbacks": {},
        "optimizer_states": [{"state": {}, "param_groups": [{"lr": 0.1}]}],
        "lr_schedulers": [],
        **more,
    }


def solo_learn(folder: Path, *, prefix: str = "backbone", simsiam: bool = False, args: bool = True) -> Written:
    make, names = Maker(2), prefixed(f"{prefix}.")
    make.resnet(names, BASIC, bottleneck=False)
    make.linear("classifier", 512, 10)
    if simsiam:
        for i in (0, 3):
            make.linear(f"projector.{i}", 512 if i == 0 else 2048, 2048, bias=False)
            make.norm(f"projector.{i + 1}", 2048)
        make.linear("projector.6", 2048, 256)
        make.norm("projector.7", 256, affine=False)
        make.linear("predictor.0", 256, 512, bias=False)
    else:
        make.linear("projector.0", 512, 2048)
        make.linear("projector.2", 2048, 256)
    path = folder / "simclr-cifar10-ep=199.ckpt"
    torch.save(lightning(make.weights), path)
    if args:
        stated = {
            "method": "simclr",
            "data": {"dataset": "cifar10"},
            "method_kwargs": {"temperature": 0.2},
            "backbone": {"name": "resnet18"},
        }
        (folder / "args.json").write_text(json.dumps(stated))

    def reference(images: Tensor) -> tuple[Tensor, Tensor]:
        h = resnet(standardised(images, SOLO_CIFAR10), make.weights, names, padding=2)
        return h, perceptron(h, make.weights, "projector", "lnrlnrln" if simsiam else "lrl")

    return Written(path, reference, "solo-learn", "resnet18", 0.2, () if args else ("mean", "std", "temperature"))


def lightly_imagenet(folder: Path) -> Written:
    make, names = Maker(3), prefixed("backbone.")
    make.resnet(names, BOTTLENECK, bottleneck=True, kernel=7)
    lightly_head(make, 2048, 2048, "projection_head.layers")
    make.linear("online_classifier.classifier_head", 2048, 1000)
    path = folder / "epoch=99-step=500400.ckpt"
    torch.save(lightning(make.weights, hyper_parameters={"batch_size_per_device": 128, "num_classes": 1000}), path)

    def reference(images: Tensor) -> tuple[Tensor, Tensor]:
        h = resnet(standardised(images, IMAGENET), make.weights, names, padding=3, stride=2, pool=True)
        return h, perceptron(h, make.weights, "projection_head.layers", "lnrln")

    return Written(path, reference, "lightly", "resnet50", 0.1, ("mean", "std", "temperature"))


def lightly_head(make: Maker, inputs: int, hidden: int, name: str) -> None:
    make.linear(f"{name}.0", inputs, hidden, bias=False)
    make.norm(f"{name}.1", hidden)
    make.linear(f"{name}.3", hidden, 128, bias=False)
    make.norm(f"{name}.4", 128)


def lightly_cifar(folder: Path, *, older: bool = False, splits: int = 1) -> Written:
    """Their own ResNet in a Sequential, without its first ReLU; `older` is before `backbone` and `layers`."""
    start = "model.features." if older else "backbone."
    head = "model.projection_head" if older else "projection_head.layers"
    children = {"conv1": "0", "bn1": "1", "layer1": "2", "layer2": "3", "layer3": "4", "layer4": "5"}
    make = Maker(4)

    def names(name: str) -> str:
        return f"{start}{children[name]}"

    make.resnet(names, BASIC, bottleneck=False, shortcut="shortcut")
    lightly_head(make, 512, 512, head)
    saved = dict(make.weights)
    for key, value in make.weights.items():
        if splits > 1 and key.startswith(start) and key.endswith(("running_mean", "running_var")):
            spread = torch.linspace(0.9, 1.1, splits)[:, None]  # their mean is 1
            saved[key] = (value * spread).flatten()
    path = folder / "epoch=199.ckpt"
    torch.save(lightning(saved), path)

    def reference(images: Tensor) -> tuple[Tensor, Tensor]:
        x = standardised(images, IMAGENET)
        h = resnet(x, make.weights, names, relu=False, shortcut="shortcut")
        return h, perceptron(h, make.weights, head, "lnrln")

    return Written(path, reference, "lightly", "resnet18", 0.5, ("mean", "std", "temperature"))


def lightly_torchvision(folder: Path) -> Written:
    """torchvision's ResNet-18 cut into a Sequential, as lightly's examples do: ReLU and pooling are modules."""
    children = {"conv1": "0", "bn1": "1", "layer1": "4", "layer2": "5", "layer3": "6", "layer4": "7"}
    make = Maker(5)

    def names(name: str) -> str:
        return f"backbone.{children[name]}"

    make.resnet(names, BASIC, bottleneck=False, kernel=7)
    lightly_head(make, 512, 512, "projection_head.layers")
    path = folder / "example.ckpt"
    torch.save(lightning(make.weights), path)

    def reference(images: Tensor) -> tuple[Tensor, Tensor]:
        h = resnet(standardised(images, IMAGENET), make.weights, names, padding=3, stride=2, pool=True)
        return h, perceptron(h, make.weights, "projection_head.layers", "lnrln")

    return Written(path, reference, "lightly", "resnet18", 0.1, ("mean", "std", "temperature"))


def understanding_ssl(folder: Path, *, bare: bool) -> Written:
    """A ResNet with bottlenecks twice as wide; one block a stage, as at their 23 the file has 380 MB."""
    make, names = Maker(6), prefixed("encoder.net.")
    features = make.resnet(names, (1, 1, 1, 1), bottleneck=True, width=128)
    make.linear("projector.projector.0", features, 2048, bias=False)
    make.norm("projector.projector.1", 2048)
    make.linear("projector.projector.3", 2048, 64, bias=False)
    make.norm("projector.projector.4", 64)
    path = folder / "snapshot_epoch_2000.pth"
    whole = {
        "MODEL_STATE": make.weights,
        "EPOCHS_RUN": 2000,
        "OPTIMIZER": {"state": {}},
        "SCHEDULER": {"last_epoch": 1},
    }
    torch.save(make.weights if bare else whole, path)

    def reference(images: Tensor) -> tuple[Tensor, Tensor]:
        h = resnet(standardised(images, WITHIN), make.weights, names)
        return h, perceptron(h, make.weights, "projector.projector", "lnrln")

    return Written(path, reference, "understanding-ssl", "resnet(1, 1, 1, 1)x2", 0.5, ("temperature",))


def torchvision(folder: Path, *, suffix: str, save: Callable[[Weights, Path], None]) -> Written:
    make, names = Maker(7), prefixed("")
    make.resnet(names, (3, 4, 6, 3), bottleneck=False, kernel=7)
    make.linear("fc", 512, 1000)
    path = folder / f"resnet34{suffix}"
    save(make.weights, path)

    def reference(images: Tensor) -> tuple[Tensor, Tensor]:
        h = resnet(standardised(images, IMAGENET), make.weights, names, padding=3, stride=2, pool=True)
        return h, h

    return Written(path, reference, "torchvision", "resnet34", None, ("mean", "std"))


def timm(folder: Path) -> Written:
    """A file of timm's training script, its options a Namespace."""
    make, names = Maker(8), prefixed("")
    make.resnet(names, BASIC, bottleneck=False, kernel=7)
    make.linear("fc", 512, 10)
    path = folder / "model_best.pth.tar"
    stated = {"arch": "resnet18", "version": 2, "epoch": 7, "metric": 71.5, "state_dict": make.weights}
    options = argparse.Namespace(mean=[0.3, 0.4, 0.5], std=[0.2, 0.2, 0.2], dataset="mine")
    torch.save(stated | {"args": options, "optimizer": {"state": {}}}, path)

    def reference(images: Tensor) -> tuple[Tensor, Tensor]:
        x = standardised(images, ((0.3, 0.4, 0.5), (0.2, 0.2, 0.2)))
        h = resnet(x, make.weights, names, padding=3, stride=2, pool=True)
        return h, h

    return Written(path, reference, "timm", "resnet18", None, ())
