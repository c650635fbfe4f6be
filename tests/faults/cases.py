"""Commands that are stopped at each of their writes and calls, and what must be the same after another try."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from hashlib import sha256
from io import StringIO
from os import chdir
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import numpy as np
import torch

from boundcheck.cli import main
from boundcheck.lab.papers import RECIPES
from boundcheck.lab.papers.presets import Preset, Training
from tests.faults.injector import CALL, Fault, armed

FAULTS = {
    "disk full": (lambda: OSError(28, "No space left on device"), True, 2),
    "write fails once": (lambda: OSError(5, "Input/output error"), False, 2),
    "interrupt": (KeyboardInterrupt, False, 3),
}
"""What is raised, whether it lasts, and the exit code it must end in; where work calls back, an interrupt alone."""

POINTS = ["--embeddings", "e.npz"]
COMMANDS = {
    "verify": (["verify", *POINTS, "--betas", "1", "--claims", "hscl_le_hucl,hucl_ge_ucl", "--out", "out"], []),
    "embed": (["embed", "--dataset", "digits", "--views", "1", "--out", "out.npz"], []),
    "sweep": (["sweep", "e.npz", "f.npz", "--betas", "1", "--claims", "hscl_le_hucl", "--out", "out"], []),
    "train": (
        ["train", "--objective", "ucl", "--dataset", "digits", "--epochs", "1", "--batch-size", "400", "--out", "out"],
        ["--resume"],
    ),
    "reproduce": (
        ["reproduce", "jiang2022", "--preset", "tiny", "--out", "out", "--trials", "trials", "--device", "cpu"],
        [],
    ),
}
"""Each command, and what is added to it when it is tried again."""


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


@dataclass
class Outcome:
    """What became of the faults of one command; `writes` and `calls` are the places where it can be stopped."""

    writes: int = 0
    calls: int = 0
    faults: int = 0
    stopped: int = 0
    wrong: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)


def try_all(command: str, most: int | None = None) -> Outcome:
    """Stops a command at each of its places, or at `most` of them evenly, by each of `FAULTS`; then tries again."""
    outcome = Outcome()
    with TemporaryDirectory() as name, _without_drawings():
        root = Path(name).resolve()
        fault = Fault(root, None, RuntimeError)
        _, _, expected = _attempt(root / "clean", command, fault, [])
        calls = [at for at, name in enumerate(fault.seen) if name.startswith(CALL)]
        writes = [at for at in range(len(fault.seen)) if at not in calls]
        outcome.writes, outcome.calls = len(writes), len(calls)
        for at in (*_evenly(writes, most), *_evenly(calls, most)):
            for kind in FAULTS if at in writes else ("interrupt",):
                error, lasting, due = FAULTS[kind]
                met = Fault(root, at, error, lasting)
                _one(root / "work", command, f"{kind} at {fault.seen[at]}", met, due, expected, outcome)
                outcome.kinds[kind] += 1
                shutil.rmtree(root / "work")
    return outcome


def _evenly(places: list[int], most: int | None) -> list[int]:
    """At most so many, the first and the last among them."""
    if most is None or len(places) <= most:
        return places
    return [places[i] for i in np.linspace(0, len(places) - 1, most).astype(int)]


def _one(
    folder: Path, command: str, what: str, fault: Fault, due: int, expected: dict[str, str], outcome: Outcome
) -> None:
    outcome.faults += 1
    code, said, found = _attempt(folder, command, fault, [])
    if "Traceback" in said or code == 70:
        outcome.wrong.append(f"{what}: exit {code}, {said[-300:]}")
    if code == 0:  # what was to be kept beside the result could not be: a cache, a cell
        if found != expected:
            outcome.wrong.append(f"{what}: exit 0 with other numbers")
        return
    outcome.stopped += 1
    if code != due:
        outcome.wrong.append(f"{what}: exit {code} where {due} is due, {said[-300:]}")
    calm = Fault(fault.below, None, RuntimeError)
    again = COMMANDS[command][1]
    code, said, found = _attempt(folder, command, calm, again)
    if code != 0 or found != expected:
        odd = sorted({*found.items()} ^ {*expected.items()})[:2]
        outcome.wrong.append(f"{what}: tried again, exit {code}, {said[-200:]} {odd}")
    if left := [path.name for path in folder.rglob("*.part")]:
        outcome.wrong.append(f"{what}: leaves {left}")


def _attempt(folder: Path, command: str, fault: Fault, more: list[str]) -> tuple[int, str, dict[str, str]]:
    """Exit code, what was said on stderr, and the hashes of the numbers."""
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
            code = main([*COMMANDS[command][0], *more])
    finally:
        chdir(before)
    return code, said.getvalue(), _numbers(folder)


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
def _without_drawings() -> Iterator[None]:
    """Pictures take the most time and are drawn from the numbers."""

    def page(_: object, directory: Path, *_home: object) -> Path:
        (directory / "report.html").write_text("a page")
        return directory / "report.html"

    presets = {"tiny": TINY, "paper": RECIPES["jiang2022"].presets["paper"]}
    with (
        mock.patch("boundcheck.report.write_report", page),
        mock.patch("boundcheck.sweeps.result.write_sweep_report", page),
        mock.patch("boundcheck.lab.papers.driver.write_figures", lambda *_: None),
        mock.patch.dict("boundcheck.lab.papers.RECIPES", jiang2022=replace(RECIPES["jiang2022"], presets=presets)),
    ):
        yield
