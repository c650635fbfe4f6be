"""The pickled batches of CIFAR: a reader of the one shape that these archives have.

Nothing that a pickle names is ever imported or called, numpy's own makers included: what they would call stays a
record of its name and arguments, and of those only bytes in an array of uint8 are understood.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from boundcheck.errors import FileError
from boundcheck.ingest import read_regular
from boundcheck.ingest.pickled import Meaning, Named, RefusedError, read_pickle

LARGEST_FILE = 1 << 29  # bytes; CIFAR-100's training batch has 1.5e8


@dataclass(eq=False, slots=True)
class _Call:
    """What calling a global would make: recorded, not made."""

    name: str
    arguments: tuple[Any, ...]
    states: list[Any] = field(default_factory=list)


class _Batch(Meaning):
    """What the names and calls of a batch stand for."""

    def __init__(self, size: int) -> None:
        self.room = size  # bytes of text that may still be encoded: each text of the stream once

    def named(self, name: str) -> Named:
        """A record of the name, where array files have it."""
        if name not in _KNOWN:
            raise RefusedError(f"it asks for {name}, which no image batch needs")
        return Named(name)

    def call(self, function: Any, arguments: tuple[Any, ...]) -> Any:
        """A record of the call; bytes where it only encodes them."""
        if not isinstance(function, Named):
            raise RefusedError("a call of something that is no name")
        if function.name not in _OF_BYTES:
            return _Call(function.name, arguments)
        encoded = _encoded(function.name, arguments)
        self.room -= len(encoded)
        if self.room < 0:
            raise RefusedError("more bytes than the file has")
        return encoded

    def state(self, target: Any, state: Any) -> None:
        """Recorded with the call."""
        if not isinstance(target, _Call) or not isinstance(state, tuple) or target.states:
            raise RefusedError("a state for something that has none")
        target.states.append(state)

    def persistent(self, key: Any) -> Any:
        """Nothing lies beside a batch."""
        raise RefusedError("something beside the stream, which no image batch has")


def read_batch(path: Path, sha256: str | None = None) -> dict[str, Any]:
    """A pickled dict of numbers, text, lists of them and arrays of bytes, as the `cifar-*-py` archives hold.

    Args:
        path: the pickle, written by Python 2 or 3, any protocol.
        sha256: (hex) what it must hash to, where that is known.

    Returns:
        The dict, its keys as text.

    Raises:
        FileError: missing, truncated, too large, or holding anything else.
    """
    content = read_regular(path, LARGEST_FILE, sha256)
    try:
        batch, _ = read_pickle(content, _Batch(len(content)))
        if not isinstance(batch, dict):
            raise RefusedError(f"not a dict but a {type(batch).__name__}")
        return {_text(key): _plain(value) for key, value in batch.items()}
    except (ValueError, TypeError) as error:
        reason = str(error) if isinstance(error, RefusedError) else "truncated or damaged"
        raise FileError(
            f"{path}: unsafe, truncated or not a pickled batch ({reason}); fetch the binary archive instead"
        ) from error


def _text(key: Any) -> str:
    if isinstance(key, bytes):
        return key.decode()
    if not isinstance(key, str):
        raise RefusedError("a key that is not text")
    return key


def _plain(value: Any) -> Any:
    """A value of the dict, where it is one of the kinds that batches have."""
    if isinstance(value, _Call):
        return _array(value)
    if isinstance(value, list):
        return [_scalar(item) for item in value]
    return _scalar(value)


def _scalar(value: Any) -> Any:
    if isinstance(value, Named):
        raise RefusedError(f"it asks for {value.name}, which no image batch needs")
    if isinstance(value, _Call):
        raise RefusedError(f"it asks for {value.name} where a number or text is due")
    if not (value is None or isinstance(value, (bool, int, str, bytes))):
        raise RefusedError(f"a {type(value).__name__} where a number or text is due")
    return value


# What numpy and Python 3 name as makers of arrays, dtypes and bytes; each name stands for itself alone.
_EMPTY_ARRAY = {"numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct"}
_FROM_BUFFER = {"numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer"}
_OF_BYTES = {"_codecs.encode", "__builtin__.bytes"}
_KNOWN = _EMPTY_ARRAY | _FROM_BUFFER | {"numpy.ndarray", "numpy.dtype"} | _OF_BYTES
_BYTE_STATE = ("|", None, None, None, -1, -1, 0)


def _array(call: _Call) -> np.ndarray:
    """The array of uint8 that a recorded call describes, from its bytes and its shape."""
    if call.name in _EMPTY_ARRAY and len(call.states) == 1:
        _, shape, dtype, fortran, buffer = call.states[0]
    elif call.name in _FROM_BUFFER and not call.states:
        buffer, dtype, shape, order = call.arguments
        fortran = order not in ("C", b"C")
    else:
        raise RefusedError(f"it asks for {call.name}, which no image batch needs")
    _check_bytes(dtype)
    if not isinstance(buffer, bytes):
        raise RefusedError("an array without its bytes")
    sizes = [shape] if isinstance(shape, int) else list(shape)
    if fortran or not all(isinstance(size, int) and size >= 0 for size in sizes) or math.prod(sizes) != len(buffer):
        raise RefusedError(f"an array of {len(buffer)} bytes that says it has the shape {tuple(sizes)}")
    return np.frombuffer(buffer, np.uint8).reshape(sizes)


def _check_bytes(dtype: Any) -> None:
    """Refuses every dtype but uint8, and every state but its own."""
    description = dtype.arguments[0] if isinstance(dtype, _Call) and dtype.arguments else None
    known = isinstance(dtype, _Call) and dtype.name == "numpy.dtype" and description in ("u1", b"u1", "|u1", b"|u1")
    states = [tuple(_decoded(part) for part in state) for state in dtype.states] if known else []
    if not known or any(len(state) != 8 or state[0] not in (3, 4) or state[1:] != _BYTE_STATE for state in states):
        raise RefusedError("'data' must be bytes; it is an array of another type")


def _decoded(value: Any) -> Any:
    return value.decode("latin1") if isinstance(value, bytes) else value


def _encoded(name: str, arguments: tuple[Any, ...]) -> bytes:
    """Bytes as Python 3 writes them for Python 2."""
    if name == "__builtin__.bytes" and not arguments:
        return b""
    match arguments:
        case (str(text), "latin1" | "latin-1"):
            return text.encode("latin1")
    raise RefusedError("an encoding that no image batch needs")
