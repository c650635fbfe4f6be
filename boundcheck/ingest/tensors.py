"""Tensors of `.safetensors` files and of the files that `torch.save` writes, with nothing in them called.

torch's own reader allocates what a file declares, before it looks whether the file has it, and knows tensors that take
no bytes and expand to any size. Here a tensor is a view of bytes that are in the file, and only dense ones are made.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors.torch import load_file

from boundcheck.ingest.archives import members_of
from boundcheck.ingest.pickled import Meaning, Named, RefusedError, read_pickle
from boundcheck.ingest.regular import open_regular, reading

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_DTYPES = {
    "Double": torch.float64, "Float": torch.float32, "Half": torch.float16, "BFloat16": torch.bfloat16,
    "Long": torch.int64, "Int": torch.int32, "Short": torch.int16, "Char": torch.int8, "Byte": torch.uint8,
    "Bool": torch.bool, "ComplexDouble": torch.complex128, "ComplexFloat": torch.complex64, "Untyped": torch.uint8,
}  # fmt: skip
_STORAGES = {
    f"{module}.{name}Storage": dtype for name, dtype in _DTYPES.items() for module in ("torch", "torch.storage")
}


@dataclass(frozen=True, slots=True)
class Unread:
    """What a file asks to be made that is no dense tensor and no plain value; it is left out."""

    name: str


def load_safetensors(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a `.safetensors` file by name.

    Raises:
        FileError: missing or damaged.
    """
    with open_regular(path), reading(path, "a safetensors file"):
        tensors: dict[str, torch.Tensor] = load_file(
            path
        )  # holds every declared size against the file's, which it maps
    return tensors


def load_tensors(path: Path, meaning: type[TensorMeaning] | None = None) -> Any:
    """What a torch file holds: plain values and dense tensors on the CPU; nothing in it is executed.

    Anything else in it, such as a sparse tensor or an object of another library, becomes `Unread`.

    Args:
        path: the file.
        meaning: what the names in it stand for; None for tensors and plain values alone.

    Raises:
        FileError: missing, damaged, or no file of `torch.save`.
    """
    meaning = meaning or TensorMeaning
    with open_regular(path) as (file, size), reading(path, "a complete torch file of tensors and plain values"):
        start = file.read(4)
        file.seek(0)
        if start == b"PK\3\4":
            return _from_zip(file, size, meaning)
        if not start.startswith(b"\x80"):
            raise ValueError(f"it begins with {start!r}, as no file of torch.save does" if start else "it is empty")
        return _from_stream(file.read(size), meaning)


def _from_zip(file: BinaryIO, size: int, meaning: type[TensorMeaning]) -> Any:
    """The format of torch since 1.6: an archive of a pickle and one member for each storage."""
    members = members_of(file, size, size, stored=True)
    roots = [name.removesuffix("data.pkl") for name in members if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(roots) != 1 or f"{roots[0]}constants.pkl" in members:
        raise ValueError("no data.pkl, or a TorchScript archive")
    with zipfile.ZipFile(file) as archive:
        order = f"{roots[0]}byteorder"
        if order in members and archive.read(order) != b"little":
            raise ValueError("written on a big-endian machine")
        found = meaning(lambda key: archive.read(f"{roots[0]}data/{key}"))
        return read_pickle(archive.read(f"{roots[0]}data.pkl"), found)[0]


def _from_stream(content: bytes, meaning: type[TensorMeaning]) -> Any:
    """The format before: five pickles, then the storages one after another."""
    place, parts = 0, []
    nothing: dict[str, bytes] = {}
    for _ in range(3):
        value, place = read_pickle(content, TensorMeaning(nothing.__getitem__), place)
        parts.append(value)
        if parts[0] != _MAGIC:
            raise ValueError("not a file of torch.save; pickled objects, which are never loaded")
    if parts[:2] != [_MAGIC, _PROTOCOL] or not (isinstance(parts[2], dict) and parts[2].get("little_endian") is True):
        raise ValueError("not a file of torch.save")
    sizes = meaning(None)
    _, after = read_pickle(content, sizes, place)
    keys, at = read_pickle(content, TensorMeaning(None), after)
    storages: dict[str, bytes] = {}
    for key in keys if isinstance(keys, list) else []:
        count, width = sizes.seen[key]
        if at + 8 > len(content) or int.from_bytes(content[at : at + 8], "little") != count:
            raise ValueError("truncated, or a storage of another size than declared")
        if count * width > len(content) - at - 8:
            raise ValueError("truncated")
        storages[key] = content[at + 8 : at + 8 + count * width]
        at += 8 + count * width
    return read_pickle(content, meaning(storages.__getitem__), place)[0]


@dataclass(frozen=True, slots=True)
class _Storage:
    """Bytes of the file, and what they are; None where they are not known yet."""

    content: torch.Tensor | None
    dtype: torch.dtype


class TensorMeaning(Meaning):
    """What the names and calls of a torch file stand for; a subclass may know more of them, or refuse some.

    Args:
        bytes_of: the content of a storage, by its key; None to note only what the storages should have.
    """

    def __init__(self, bytes_of: Callable[[str], bytes] | None) -> None:
        self.bytes_of = bytes_of
        self.storages: dict[str, torch.Tensor] = {}
        self.seen: dict[str, tuple[int, int]] = {}

    def named(self, name: str) -> Any:
        """Dtypes and kinds of storage; all others stay names."""
        dtype = getattr(torch, name.removeprefix("torch."), None) if name.startswith("torch.") else None
        return _STORAGES.get(name) or (dtype if isinstance(dtype, torch.dtype) else Named(name))

    def call(self, function: Any, arguments: tuple[Any, ...]) -> Any:
        """Dense tensors and mappings are made; anything else is left out."""
        name = function.name if isinstance(function, (Named, Unread)) else "an object"
        if name == "torch._tensor._rebuild_from_type_v2":  # of a subclass, or with attributes
            make, _, values, _ = arguments
            return self.call(make, values)
        make = _MAKERS.get(name)
        return Unread(name) if make is None else make(*arguments)

    def state(self, target: Any, state: Any) -> None:
        """States belong to objects that are left out, or say nothing of values."""

    def persistent(self, key: Any) -> Any:
        """A storage, by what torch says of it: ("storage", kind, key, device, elements)."""
        if not isinstance(key, tuple) or len(key) < 5 or key[0] != "storage":
            raise RefusedError("a key that is no storage")
        _, dtype, name, _, count = key[:5]
        if isinstance(dtype, Named):  # as of quantised tensors
            return Unread(dtype.name)
        if not isinstance(dtype, torch.dtype) or not isinstance(name, str) or not isinstance(count, int) or count < 0:
            raise RefusedError("a storage that is none")
        if len(key) > 5 and key[5] is not None:
            raise RefusedError("a view of a storage, which torch before 0.4 wrote")
        self.seen[name] = count, dtype.itemsize
        if self.bytes_of is None:
            return _Storage(None, dtype)
        if name not in self.storages:
            content = self.bytes_of(name)
            self.storages[name] = torch.frombuffer(bytearray(content), dtype=torch.uint8) if content else torch.empty(0)
        if self.storages[name].nbytes != count * dtype.itemsize:
            raise RefusedError(f"a storage of {self.storages[name].nbytes:,} bytes that declares {count:,} elements")
        return _Storage(self.storages[name], dtype)


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *rest: Any) -> Any:
    """A view of a storage, each of whose elements it shows at most once."""
    if not isinstance(storage, _Storage):
        return storage if isinstance(storage, Unread) else Unread("a tensor without a storage")
    dtype = next((value for value in rest if isinstance(value, torch.dtype)), storage.dtype)
    numbers = [offset, *size, *stride]
    if not all(isinstance(value, int) and 0 <= value < 2**62 for value in numbers) or len(size) != len(stride):
        raise RefusedError("a tensor without a shape")
    if storage.content is None:
        return None
    flat = storage.content.view(dtype) if storage.content.numel() else torch.empty(0, dtype=dtype)
    count = math.prod(size)
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if count > flat.numel() or (count and last >= flat.numel()) or len(size) > 32:
        raise RefusedError(f"a tensor of shape {tuple(size)} in a storage of {flat.numel():,} elements")
    return flat.as_strided(tuple(size), tuple(stride), offset) if count else torch.empty(tuple(size), dtype=dtype)


def _mapping(items: Any = ()) -> dict[Any, Any]:
    pairs: list[Any] = items if isinstance(items, list) else []
    return {key: value for key, value in pairs if isinstance(key, (str, int))}


def _size(items: Any = ()) -> tuple[Any, ...]:
    return tuple(items)


_MAKERS: Mapping[str, Callable[..., Any]] = {
    "collections.OrderedDict": _mapping,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor,
    "torch._utils._rebuild_parameter": lambda data, *_: data,
    "torch._utils._rebuild_parameter_with_state": lambda data, *_: data,
    "torch.Size": _size,
}
