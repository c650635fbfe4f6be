"""Finished work: the key of what decides it, what is found, and what is made anew."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import pytest

from boundcheck.errors import FileError
from boundcheck.store import find, key_of, once, source_digest, source_of


def read(path: Path) -> str:
    text = path.read_text()
    if text == "damaged":
        raise FileError(f"{path}: damaged")
    return text


def write(text: str, path: Path) -> None:
    try:
        path.write_text(text)
    except OSError as error:
        raise FileError(str(error)) from error


def test_a_key_depends_on_values_alone() -> None:
    one = {"betas": [1.0, 2.0], "code": {"torch": "2.13.0", "ids": None}}
    assert key_of(one) == key_of({"code": {"ids": None, "torch": "2.13.0"}, "betas": (1.0, 2.0)})
    others = [key_of({**one, "betas": betas}) for betas in ([1.0], [2.0, 1.0], [1, 2], ["1.0", "2.0"])]
    assert len({key_of(one), *others}) == 5


def test_what_is_damaged_is_made_anew(tmp_path: Path) -> None:
    path, made = tmp_path / "work", iter(["first", "second"])

    def get() -> str:
        return once(path, lambda: next(made), read, write)

    assert find(path, read) is None
    assert [get(), get()] == ["first", "first"]
    path.write_text("damaged")
    assert find(path, read) is None
    assert [get(), get(), find(path, read)] == ["second"] * 3


def test_work_that_cannot_be_kept_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="nowhere"):
        once(tmp_path / "nowhere" / "work", lambda: "made", read, write)


def test_the_first_time_is_as_every_other(tmp_path: Path) -> None:
    """A file may bring what is kept to another form, as embeddings to norm 1."""
    got = [once(tmp_path / "work", lambda: " made ", lambda path: read(path).strip(), write) for _ in range(2)]
    assert got == ["made", "made"]


def test_a_mistake_in_making_is_not_taken_for_damage(tmp_path: Path) -> None:
    def fails() -> str:
        raise FileError("no data")

    with pytest.raises(FileError, match="no data"):
        once(tmp_path / "work", fails, read, write)


def holds(value: int) -> Callable[[], int]:
    return lambda: value


class Mine:
    def method(self) -> None: ...


def test_code_that_may_change_unseen_has_no_source() -> None:
    assert source_of(holds) == source_of(Mine) is not None
    unseen = [holds(1), Mine().method, functools.partial(holds, 1), eval("lambda: 1")]
    assert [source_of(thing) for thing in unseen] == [None] * 4


def test_the_package_s_own_source_counts_by_parts() -> None:
    assert source_digest("store.py") != source_digest("store.py", "options.py") != source_digest()
    assert source_digest(but=("claims",)) != source_digest(but=("bounds",)) != source_digest()
