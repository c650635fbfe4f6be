"""How far along long work is, on stderr: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from boundcheck._text import shown
from boundcheck.cli.terminal import for_people, width, wrapped


@contextmanager
def reporting(quiet: bool) -> Iterator[Callable[[int, int, str], None] | None]:
    """Yields what long work is to call with (done, total, unit); None when quiet.

    Args:
        quiet: say nothing.
    """
    if quiet:
        yield None
        return
    reporter = _Bars() if sys.stderr.isatty() else _Lines()
    try:
        yield reporter
    finally:
        reporter.close()


def note(message: str, quiet: bool) -> None:
    """One line on stderr for people, unless quiet."""
    if not quiet:
        text = shown(message)
        click.echo(wrapped(text, width()) if sys.stderr.isatty() else text, err=True)


class UnheardError(Exception):
    """Standard output cannot be written; what was saved is kept."""


def say(text: str | Path, nl: bool = True) -> None:
    """Text for people on standard output.

    Raises:
        UnheardError: it cannot be written.
        BrokenPipeError: whoever read it has left.
    """
    _put(for_people(shown(str(text))), nl)


def say_json(document: object) -> None:
    """A document in strict JSON on standard output; errors as of `say`."""
    _put(json.dumps(document, ensure_ascii=False, allow_nan=False), True)


def _put(text: str, nl: bool) -> None:
    try:
        click.echo(text, nl=nl)
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as error:  # full, or closed
        raise UnheardError(getattr(error, "strerror", None) or str(error)) from error


class _Bars:
    """One line for the stage at hand; a stage is known by its unit and total, and the next takes the line over."""

    def __init__(self) -> None:
        self.bar: Any = None
        self.stage: tuple[int, str] | None = None

    def __call__(self, done: int, total: int, unit: str) -> None:
        from tqdm import tqdm

        if self.bar is None or self.stage != (total, unit) or done < self.bar.n:
            self.close()
            self.stage = (total, unit)
            self.bar = tqdm(
                total=total, desc=unit, unit="", unit_scale=True, file=sys.stderr, dynamic_ncols=True, leave=False
            )
        self.bar.update(done - self.bar.n)
        if done >= total:
            self.bar.refresh()

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
            self.bar = None


class _Lines:
    """A line a stage's end, if it took long enough, and, for long stages, one every ten seconds."""

    _SECONDS = 10.0
    _QUICK = 1.0  # a stage that took less has no line

    def __init__(self) -> None:
        self.stage: tuple[int, str] | None = None
        self.started = self.told = 0.0

    def __call__(self, done: int, total: int, unit: str) -> None:
        now = time.monotonic()
        if self.stage != (total, unit):
            self.stage, self.started, self.told = (total, unit), now, now
        if done < total and now - self.told < self._SECONDS:
            return
        if done >= total and now - self.started < self._QUICK:
            self.stage = None
            return
        self.told = now
        share = f"{done / total:.0%} of " if total and done < total else ""
        click.echo(f"{share}{total:,} {unit} in {now - self.started:.1f} s", err=True)
        if done >= total:
            self.stage = None

    def close(self) -> None:
        pass
