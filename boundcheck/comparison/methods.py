"""Which encoders are seeds of one method: those whose files state the same training."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

# What differs between seeds, or says nothing of the training; pixel statistics are measured on the data.
_NOT_OF_THE_METHOD = ("seed", "command", "version", "assumed", "mean", "std", "image_size")
# Options of `boundcheck train` that decide weights and have no field of their own; other commands have none.
_OF_THE_TRAINING = frozenset([
    "batch-size", "accumulate", "option", "n-views", "augment", "no-augment", "views-apart", "learning-rate",
    "weight-decay", "schedule", "warmup-epochs", "precision",
])  # fmt: skip


def methods_of(trained: Sequence[Mapping[str, Any]]) -> list[str]:
    """The name of each encoder's method: its objective, with what else tells the methods apart.

    Args:
        trained: what is known of each encoder and its training, as `EncoderConfig` has it. Learning rate, batch size
            and the like are those of the training command, where it is known.

    Returns:
        One name each, equal where nothing tells two encoders apart: `hscl`, or `hscl beta=5` and `hscl beta=1`.
    """
    stated = [_stated(config) for config in trained]
    names = [str(config.get("objective") or config.get("arch") or "encoder") for config in trained]
    kinds = len({tuple(sorted((key, str(value)) for key, value in each.items())) for each in stated})
    for key in sorted({key for each in stated for key in each}, key=_by_importance):
        if len(set(names)) == kinds:
            break
        more = [f"{name} {_said(key, each)}" for name, each in zip(names, stated, strict=True)]
        if len(set(more)) > len(set(names)):
            names = more
    return names


def are_stated(trained: Sequence[Mapping[str, Any]]) -> bool:
    """Whether every file says which loss its encoder was trained with; a bare state dict does not."""
    return all(config.get("objective") is not None for config in trained)


def repeated_seeds(methods: Sequence[str], trained: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is to be said of encoders of one method that state the same seed: they tell nothing of other seeds.

    Args:
        methods: the method of each.
        trained: as of `methods_of`.
    """
    stated = Counter((method, config.get("seed")) for method, config in zip(methods, trained, strict=True))
    return [
        f"{count} encoders of {method} state the same seed, {seed}: their interval over seeds is too narrow"
        for (method, seed), count in stated.items()
        if seed is not None and count > 1
    ]


def _stated(config: Mapping[str, Any]) -> dict[str, Any]:
    """What makes the method: the fields that are known, and further options of the training command."""
    known = {key: value for key, value in config.items() if key not in _NOT_OF_THE_METHOD and value is not None}
    return {**_options(config.get("command")), **known}


def _options(command: Any) -> dict[str, str]:
    """Those of the options in a training command, written `--learning-rate 0.1` or `--learning-rate=0.1`."""
    try:
        words = shlex.split(command) if isinstance(command, str) else []
    except ValueError:
        return {}
    if words[1:2] != ["train"]:
        return {}
    found: dict[str, list[str]] = {}
    key = ""
    for word in words[2:]:
        if word.startswith("--"):
            key, given, value = word.removeprefix("--").partition("=")
            found.setdefault(key, []).extend([value] if given else [])
        elif key:
            found[key].append(word)
    return {key: " ".join(values) or "yes" for key, values in found.items() if key in _OF_THE_TRAINING}


_FIRST = ("objective", "beta", "temperature", "positives", "dataset", "epochs", "arch")


def _by_importance(key: str) -> tuple[int, str]:
    return _FIRST.index(key) if key in _FIRST else len(_FIRST), key


def _said(key: str, stated: Mapping[str, Any]) -> str:
    value = stated.get(key)
    if value is None:
        return f"no {key}"
    return f"{key}={value:g}" if isinstance(value, float) else f"{key}={value}"
