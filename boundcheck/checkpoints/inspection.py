"""What a file of weights is, told without building or running anything but the reader of its format."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from boundcheck.checkpoints.reading import program_kind, read_file
from boundcheck.checkpoints.registry import FORMATS, candidates, load_encoder
from boundcheck.encoders.resnet import ResNet
from boundcheck.ingest import is_regular, sha256_of


def inspect_file(path: str | Path, format: str | None = None, arch: str | None = None) -> dict[str, Any]:
    """What a checkpoint is.

    Args:
        path: the file.
        format: read it as this key of `FORMATS`; None for the one it is recognised as.
        arch: as of `load_encoder`.

    Returns:
        Plain values: `format` (None where unknown, ambiguous or a program), `candidates`, `weights`, `parameters`,
        `keys`, `holds` (what else is in the file), and where the format is known `backbone`, `head`, `mean`, `std`,
        `normalize`, `temperature`, `beta`, `objective`, `dataset`, `epochs`, `assumed`, `notes`.

    Raises:
        FileError: the file is missing, damaged or unsafe.
        InputError: the format is unknown.
    """
    path = Path(path)
    if is_regular(path) and (kind := program_kind(path)):
        note = f"a {kind} program, which is code: run it with --trust-checkpoint if you trust who made it"
        return {"file": str(path), "sha256": sha256_of(path), "format": None, "candidates": [], "notes": [note]}
    file = read_file(path, arch)
    found = [known.name for known in candidates(file)]
    facts: dict[str, Any] = {
        "file": str(path),
        "sha256": file.sha256,
        "format": None,
        "candidates": found,
        "weights": len(file.state),
        "parameters": sum(value.numel() for value in file.state.values()),
        "keys": _outline(file.state),
        "holds": sorted(str(key) for key in file.extra),
    }
    if format is None and len(found) != 1:
        return facts | {"notes": ["of no known code base" if not found else f"may be of {' or '.join(found)}"]}
    checkpoint = load_encoder(path, format=format, arch=arch)
    config = checkpoint.config
    return facts | {
        "format": config.format,
        "code base": FORMATS[config.format].title,
        "backbone": f"{config.arch}, {config.feature_dim} features{_stem(checkpoint.encoder.backbone)}",
        "head": describe_head(checkpoint.encoder.head),
        "mean": list(config.mean),
        "std": list(config.std),
        "normalize": config.normalize,
        **{name: getattr(config, name) for name in ("temperature", "beta", "objective", "dataset", "epochs")},
        "assumed": list(config.assumed),
        "notes": list(checkpoint.notes),
    }


def describe_head(head: nn.Module) -> str:
    """A head in words: "2048-512, BN, ReLU, 512-128 (bias)"."""
    words = []
    for layer in head.modules():
        if isinstance(layer, nn.Linear):
            words.append(f"{layer.in_features}-{layer.out_features}" + (" (bias)" if layer.bias is not None else ""))
        elif isinstance(layer, nn.BatchNorm1d):
            words.append("BN")
        elif isinstance(layer, nn.ReLU):
            words.append("ReLU")
    return ", ".join(words) or "none: the features are the embedding"


def _stem(backbone: nn.Module) -> str:
    """A ResNet's stem in words."""
    if not isinstance(backbone, ResNet):
        return ""
    stem = backbone.stem
    pool, relu = "3 x 3 max-pool" if stem.max_pool else "no max-pool", "" if stem.relu else ", no ReLU"
    return f"; stem {stem.kernel} x {stem.kernel}, stride {stem.stride}, padding {stem.padding}, {pool}{relu}"


def _outline(state: Mapping[str, Tensor]) -> list[str]:
    """The first two parts of every name, each once, with how many weights are below."""
    counts: dict[str, int] = {}
    for key in state:
        start = ".".join(key.split(".")[:2])
        counts[start] = counts.get(start, 0) + 1
    return [f"{start} ({count})" for start, count in counts.items()]
