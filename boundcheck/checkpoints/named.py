"""Encoders that are named rather than read: a user's factory, a network of timm, a sentence encoder."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn

from boundcheck._optional import import_optional
from boundcheck.encoders import Checkpoint, adapt
from boundcheck.errors import FileError, InputError


def named_encoder(spec: str) -> Checkpoint:
    """The encoder that `--encoder` names.

    Args:
        spec: `FILE.py:FUNCTION` or `MODULE:FUNCTION`, a function without arguments that returns a module or callable,
            or that and its preprocessing; `timm:NAME`, with pretrained weights; `sentence-transformers:NAME`, a name or
            a folder. The first runs the user's own code.

    Returns:
        The encoder, without a head.

    Raises:
        FileError: the file or the weights are not here.
        InputError: the text names nothing of the kind.
    """
    kind, separator, name = spec.rpartition(":")
    if not separator or not name or not kind:
        raise InputError(
            "encoder: expected FILE.py:FUNCTION, MODULE:FUNCTION, timm:NAME or sentence-transformers:NAME, received "
            f"'{spec}'"
        )
    if spec.startswith("timm:"):
        return _of_timm(spec.removeprefix("timm:"))
    if spec.startswith("sentence-transformers:"):
        return _of_sentences(spec.removeprefix("sentence-transformers:"))
    return _of_factory(kind, name)


def _of_factory(place: str, name: str) -> Checkpoint:
    """What a user's function returns. Embeddings of a module are kept, by its weights and the function's file."""
    module, source = _imported(place)
    factory = getattr(module, name, None)
    if not callable(factory):
        functions = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise InputError(f"encoder: '{place}' has no function '{name}'; it has {', '.join(functions) or 'none'}")
    made = factory()
    encoder, preprocess = made if isinstance(made, tuple) and len(made) == 2 else (made, None)
    # a plain callable may read anything, so nothing tells whether it is still the same
    known = source is not None and isinstance(encoder, nn.Module)
    identity = f"{name}\0{hashlib.sha256(source or b'').hexdigest()}" if known else ""
    label = f"{Path(place).stem.rpartition('.')[2]}-{name}"
    return adapt(encoder, preprocess, name=label, identity=identity, kind="factory")


def _imported(place: str) -> tuple[Any, bytes | None]:
    """A module by file or by name, and its source."""
    path = Path(place)
    if path.suffix == ".py":
        if not path.is_file():
            raise FileError(f"encoder: '{place}' must be an existing Python file; check the path")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None and spec.loader is not None, "a .py file has a loader"
        module = importlib.util.module_from_spec(spec)
        sys.modules.setdefault(path.stem, module)
        spec.loader.exec_module(module)
        return module, path.read_bytes()
    try:
        module = importlib.import_module(place)
    except ImportError as error:
        raise InputError(
            f"encoder: the module '{place}' cannot be imported ({error}); name a file as my_model.py"
        ) from error
    source = getattr(module, "__file__", None)
    return module, Path(source).read_bytes() if source and source.endswith(".py") else None


def _of_timm(name: str) -> Checkpoint:
    """A pretrained network of timm, behind its own resizing and statistics."""
    timm = import_optional("timm", "timm", "timm", "encoder")
    try:
        network = timm.create_model(name, pretrained=True, num_classes=0)
    except Exception as error:  # timm and its hub raise many kinds, for names, for the network and for files
        raise FileError(
            f"encoder: timm has no weights for '{name}' here ({error}); it fetches them once, online"
        ) from error
    stated = network.pretrained_cfg
    size = stated["input_size"][-1]
    return adapt(
        network, _standardiser(stated["mean"], stated["std"], size), name=name, identity=f"timm {size}", kind="timm"
    )


def _standardiser(mean: tuple[float, ...], std: tuple[float, ...], size: int) -> Callable[[Any], Any]:
    """Images (b, ch, h, w) in [0, 1], grey as three channels, at this size and standardised."""
    import torch
    import torch.nn.functional as F

    def standardise(images: Any) -> Any:
        colour = images.expand(-1, 3, -1, -1)
        resized = F.interpolate(colour, size=(size, size), mode="bicubic", align_corners=False, antialias=True)
        mean_of, std_of = (torch.tensor(v, device=images.device)[:, None, None] for v in (mean, std))
        return (resized - mean_of) / std_of

    return standardise


def _of_sentences(name: str) -> Checkpoint:
    """A sentence encoder; its own tokenising, pooling and normalising."""
    package = import_optional("sentence_transformers", "sentence-transformers", "text", "encoder")
    try:
        model = package.SentenceTransformer(name, device="cpu")
    except Exception as error:  # the hub raises many kinds, for names, for the network and for files
        raise FileError(
            f"encoder: sentence-transformers has no '{name}' here ({error}); it is fetched once, online, or is a folder"
        ) from error
    return adapt(
        _Sentences(model), name=Path(name).name, identity="sentence-transformers", kind="sentence-transformers"
    )


class _Sentences(nn.Module):
    """A sentence encoder that takes a list of texts."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, texts: list[str]) -> Any:
        """(b, d) embeddings."""
        if not isinstance(texts, list):
            raise InputError("encoder: a sentence encoder takes texts, received images; name a .csv or .jsonl")
        return self.model.encode(texts, convert_to_tensor=True, show_progress_bar=False)
