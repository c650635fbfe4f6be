"""Reading the pickled batches of CIFAR without a pickle machine: a reader of the one shape that these archives have.

Nothing that a pickle names is ever imported or called, numpy's own makers included: the state of a pickled dtype or
array can make numpy take raw bytes for pointers. Opcodes build plain values; what they would call stays a record of
its name and arguments, and of those only bytes in an array of uint8 are understood.
"""

from __future__ import annotations

import codecs
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from boundcheck._files import read_regular
from boundcheck.errors import FileError

LARGEST_FILE = 1 << 29  # bytes; CIFAR-100's training batch has 1.5e8
MOST_STEPS = 2_000_000  # opcodes; that batch has 3e5


@dataclass(eq=False)
class _Named:
    """A global, by its dotted name."""

    name: str


@dataclass(eq=False)
class _Call:
    """What calling a global would make: recorded, not made."""

    name: str
    arguments: tuple[Any, ...]
    states: list[Any] = field(default_factory=list)


_MARK = object()


class _Refused(Exception):
    """The stream has something that no image batch needs."""


def read_batch(path: Path) -> dict[str, Any]:
    """A pickled dict of numbers, text, lists of them and arrays of bytes, as the `cifar-*-py` archives hold.

    Args:
        path: the pickle, written by Python 2 or 3, any protocol.

    Returns:
        The dict, its keys as text.

    Raises:
        FileError: missing, truncated, too large, or holding anything else.
    """
    content = read_regular(path, LARGEST_FILE)
    try:
        batch = _Stream(content).run()
        if not isinstance(batch, dict):
            raise _Refused(f"not a dict but a {type(batch).__name__}")
        return {_text(key): _plain(value) for key, value in batch.items()}
    except (_Refused, IndexError, ValueError, TypeError, KeyError) as error:
        reason = str(error) if isinstance(error, _Refused) else "truncated or damaged"
        raise FileError(
            f"{path}: unsafe, truncated or not a pickled batch ({reason}); fetch the binary archive instead"
        ) from error


def _text(key: Any) -> str:
    if isinstance(key, bytes):
        return key.decode()
    if not isinstance(key, str):
        raise _Refused("a key that is not text")
    return key


def _plain(value: Any) -> Any:
    """A value of the dict, where it is one of the kinds that batches have."""
    if isinstance(value, _Call):
        return _array(value)
    if isinstance(value, list):
        return [_scalar(item) for item in value]
    return _scalar(value)


def _scalar(value: Any) -> Any:
    if isinstance(value, _Named):
        raise _Refused(f"it asks for {value.name}, which no image batch needs")
    if isinstance(value, _Call):
        raise _Refused(f"it asks for {value.name} where a number or text is due")
    if not (value is None or isinstance(value, (bool, int, str, bytes))):
        raise _Refused(f"a {type(value).__name__} where a number or text is due")
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
        raise _Refused(f"it asks for {call.name}, which no image batch needs")
    _check_bytes(dtype)
    if not isinstance(buffer, bytes):
        raise _Refused("an array without its bytes")
    sizes = [shape] if isinstance(shape, int) else list(shape)
    if fortran or not all(isinstance(size, int) and size >= 0 for size in sizes) or math.prod(sizes) != len(buffer):
        raise _Refused(f"an array of {len(buffer)} bytes that says it has the shape {tuple(sizes)}")
    return np.frombuffer(buffer, np.uint8).reshape(sizes)


def _check_bytes(dtype: Any) -> None:
    """Refuses every dtype but uint8, and every state but its own."""
    description = dtype.arguments[0] if isinstance(dtype, _Call) and dtype.arguments else None
    known = isinstance(dtype, _Call) and dtype.name == "numpy.dtype" and description in ("u1", b"u1", "|u1", b"|u1")
    states = [tuple(_decoded(part) for part in state) for state in dtype.states] if known else []
    if not known or any(len(state) != 8 or state[0] not in (3, 4) or state[1:] != _BYTE_STATE for state in states):
        raise _Refused("'data' must be bytes; it is an array of another type")


def _decoded(value: Any) -> Any:
    return value.decode("latin1") if isinstance(value, bytes) else value


def _encoded(call: _Call) -> bytes:
    """Bytes as Python 3 writes them for Python 2."""
    if call.name == "__builtin__.bytes" and not call.arguments:
        return b""
    match call.arguments:
        case (str(text), "latin1" | "latin-1"):
            return text.encode("latin1")
    raise _Refused("an encoding that no image batch needs")


class _Stream:
    """A stack machine that builds plain values and records calls."""

    def __init__(self, content: bytes) -> None:
        self.content, self.at = content, 0
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        """The value on top of the stack at the end."""
        for _ in range(MOST_STEPS):
            opcode = self.take(1)
            if opcode == b".":
                return self.stack.pop()
            if opcode not in _STEPS:
                raise _Refused(f"opcode {opcode!r}, which no image batch needs")
            _STEPS[opcode](self)
        raise _Refused(f"more than {MOST_STEPS:,} steps")

    def take(self, size: int) -> bytes:
        """The next bytes, all of them."""
        if size > len(self.content) - self.at:
            raise _Refused("truncated")
        self.at += size
        return self.content[self.at - size : self.at]

    def line(self) -> bytes:
        """The next bytes up to the end of the line."""
        end = self.content.find(b"\n", self.at)
        if end < 0:
            raise _Refused("truncated")
        return self.take(end + 1 - self.at)[:-1]

    def size(self, width: int, signed: bool = False) -> int:
        """A little-endian number."""
        return int.from_bytes(self.take(width), "little", signed=signed)

    def since_mark(self) -> list[Any]:
        """What was pushed since the last mark, which goes too."""
        for place in range(len(self.stack) - 1, -1, -1):
            if self.stack[place] is _MARK:
                found = self.stack[place + 1 :]
                del self.stack[place:]
                return found
        raise _Refused("no mark")

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def fill(self, kind: type, change: Callable[[Any, list[Any]], None], items: list[Any]) -> None:
        """Adds items to the container on top."""
        if type(self.stack[-1]) is not kind:
            raise _Refused(f"items for something that is no {kind.__name__}")
        change(self.stack[-1], items)

    def name(self, module: str, attribute: str) -> None:
        """Records a global; refuses all but those that array files name."""
        name = f"{module}.{attribute}"
        if name not in _KNOWN:
            raise _Refused(f"it asks for {name}, which no image batch needs")
        self.push(_Named(name))

    def call(self) -> None:
        """REDUCE: records a call."""
        arguments, function = self.stack.pop(), self.stack.pop()
        if not isinstance(function, _Named) or not isinstance(arguments, tuple):
            raise _Refused("a call of something that is no name")
        made = _Call(function.name, arguments)
        self.push(_encoded(made) if made.name in _OF_BYTES else made)

    def build(self) -> None:
        """BUILD: records a state."""
        state, target = self.stack.pop(), self.stack[-1]
        if not isinstance(target, _Call) or not isinstance(state, tuple) or target.states:
            raise _Refused("a state for something that has none")
        target.states.append(state)

    def stack_global(self) -> None:
        """STACK_GLOBAL."""
        attribute, module = self.stack.pop(), self.stack.pop()
        if not isinstance(module, str) or not isinstance(attribute, str):
            raise _Refused("a name that is not text")
        self.name(module, attribute)

    def number(self) -> None:
        """INT: a number, or a truth value of protocols 0 and 1."""
        text = self.line()
        self.push({b"00": False, b"01": True}[text] if text in (b"00", b"01") else _int(text))

    def quoted(self) -> None:
        """STRING: the repr of bytes."""
        text = self.line()
        if len(text) < 2 or text[:1] != text[-1:] or text[:1] not in (b"'", b'"'):
            raise _Refused("a string without quotes")
        self.push(codecs.escape_decode(text[1:-1])[0])


def _int(text: bytes) -> int:
    if len(text) > 20:
        raise _Refused("a number with more than 20 digits")
    return int(text)


def _extend(target: list[Any], items: list[Any]) -> None:
    target.extend(items)


def _update(target: dict[Any, Any], items: list[Any]) -> None:
    if len(items) % 2:
        raise _Refused("a key without a value")
    for key, value in zip(items[::2], items[1::2], strict=True):
        target[_text(key)] = value


def _dict(items: list[Any]) -> dict[Any, Any]:
    out: dict[Any, Any] = {}
    _update(out, items)
    return out


def _top(s: _Stream, count: int) -> list[Any]:
    if len(s.stack) < count:
        raise _Refused("an empty stack")
    found = s.stack[len(s.stack) - count :]
    del s.stack[len(s.stack) - count :]
    return found


def _long(s: _Stream) -> int:
    width = s.size(1)
    if width > 8:
        raise _Refused("a number of more than 8 bytes")
    return s.size(width, signed=True)


def _global(s: _Stream) -> None:
    module, attribute = s.line().decode("ascii"), s.line().decode("ascii")
    s.name(module, attribute)


_STEPS: dict[bytes, Callable[[_Stream], Any]] = {
    b"\x80": lambda s: s.take(1),  # PROTO
    b"\x95": lambda s: s.take(8),  # FRAME
    b"(": lambda s: s.push(_MARK),
    b"N": lambda s: s.push(None),
    b"\x88": lambda s: s.push(True),
    b"\x89": lambda s: s.push(False),
    b"I": _Stream.number,
    b"L": lambda s: s.push(_int(s.line().removesuffix(b"L"))),
    b"K": lambda s: s.push(s.size(1)),
    b"M": lambda s: s.push(s.size(2)),
    b"J": lambda s: s.push(s.size(4, signed=True)),
    b"\x8a": lambda s: s.push(_long(s)),
    b"S": _Stream.quoted,
    b"U": lambda s: s.push(s.take(s.size(1))),
    b"T": lambda s: s.push(s.take(s.size(4))),
    b"C": lambda s: s.push(s.take(s.size(1))),
    b"B": lambda s: s.push(s.take(s.size(4))),
    b"\x8e": lambda s: s.push(s.take(s.size(8))),
    b"\x96": lambda s: s.push(s.take(s.size(8))),  # BYTEARRAY8
    b"V": lambda s: s.push(s.line().decode("raw-unicode-escape")),
    b"X": lambda s: s.push(str(s.take(s.size(4)), "utf-8")),
    b"\x8c": lambda s: s.push(str(s.take(s.size(1)), "utf-8")),
    b"\x8d": lambda s: s.push(str(s.take(s.size(8)), "utf-8")),
    b"]": lambda s: s.push([]),
    b"l": lambda s: s.push(s.since_mark()),
    b"a": lambda s: s.fill(list, _extend, _top(s, 1)),
    b"e": lambda s: s.fill(list, _extend, s.since_mark()),
    b"}": lambda s: s.push({}),
    b"d": lambda s: s.push(_dict(s.since_mark())),
    b"s": lambda s: s.fill(dict, _update, _top(s, 2)),
    b"u": lambda s: s.fill(dict, _update, s.since_mark()),
    b")": lambda s: s.push(()),
    b"t": lambda s: s.push(tuple(s.since_mark())),
    b"\x85": lambda s: s.push(tuple(_top(s, 1))),
    b"\x86": lambda s: s.push(tuple(_top(s, 2))),
    b"\x87": lambda s: s.push(tuple(_top(s, 3))),
    b"p": lambda s: s.memo.__setitem__(_int(s.line()), s.stack[-1]),
    b"q": lambda s: s.memo.__setitem__(s.size(1), s.stack[-1]),
    b"r": lambda s: s.memo.__setitem__(s.size(4), s.stack[-1]),
    b"\x94": lambda s: s.memo.__setitem__(len(s.memo), s.stack[-1]),
    b"g": lambda s: s.push(s.memo[_int(s.line())]),
    b"h": lambda s: s.push(s.memo[s.size(1)]),
    b"j": lambda s: s.push(s.memo[s.size(4)]),
    b"c": _global,
    b"\x93": _Stream.stack_global,
    b"R": _Stream.call,
    b"b": _Stream.build,
}
