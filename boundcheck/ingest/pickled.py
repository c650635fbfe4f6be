"""Pickle streams without a pickle machine: opcodes build plain values, and whoever reads says what a call stands for.

Nothing that a stream names is ever imported or called. `Meaning` is asked instead, and answers with a value of its own
or refuses; numpy's and torch's makers can be led by their arguments to take raw bytes for pointers.
"""

from __future__ import annotations

import codecs
import struct
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

STEPS = 1 << 19  # opcodes, and one more for every 64 bytes of a stream; CIFAR-100's training batch has 3e5


class RefusedError(ValueError):
    """The stream has something that its reader has no use for."""


@dataclass(frozen=True, slots=True)
class Named:
    """A global, by its dotted name."""

    name: str


class Meaning(ABC):
    """What the names, calls and states of a stream stand for."""

    @abstractmethod
    def named(self, name: str) -> Any:
        """What a global stands for."""

    @abstractmethod
    def call(self, function: Any, arguments: tuple[Any, ...]) -> Any:
        """What calling it stands for."""

    @abstractmethod
    def state(self, target: Any, state: Any) -> None:
        """Takes note of a state given to what a call stood for."""

    @abstractmethod
    def persistent(self, key: Any) -> Any:
        """What a key stands for that names something beside the stream."""


def read_pickle(content: bytes, meaning: Meaning, start: int = 0) -> tuple[Any, int]:
    """The value of a pickle, and where it ends.

    Args:
        content: has the pickle.
        meaning: answers for what it names and calls.
        start: where it begins.

    Raises:
        RefusedError: truncated, damaged, too long, or holding what `meaning` does not take.
    """
    stream = _Stream(content, meaning, start)
    try:
        return stream.run(), stream.at
    except RefusedError:
        raise
    except (IndexError, ValueError, TypeError, KeyError, struct.error, RecursionError) as error:
        raise RefusedError("truncated or damaged") from error


_MARK = object()


class _Stream:
    """A stack machine that builds plain values."""

    def __init__(self, content: bytes, meaning: Meaning, start: int) -> None:
        self.content, self.meaning, self.at = content, meaning, start
        self.stack: list[Any] = []
        self.push = self.stack.append
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        """The value on top of the stack at the end."""
        for _ in range(STEPS + (len(self.content) - self.at) // 64):
            opcode = self.content[self.at : self.at + 1]
            self.at += 1
            if opcode == b".":
                return self.stack.pop()
            if opcode not in _STEPS:
                raise RefusedError(f"opcode {opcode!r}, which is not read" if opcode else "truncated")
            _STEPS[opcode](self)
        raise RefusedError("too many steps for its size")

    def take(self, size: int) -> bytes:
        """The next bytes, all of them."""
        if size < 0 or size > len(self.content) - self.at:
            raise RefusedError("truncated")
        self.at += size
        return self.content[self.at - size : self.at]

    def line(self) -> bytes:
        """The next bytes up to the end of the line."""
        end = self.content.find(b"\n", self.at)
        if end < 0:
            raise RefusedError("truncated")
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
        raise RefusedError("no mark")

    def top(self, count: int) -> list[Any]:
        """The last values pushed, which go."""
        if len(self.stack) < count:
            raise RefusedError("an empty stack")
        found = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        return found

    def fill(self, kind: type, change: Callable[[Any, list[Any]], None], items: list[Any]) -> None:
        """Adds items to the container on top; what a call stood for takes none."""
        target = self.stack[-1]
        if type(target) is kind:
            change(target, items)
        elif target is None or isinstance(target, (bool, int, float, str, bytes, tuple, list, dict)) or target is _MARK:
            raise RefusedError(f"items for something that is no {kind.__name__}")

    def call(self) -> None:
        """REDUCE, and NEWOBJ, which makes an object of a class."""
        function, arguments = self.top(2)
        if not isinstance(arguments, tuple):
            raise RefusedError("a call without a tuple of arguments")
        self.push(self.meaning.call(function, arguments))

    def build(self) -> None:
        """BUILD: a state for the value on top."""
        (state,) = self.top(1)
        self.meaning.state(self.stack[-1], state)

    def stack_global(self) -> None:
        """STACK_GLOBAL."""
        module, attribute = self.top(2)
        if not isinstance(module, str) or not isinstance(attribute, str):
            raise RefusedError("a name that is not text")
        self.push(self.meaning.named(f"{module}.{attribute}"))

    def plain_global(self) -> None:
        """GLOBAL."""
        module, attribute = self.line().decode("ascii"), self.line().decode("ascii")
        self.push(self.meaning.named(f"{module}.{attribute}"))

    def number(self) -> None:
        """INT: a number, or a truth value of protocols 0 and 1."""
        text = self.line()
        self.push({b"00": False, b"01": True}[text] if text in (b"00", b"01") else _int(text))

    def quoted(self) -> None:
        """STRING: the repr of bytes."""
        text = self.line()
        if len(text) < 2 or text[:1] != text[-1:] or text[:1] not in (b"'", b'"'):
            raise RefusedError("a string without quotes")
        self.push(codecs.escape_decode(text[1:-1])[0])


def _int(text: bytes) -> int:
    if len(text) > 20:
        raise RefusedError("a number with more than 20 digits")
    return int(text)


def _extend(target: list[Any], items: list[Any]) -> None:
    target.extend(items)


def _update(target: dict[Any, Any], items: list[Any]) -> None:
    if len(items) % 2:
        raise RefusedError("a key without a value")
    for key, value in zip(items[::2], items[1::2], strict=True):
        if isinstance(key, (str, bytes, int)):  # nobody asks for another, as optimizers have: their tensors
            target[key] = value


def _dict(items: list[Any]) -> dict[Any, Any]:
    out: dict[Any, Any] = {}
    _update(out, items)
    return out


def _long(s: _Stream) -> int:
    width = s.size(1)
    if width > 16:
        raise RefusedError("a number of more than 16 bytes")
    return s.size(width, signed=True)


_STEPS: dict[bytes, Callable[[_Stream], Any]] = {
    b"\x80": lambda s: s.take(1),  # PROTO
    b"\x95": lambda s: s.take(8),  # FRAME
    b"(": lambda s: s.push(_MARK),
    b"0": lambda s: s.top(1),  # POP
    b"1": _Stream.since_mark,  # POP_MARK
    b"2": lambda s: s.push(s.stack[-1]),  # DUP
    b"N": lambda s: s.push(None),
    b"\x88": lambda s: s.push(True),
    b"\x89": lambda s: s.push(False),
    b"I": _Stream.number,
    b"L": lambda s: s.push(_int(s.line().removesuffix(b"L"))),
    b"K": lambda s: s.push(s.size(1)),
    b"M": lambda s: s.push(s.size(2)),
    b"J": lambda s: s.push(s.size(4, signed=True)),
    b"\x8a": lambda s: s.push(_long(s)),
    b"G": lambda s: s.push(struct.unpack(">d", s.take(8))[0]),
    b"F": lambda s: s.push(float(s.line()[:40])),
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
    b"a": lambda s: s.fill(list, _extend, s.top(1)),
    b"e": lambda s: s.fill(list, _extend, s.since_mark()),
    b"}": lambda s: s.push({}),
    b"d": lambda s: s.push(_dict(s.since_mark())),
    b"s": lambda s: s.fill(dict, _update, s.top(2)),
    b"u": lambda s: s.fill(dict, _update, s.since_mark()),
    b"\x8f": lambda s: s.push([]),  # EMPTY_SET, read as a list
    b"\x90": lambda s: s.fill(list, _extend, s.since_mark()),  # ADDITEMS
    b"\x91": lambda s: s.push(s.since_mark()),  # FROZENSET
    b")": lambda s: s.push(()),
    b"t": lambda s: s.push(tuple(s.since_mark())),
    b"\x85": lambda s: s.push(tuple(s.top(1))),
    b"\x86": lambda s: s.push(tuple(s.top(2))),
    b"\x87": lambda s: s.push(tuple(s.top(3))),
    b"p": lambda s: s.memo.__setitem__(_int(s.line()), s.stack[-1]),
    b"q": lambda s: s.memo.__setitem__(s.size(1), s.stack[-1]),
    b"r": lambda s: s.memo.__setitem__(s.size(4), s.stack[-1]),
    b"\x94": lambda s: s.memo.__setitem__(len(s.memo), s.stack[-1]),
    b"g": lambda s: s.push(s.memo[_int(s.line())]),
    b"h": lambda s: s.push(s.memo[s.size(1)]),
    b"j": lambda s: s.push(s.memo[s.size(4)]),
    b"c": _Stream.plain_global,
    b"\x93": _Stream.stack_global,
    b"R": _Stream.call,
    b"\x81": _Stream.call,  # NEWOBJ
    b"b": _Stream.build,
    b"Q": lambda s: s.push(s.meaning.persistent(s.top(1)[0])),
    b"P": lambda s: s.push(s.meaning.persistent(s.line().decode("ascii"))),
}
