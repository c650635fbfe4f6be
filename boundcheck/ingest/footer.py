"""What the footer of a Parquet file declares, read without pyarrow.

pyarrow tells it as well, but a footer whose lists are of other lengths than expected ends the process there: an
exception of its C++ part is not handed on. The footer is a Thrift structure in the compact protocol; of its fields
those named in `_KEPT` are kept, by number, as in parquet.thrift.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

_DEPTH = 32
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 11, 12
_NUMBERS = (4, 5, 6)
_GROUPS, _ROWS, _CHUNKS, _META, _PATH, _VALUES, _BYTES = 4, 3, 1, 3, 3, 5, 6
_KEPT: dict[int, Any] = {
    _ROWS: {},
    _GROUPS: {_CHUNKS: {_META: {_PATH: {}, _VALUES: {}, _BYTES: {}}}, _ROWS: {}},
}


@dataclass(frozen=True, slots=True)
class Declared:
    """What some columns of a file are said to hold.

    Attributes:
        rows: of the file.
        values: of its longest column.
        bytes: of the columns when they are unpacked.
    """

    rows: int
    values: int
    bytes: int


def declared(footer: bytes, columns: Collection[str]) -> Declared:
    """What a footer says of these columns.

    Args:
        footer: the Thrift structure FileMetaData.
        columns: names at the top of the schema.

    Raises:
        ValueError: damaged, or negative sizes.
    """
    content = _Reader(footer).structure(_KEPT)
    values: dict[tuple[str, ...], int] = {}
    rows, unpacked = [_number(content, _ROWS)], 0
    for group in content.get(_GROUPS, []):
        rows.append(_number(group, _ROWS))
        for chunk in group.get(_CHUNKS, []):
            meta = chunk.get(_META, {})
            path = tuple(part.decode("utf-8", "replace") for part in meta.get(_PATH, []))
            if path and path[0] in columns:
                values[path] = values.get(path, 0) + _number(meta, _VALUES)
                unpacked += _number(meta, _BYTES)
    return Declared(max(rows[0], sum(rows[1:])), max(values.values(), default=0), unpacked)


def _number(fields: dict[int, Any], field: int) -> int:
    value = fields.get(field, 0)
    if not isinstance(value, int) or value < 0:
        raise ValueError("damaged: a size is negative")
    return value


class _Reader:
    """Thrift's compact protocol; every step takes at least one byte, so that time is in proportion to the size."""

    def __init__(self, content: bytes) -> None:
        self.content, self.at = content, 0

    def take(self, size: int) -> bytes:
        if size > len(self.content) - self.at:
            raise ValueError("truncated footer")
        self.at += size
        return self.content[self.at - size : self.at]

    def unsigned(self) -> int:
        """A number in groups of seven bits, the lowest first."""
        value = 0
        for shift in range(0, 70, 7):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise ValueError("damaged footer: a number of more than 64 bits")

    def signed(self) -> int:
        """A number whose sign is in the lowest bit."""
        value = self.unsigned()
        return (value >> 1) ^ -(value & 1)

    def structure(self, kept: dict[int, Any], depth: int = 0) -> dict[int, Any]:
        """The fields of `kept` by number; the others are passed over."""
        fields: dict[int, Any] = {}
        number = 0
        while (head := self.take(1)[0]) != 0:
            number = number + (head >> 4) if head >> 4 else self.signed()
            value = self.value(head & 15, kept.get(number, {}), depth)
            if number in kept:
                fields[number] = value
        return fields

    def value(self, kind: int, kept: dict[int, Any], depth: int, element: bool = False) -> Any:
        """One value of a field, or of a list, where truth values take a byte."""
        if depth > _DEPTH:
            raise ValueError("damaged footer: nested too deeply")
        if kind in (_TRUE, _FALSE):
            return self.take(1)[0] == 1 if element else kind == _TRUE
        if kind in _NUMBERS:
            return self.signed()
        if kind in (_BYTE, _DOUBLE):
            return self.take(1 if kind == _BYTE else 8)
        if kind == _BINARY:
            return self.take(self.unsigned())
        if kind == _STRUCT:
            return self.structure(kept, depth + 1)
        if kind in (_LIST, _SET):
            head = self.take(1)[0]
            size = head >> 4 if head >> 4 < 15 else self.unsigned()
            return [self.value(head & 15, kept, depth + 1, element=True) for _ in range(size)]
        if kind == _MAP:
            size = self.unsigned()
            kinds = self.take(1)[0] if size else 0
            for _ in range(size):
                self.value(kinds >> 4, {}, depth + 1, element=True)
                self.value(kinds & 15, {}, depth + 1, element=True)
            return None
        raise ValueError(f"damaged footer: a value of the unknown kind {kind}")
