"""The one door for files that may be anything: nothing in them runs, and nothing they declare is believed.

Every reader of the package opens its file here. Only regular files are read, so that a pipe is not waited for; sizes
that a file declares are held against its own before anything is allocated; what unpacks to more than `budget` allows
is refused; and every failure is a `FileError` that names the file and the reason. Readers of tensors are imported on
first use, since they bring torch, which a report does without.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from boundcheck.ingest.archives import members_of
from boundcheck.ingest.arrays import read_arrays
from boundcheck.ingest.columns import read_parquet
from boundcheck.ingest.pickled import Named, RefusedError
from boundcheck.ingest.regular import SPARE, budget, is_regular, open_regular, read_regular, reading, sha256_of
from boundcheck.ingest.tables import parse_json, parse_json_value, read_csv, read_json

if TYPE_CHECKING:
    from boundcheck.ingest.tensors import TensorMeaning, Unread, load_safetensors, load_tensors

__all__ = [
    "SPARE",
    "Named",
    "RefusedError",
    "TensorMeaning",
    "Unread",
    "budget",
    "is_regular",
    "load_safetensors",
    "load_tensors",
    "members_of",
    "open_regular",
    "parse_json",
    "parse_json_value",
    "read_arrays",
    "read_csv",
    "read_json",
    "read_parquet",
    "read_regular",
    "reading",
    "sha256_of",
]


def __getattr__(name: str) -> Any:
    if name in ("TensorMeaning", "Unread", "load_safetensors", "load_tensors"):
        return getattr(import_module("boundcheck.ingest.tensors"), name)
    raise AttributeError(f"module 'boundcheck.ingest' has no attribute {name!r}")
