"""Small commands that are stopped or killed, how one is run in a folder of its own, and what it must leave there."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from hashlib import sha256
from io import StringIO
from os import chdir
from pathlib import Path
from unittest import mock

import numpy as np
import torch

from boundcheck.atlas.entries import ENTRIES
from boundcheck.cli import main
from boundcheck.lab.papers import RECIPES
from boundcheck.lab.papers.presets import Preset, Training
from tests.faults.injector import Fault, armed


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        words: the command line.
        again: what is added to it when it is tried again.
        parts: patterns of finished work that another process may have done; the command is run once for each, with the
            work of the others there beforehand. Without parts it is run once, from nothing.
    """

    words: tuple[str, ...]
    again: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()


COMMANDS = {
    "verify": Command(
        ("verify", "--embeddings", "e.npz", "--betas", "1", "--claims", "hscl_le_hucl,hucl_ge_ucl", "--out", "out")
    ),
    "embed": Command(("embed", "--dataset", "digits", "--views", "1", "--out", "out.npz")),
    "sweep": Command(("sweep", "e.npz", "f.npz", "--betas", "1", "--claims", "hscl_le_hucl", "--out", "out")),
    "train": Command(
        ("train", "--objective", "ucl", "--dataset", "digits", "--epochs", "1", "--batch-size", "400", "--out", "out"),
        again=("--resume",),
    ),
    "reproduce": Command(
        ("reproduce", "jiang2022", "--preset", "tiny", "--out", "out", "--trials", "trials", "--device", "cpu"),
        parts=("trials/*/ucl-*", "trials/*/hscl-*"),
    ),
    "atlas": Command(
        ("atlas", "--only", "digits", "--temperatures", "0.5", "--betas", "1", "--instances", "50",
         "--folder", "kept", "--out", "out"),
        parts=("kept/embeddings", "kept/cells", "kept/errors"),
    ),
}  # fmt: skip

TINY = Preset(
    (
        Training(
            "digits", "convnet", epochs=1, images=60, batch_size=30, held_out=60, tracked_betas=(1.0,),
            objectives=("ucl", "hscl"),
        ),
    ),
    betas=(1.0,),
    seeds=1,
)  # fmt: skip
"""A paper's experiments in seconds."""


@dataclass(frozen=True)
class Result:
    """What an attempt left: exit code, what was said on stderr, hashes of the numbers, names of all files."""

    code: int
    said: str
    numbers: dict[str, str]
    names: frozenset[str]

    def as_good_as(self, clean: Result) -> str:
        """What is wrong with another try after a fault; empty where nothing is."""
        there = self.code == 2 and "already holds" in self.said  # it was finished when it was stopped
        if (self.code != 0 and not there) or self.numbers != clean.numbers:
            odd = sorted({*self.numbers.items()} ^ {*clean.numbers.items()})[:2]
            return f"tried again, exit {self.code}, {self.said[-200:]} {odd}"
        return f"leaves {left}" if (left := sorted(self.names ^ clean.names)[:3]) else ""


def attempt(folder: Path, command: Command, fault: Fault | None = None, more: Sequence[str] = ()) -> Result:
    """Runs a command in a folder, which is made and given its embeddings where they are missing."""
    fault = fault or Fault(folder, None, RuntimeError)
    folder.mkdir(exist_ok=True)
    before = Path.cwd()
    for seed, name in enumerate(("e.npz", "f.npz")):
        rng = np.random.default_rng(seed)
        np.savez(folder / name, z=rng.normal(size=(40, 2, 4)).astype(np.float32), y=np.arange(40) % 2)
    chdir(folder)
    said = StringIO()
    try:
        environment = {"BOUNDCHECK_DATA": str(folder / "cache")}
        with (
            mock.patch.dict("os.environ", environment),
            redirect_stderr(said),
            redirect_stdout(StringIO()),
            mock.patch("boundcheck.cli.progress._Lines.__call__", lambda _, *how_far: fault.called(*how_far)),
            armed(fault),
        ):
            code = main([*command.words, *more])
    finally:
        chdir(before)
    names = frozenset(path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    return Result(code, said.getvalue(), _numbers(folder), names)


def starts(command: Command, clean: Path) -> Iterator[list[Path]]:
    """For each run of a command, what is there beforehand: relative to the folder of a finished one."""
    made = [[path.relative_to(clean) for path in sorted(clean.glob(part))] for part in command.parts]
    for own in made:
        yield [path for paths in made if paths is not own for path in paths]
    if not made:
        yield []


def begin(folder: Path, given: Sequence[Path], clean: Path) -> None:
    """A new folder with work that is finished."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for path in given:
        shutil.copytree(clean / path, folder / path)


def _numbers(folder: Path) -> dict[str, str]:
    """Hashes of the result, but for what tells of time and machine."""
    kinds = {".csv", ".parquet", ".npz", ".pt"}
    results = [path for path in (folder / "out", folder / "out.npz", folder / "trials") if path.exists()]
    files = [f for path in results for f in ([path] if path.is_file() else sorted(path.rglob("*")))]
    told = {f.relative_to(folder).as_posix(): f for f in files if f.suffix in kinds and f.name != "history.csv"}
    return {name: sha256(_content(f)).hexdigest() for name, f in told.items() if "cells" not in name}


def _content(file: Path) -> bytes:
    """A file's bytes; of weights the tensors alone, as the command that made them is kept beside them."""
    if file.suffix != ".pt":
        return file.read_bytes()
    return b"".join(tensor.numpy().tobytes() for tensor in _tensors(torch.load(file, weights_only=True)))


def _tensors(value: object) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        for key in sorted(value, key=str):
            yield from _tensors(value[key])


@contextmanager
def hurried() -> Iterator[None]:
    """Pictures and words take the most time and are made from the numbers; one encoder's rows make an atlas."""

    def page(_: object, directory: Path, *_home: object, **_options: object) -> Path:
        (directory / "report.html").write_text("a page")
        return directory / "report.html"

    presets = {"tiny": TINY, "paper": RECIPES["jiang2022"].presets["paper"]}
    with ExitStack() as stack:
        for name in ("write_report", "page.write_page", "atlas.write_atlas_report"):
            stack.enter_context(mock.patch(f"boundcheck.report.{name}", page))
        stack.enter_context(mock.patch("boundcheck.sweeps.result.write_sweep_report", page))
        for name in ("headline", "findings"):
            stack.enter_context(mock.patch(f"boundcheck.report.atlas.words.{name}", lambda *_: ""))
        entries = [entry for entry in ENTRIES if entry.name == "digits, pixels"]
        stack.enter_context(mock.patch("boundcheck.atlas.run.choose_entries", lambda *_: entries))
        stack.enter_context(mock.patch("boundcheck.lab.papers.driver.write_figures", lambda *_: None))
        recipe = replace(RECIPES["jiang2022"], presets=presets)
        stack.enter_context(mock.patch.dict("boundcheck.lab.papers.RECIPES", jiang2022=recipe))
        yield
