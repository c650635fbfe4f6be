"""HobbitLong/SupContrast (Khosla et al. 2020): `opt, model, optimizer, epoch`, the options an `argparse.Namespace`.

Keys `encoder.*` (`encoder.module.*` from several GPUs), blocks with `shortcut`; `head.{0,2}` for a perceptron or
`head.weight` for one linear layer, by which `SupCEResNet`'s `fc` is told apart. 3 x 3 stem without max-pooling; the
embedding is normalised, the encoder's output raw.
"""

from __future__ import annotations

import ast
from typing import Any

from boundcheck.checkpoints.base import CheckpointFile, Format, Reading
from boundcheck.checkpoints.networks import head_of, linear_of, resnet_of
from boundcheck.checkpoints.statistics import CIFAR10_WITHIN_IMAGES, Statistics
from boundcheck.encoders.resnet import CIFAR_STEM
from boundcheck.errors import FileError

_STATISTICS = {
    "cifar10": CIFAR10_WITHIN_IMAGES,
    "cifar100": Statistics((0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)),
}


def recognise(file: CheckpointFile) -> bool:
    """An encoder of their own blocks."""
    return file.has("encoder.conv1", "encoder.layer2.0.shortcut")


def read(file: CheckpointFile) -> Reading:
    """The encoder."""
    if not file.has("encoder.conv1"):
        raise file.misfit("SupContrast's files have keys encoder.* and head.*")
    backbone, arch = resnet_of(file.part("encoder"), CIFAR_STEM)
    head = file.part("head")
    options: dict[str, Any] = dict(vars(file.extra["opt"])) if "opt" in file.extra else {}
    statistics = _statistics(options)
    temperature = options.get("temp")
    return Reading(
        backbone,
        (linear_of(head) if "weight" in head else head_of(head)) if head else None,
        arch,
        *(statistics or CIFAR10_WITHIN_IMAGES),
        temperature=0.07 if temperature is None else float(temperature),
        dataset=options["dataset"] if options.get("dataset") in _STATISTICS else None,
        objective=options.get("method"),
        epochs=file.epochs(),
        assumed=(
            *(() if statistics else ("mean", "std")),
            *(() if temperature is not None else ("temperature",)),
        ),
    )


def _statistics(options: dict[str, Any]) -> Statistics | None:
    """Those of the data set, or given as text where the data set is a folder; None where the file has no options."""
    if options.get("dataset") in _STATISTICS:
        return _STATISTICS[options["dataset"]]
    if not (options.get("mean") and options.get("std")):
        return None
    try:
        mean, std = (tuple(float(value) for value in ast.literal_eval(options[key])) for key in ("mean", "std"))
    except (ValueError, SyntaxError, TypeError) as error:
        raise FileError(
            f"checkpoint: the options mean and std must be tuples of numbers, received {options['mean']!r} and "
            f"{options['std']!r}; correct them"
        ) from error
    return Statistics(mean, std)


FORMAT = Format("supcon", "HobbitLong/SupContrast", recognise, read)
