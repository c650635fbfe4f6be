"""Places for results: reserved, filled whole or not at all, never taken from another process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from boundcheck._places import atomic_path, collect_leftovers, occupied, reserve_file, reserve_folder, writing
from boundcheck.errors import FileError

HOLDER = """
import sys
from pathlib import Path
from boundcheck._places import atomic_path, occupied, reserve_file, reserve_folder

kind, path = sys.argv[1:]
takes = {"folder": reserve_folder, "file": reserve_file, "occupied": occupied, "atomic": atomic_path}
with takes[kind](Path(path)) as at:
    if kind == "atomic":
        at.mkdir()
        (at / "half").write_text("half")
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another(kind: str, path: Path, kill: bool = False) -> Iterator[None]:
    """Another process that holds a place; killed in the end, or let go."""
    paths = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, kind, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert process.stdin and process.stdout and process.stdout.readline() == "held\n"
    try:
        yield
    finally:
        if kill:
            process.send_signal(signal.SIGKILL)
        process.communicate()


def put(place, text: str) -> Path:
    """Writes a run with one file into a place."""
    with atomic_path(place) as folder:
        folder.mkdir()
        (folder / "run.json").write_text(text)
    return Path(place)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_name_is_had_once(tmp_path):
    with reserve_folder(tmp_path / "run", numbered=True) as first, reserve_folder(first, numbered=True) as second:
        assert (first.path.name, second.path.name) == ("run", "run-2")
        with pytest.raises(FileError, match="is being written by another process"):
            reserve_folder(first)
        put(second, "second")
        put(first, "first")
    assert [(tmp_path / name / "run.json").read_text() for name in ("run", "run-2")] == ["first", "second"]
    with reserve_folder(tmp_path / "run", numbered=True) as third:
        assert third.path.name == "run-3"
    assert names(tmp_path) == ["run", "run-2"]  # what was not filled is given back


def test_a_name_another_process_has_is_passed_over_and_a_killed_one_gives_it_back(tmp_path):
    with another("folder", tmp_path / "run", kill=True):
        with reserve_folder(tmp_path / "run", numbered=True) as place:
            assert place.path.name == "run-2"
        with pytest.raises(FileError, match="is being written by another process"):
            reserve_folder(tmp_path / "run", overwrite=True)
    assert names(tmp_path) == ["run"]
    with reserve_folder(tmp_path / "run", numbered=True) as place:
        assert place.path.name == "run"


def test_only_a_run_is_replaced_and_only_when_asked(tmp_path):
    put(tmp_path / "run", "old")
    with pytest.raises(FileError, match="already holds a run; choose another with --out, or pass --overwrite"):
        reserve_folder(tmp_path / "run")
    with reserve_folder(tmp_path / "run", overwrite=True) as place:
        assert (place.path / "run.json").read_text() == "old"
        put(place, "new")
    assert (tmp_path / "run" / "run.json").read_text() == "new" and names(tmp_path) == ["run"]
    (tmp_path / "run" / "run.json").rename(tmp_path / "run" / "thesis.tex")
    with pytest.raises(FileError, match="is not a saved run"):
        reserve_folder(tmp_path / "run", overwrite=True)


def test_a_failed_replacement_leaves_the_old_run(tmp_path):
    put(tmp_path / "run", "old")
    with reserve_folder(tmp_path / "run", overwrite=True) as place:
        with pytest.raises(KeyError), atomic_path(place) as folder:
            folder.mkdir()
            raise KeyError
        with pytest.raises(FileError, match="cannot be written"), atomic_path(place):
            pass  # nothing there to put: the old run is put back
    assert (tmp_path / "run" / "run.json").read_text() == "old" and names(tmp_path) == ["run"]


def test_what_was_put_aside_by_a_killed_process_comes_back(tmp_path):
    put(tmp_path / ".run-0a1b2c3d.part" / "replaced", "old")
    (tmp_path / ".run-0a1b2c3d.part" / "run").mkdir()
    collect_leftovers(tmp_path)
    assert (tmp_path / "run" / "run.json").read_text() == "old" and names(tmp_path) == ["run"]


def test_leftovers_go_when_their_process_is_gone(tmp_path):
    with another("atomic", tmp_path / "run", kill=True):
        (part,) = tmp_path.iterdir()
        collect_leftovers(tmp_path)
        assert part.is_dir()
    assert part.is_dir()
    put(tmp_path / "other", "anything")
    assert names(tmp_path) == ["other"]


def test_a_broken_reservation_takes_nobodys_result(tmp_path):
    with reserve_folder(tmp_path / "run") as place:
        place.path.rmdir()
        put(tmp_path / "run", "of another")
        put(place, "ours")
    assert place.path.name == "run-2"
    assert [(tmp_path / name / "run.json").read_text() for name in ("run", "run-2")] == ["of another", "ours"]
    with reserve_file(tmp_path / "z.npz") as place:
        place.path.write_text("of another, in place")
        (tmp_path / "new").write_text("of another")
        (tmp_path / "new").replace(place.path)
        with atomic_path(place) as path:
            path.write_text("ours")
    assert place.path.name == "z-2.npz" and place.path.read_text() == "ours"
    assert (tmp_path / "z.npz").read_text() == "of another"


def test_files(tmp_path):
    with pytest.raises(KeyError), reserve_file(tmp_path / "deep" / "z.npz"):
        raise KeyError
    assert names(tmp_path) == []
    with reserve_file(tmp_path / "z.npz") as place, atomic_path(place) as path:
        assert path.suffix == ".npz"
        path.write_text("one")
    with pytest.raises(FileError, match="already holds a file"):
        reserve_file(tmp_path / "z.npz")
    with reserve_file(tmp_path / "z.npz", overwrite=True) as place, atomic_path(place) as path:
        path.write_text("two")
    assert (tmp_path / "z.npz").read_text() == "two" and names(tmp_path) == ["z.npz"]
    with pytest.raises(FileError, match="is a folder"):
        reserve_file(tmp_path)
    with pytest.raises(FileError, match="is a file"):
        reserve_folder(tmp_path / "z.npz")
    os.mkfifo(tmp_path / "pipe")
    with reserve_file(tmp_path / "pipe", overwrite=True):
        pass


def test_a_folder_is_occupied_by_one_process(tmp_path):
    refused = pytest.raises(FileError, match="is being written by another process")
    with another("occupied", tmp_path / "train"), refused, occupied(tmp_path / "train"):
        pass
    with occupied(tmp_path / "train"):
        pass


def test_atomic_path_of_a_folder(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "run") as temporary:
        temporary.mkdir()
        (temporary / "a.txt").write_text("a")
    assert (tmp_path / "run" / "a.txt").read_text() == "a"
    with pytest.raises(KeyError), atomic_path(tmp_path / "deep" / "er" / "other") as temporary:
        temporary.mkdir()
        (temporary / "half").write_text("half")
        raise KeyError
    assert names(tmp_path) == ["run"]


def test_atomic_path_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    below = tmp_path / "file" / "emb.npz"
    with pytest.raises(FileError, match="cannot be written"), atomic_path(below) as temporary:
        temporary.write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileError, match="cannot be written"), atomic_path(tmp_path / "folder") as temporary:
        temporary.write_text("")
    assert names(tmp_path) == ["file", "folder"]


def test_what_cannot_be_written_is_told_in_a_line(tmp_path: Path) -> None:
    with (
        pytest.raises(FileError, match=r"out: cannot be written \(No space left on device\); choose") as caught,
        writing(tmp_path / "out"),
    ):
        raise OSError(28, "No space left on device")
    assert "\n" not in str(caught.value)
