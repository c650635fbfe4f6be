"""Hugging Face's `datasets`, where installed: a name on its hub, or a folder that `save_to_disk` wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from boundcheck._optional import import_optional
from boundcheck.data.base import Samples
from boundcheck.data.rows import NAMES, samples_of
from boundcheck.errors import DataMissingError
from boundcheck.options import one_of

_USED = {name for names in NAMES.values() for name in names}


def is_saved(root: Path) -> bool:
    """Whether `save_to_disk` wrote a folder."""
    return (root / "dataset_info.json").is_file() or (root / "dataset_dict.json").is_file()


def read_hub(name: str, split: str) -> Samples:
    """One split of a data set on the hub, fetched once, or saved to disk.

    Args:
        name: on the hub, with a configuration after a comma, as `glue,sst2`; or a folder.
        split: one of its splits.

    Raises:
        InputError: the package is not installed, there is no such split, or its columns are not those of samples.
        DataMissingError: it is neither here nor can be fetched.
    """
    datasets = import_optional("datasets", "datasets", "datasets", "dataset")
    root = Path(name)
    try:
        if root.is_dir():
            content: Any = datasets.load_from_disk(name)
        else:
            content = datasets.load_dataset(*name.split(",", 1))
    except Exception as error:  # the hub raises many kinds, for names, for the network and for files
        reason = (str(error).splitlines() or [""])[0]
        raise DataMissingError(
            f"dataset: '{name}' cannot be had by datasets ({reason}); fetch it once, online"
        ) from error
    if isinstance(content, dict):
        one_of("split", split, content)
        content = content[split]
    features = {key: value for key, value in content.features.items() if key in _USED}
    named = {key: list(value.names) for key, value in features.items() if hasattr(value, "names")}
    columns = {key: list(content[key]) for key in features}
    return samples_of(root.name if root.is_dir() else name.replace("/", "-"), split, columns, named)
