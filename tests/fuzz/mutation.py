"""Damaged and hostile variants of a file, each made from its number alone."""

from __future__ import annotations

import random
import re

NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
WORDS = (
    b"", b"0", b"-1", b"nan", b"inf", b"-inf", b"1e308", b"1e-320", b"99999999999999999999", b"null", b"true", b"[]",
    b"{}", b'"', b",", b"\n", b"\0", b"\xff\xfe", b"\xed\xa0\x80", b"=1+1", b"\x1b[2J", "\u0661\u0662".encode(),
    b"[" * 3000, b"x" * 3000, b'{"a":' * 300, b"\\ud800", b"<script>", b"1_000",
)  # fmt: skip


def mutated(content: bytes, number: int) -> bytes:
    """One to three changes: of bytes, of runs of bytes, of what reads as a number or a word."""
    rng = random.Random(number)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        content = rng.choice(_CHANGES)(content, rng)
    return content


def _place(content: bytes, rng: random.Random) -> int:
    # What declares sizes stands at the ends of most formats.
    end = len(content)
    near = rng.choice((end, min(end, 256), min(end, 64)))
    at = rng.randrange(near + 1)
    return at if rng.random() < 0.7 else end - at


def _flip(content: bytes, rng: random.Random) -> bytes:
    if not content:
        return content
    at = min(_place(content, rng), len(content) - 1)
    return content[:at] + bytes([content[at] ^ (1 << rng.randrange(8))]) + content[at + 1 :]


def _cut(content: bytes, rng: random.Random) -> bytes:
    return content[: _place(content, rng)]


def _drop(content: bytes, rng: random.Random) -> bytes:
    at = _place(content, rng)
    return content[:at] + content[at + rng.randrange(1, 64) :]


def _repeat(content: bytes, rng: random.Random) -> bytes:
    at = _place(content, rng)
    return content[:at] + content[at : at + rng.randrange(1, 256)] * rng.choice((2, 3, 50)) + content[at:]


def _number(content: bytes, rng: random.Random) -> bytes:
    at, width = _place(content, rng), rng.choice((1, 2, 4, 8))
    value = (rng.choice(NUMBERS) & ((1 << 8 * width) - 1)).to_bytes(width, rng.choice(("little", "big")))
    return content[:at] + value + content[at + width :]


def _word(content: bytes, rng: random.Random) -> bytes:
    words = list(re.finditer(rb"[-+.\w]+", content[: 1 << 16]))
    if not words:
        return content + rng.choice(WORDS)
    start, end = rng.choice(words).span()
    return content[:start] + rng.choice(WORDS) + content[end:]


def _swap(content: bytes, rng: random.Random) -> bytes:
    one, other = sorted((_place(content, rng), _place(content, rng)))
    return content[other:] + content[one:other] + content[:one]


_CHANGES = (_flip, _flip, _cut, _drop, _repeat, _number, _number, _word, _word, _swap)
