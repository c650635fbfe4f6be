"""Networks rebuilt from the names and shapes of their weights.

Shapes tell depths, widths, groups and kernels. Strides are those of He et al. with torchvision's (2 at the first block
of the later stages, in the 3 x 3 convolution); padding, pooling and activations no weight shows: each format states
them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor, nn

from boundcheck.encoders.resnet import BasicBlock, Bottleneck, ResNet, Stem, Widths
from boundcheck.errors import FileError

_NAMES: dict[tuple[type[nn.Module], tuple[int, ...]], str] = {
    (BasicBlock, (1, 1, 1, 1)): "resnet9",
    (BasicBlock, (2, 2, 2, 2)): "resnet18",
    (BasicBlock, (3, 4, 6, 3)): "resnet34",
    (Bottleneck, (3, 4, 6, 3)): "resnet50",
    (Bottleneck, (3, 4, 23, 3)): "resnet101",
    (Bottleneck, (3, 8, 36, 3)): "resnet152",
}
_CLASSIFIER = re.compile(r"(fc|linear)\.")


def is_resnet(state: Mapping[str, Tensor]) -> bool:
    """Whether weights have torchvision's names of a ResNet with one convolution before its stages."""
    return {"conv1.weight", "bn1.running_mean", "layer1.0.conv1.weight", "layer4.0.conv2.weight"} <= set(state)


def stem_kernel(state: Mapping[str, Tensor]) -> int:
    """Side of the first convolution's window."""
    return int(state["conv1.weight"].shape[2])


def resnet_of(state: Mapping[str, Tensor], stem: Stem) -> tuple[ResNet, str]:
    """The ResNet that weights under torchvision's names are of, with them, and its name.

    Args:
        state: the weights; blocks may call their projection `shortcut` instead of `downsample`, and a classifier at the
            end is left out.
        stem: its convention.

    Raises:
        FileError: they are not of a ResNet.
    """
    own = {
        key.replace(".shortcut.", ".downsample."): value for key, value in state.items() if not _CLASSIFIER.match(key)
    }
    if not is_resnet(own):
        raise FileError("checkpoint: the backbone must be a ResNet under torchvision's names, received another network")
    own = {key: _folded(key, value, own) for key, value in own.items()}
    block = Bottleneck if "layer1.0.conv3.weight" in own else BasicBlock
    depths = tuple(_depth(own, stage) for stage in range(1, 5))
    outputs = own[f"layer1.0.conv{3 if block is Bottleneck else 2}.weight"].shape[0]
    middle = own["layer1.0.conv2.weight"].shape
    inner, groups = (middle[0], middle[0] // middle[1]) if block is Bottleneck else (outputs, 1)
    first = own["conv1.weight"].shape
    network = ResNet(
        block,
        (depths[0], depths[1], depths[2], depths[3]),
        int(first[1]),
        stem,
        Widths(int(first[0]), outputs // block.expansion, inner, groups),
    )
    name = _NAMES.get((block, depths), f"resnet{depths}")
    fit(network, own, name)
    width = f"x{first[0] // 64}" if first[0] != 64 else ""
    return network, f"{name}{width}"


def head_of(state: Mapping[str, Tensor]) -> nn.Sequential:
    """The perceptron that a `Sequential`'s weights are of, with them: where an index has none, there is a ReLU.

    Raises:
        FileError: a layer is neither linear nor a batch normalisation.
    """
    indices = sorted({int(key.split(".")[0]) for key in state})
    layers: list[nn.Module] = []
    for i in range(indices[-1] + 1):
        weight, running = state.get(f"{i}.weight"), state.get(f"{i}.running_mean")
        if running is not None:
            layers.append(nn.BatchNorm1d(len(running), affine=weight is not None))
        elif weight is not None and weight.ndim == 2:
            layers.append(nn.Linear(weight.shape[1], weight.shape[0], bias=f"{i}.bias" in state))
        elif weight is None and i not in indices:
            layers.append(nn.ReLU())
        else:
            raise FileError(
                f"checkpoint: the head's layer {i} must be linear or a batch normalisation, received another"
            )
    head = nn.Sequential(*layers)
    fit(head, state, "head")
    return head


def linear_of(state: Mapping[str, Tensor]) -> nn.Linear:
    """One linear layer with its weights."""
    layer = nn.Linear(state["weight"].shape[1], state["weight"].shape[0], bias="bias" in state)
    fit(layer, state, "head")
    return layer


def fit(network: nn.Module, state: Mapping[str, Tensor], name: str) -> None:
    """Loads weights, or says where they do not fit.

    Raises:
        FileError: keys or shapes differ; the message names the first of each.
    """
    own = network.state_dict()
    counters = {key for key in own if key.endswith("num_batches_tracked")}  # old files have none
    missing = next((key for key in own if key not in state and key not in counters), None)
    unexpected = next((key for key in state if key not in own), None)
    if missing or unexpected:
        raise FileError(
            f"checkpoint: its keys must be those of '{name}' (first missing key: {missing or 'none'}; "
            f"first unexpected key: {unexpected or 'none'})"
        )
    for key, value in state.items():
        if value.shape != own[key].shape:
            raise FileError(
                f"checkpoint: '{key}' must have shape {tuple(own[key].shape)} for '{name}', received "
                f"{tuple(value.shape)}"
            )
    network.load_state_dict(dict(state), strict=False)


def _depth(state: Mapping[str, Tensor], stage: int) -> int:
    return 1 + max(int(match[1]) for key in state if (match := re.match(rf"layer{stage}\.(\d+)\.", key)))


def _folded(key: str, value: Tensor, state: Mapping[str, Tensor]) -> Tensor:
    """Running statistics kept for several splits of a batch (lightly's SplitBatchNorm): in evaluation their average."""
    stem, _, kind = key.rpartition(".")
    if kind not in ("running_mean", "running_var") or f"{stem}.weight" not in state:
        return value
    channels = len(state[f"{stem}.weight"])
    return value if len(value) == channels or len(value) % channels else value.view(-1, channels).mean(0)
