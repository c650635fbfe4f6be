"""Whole commands, from the shell to the saved page: CPU and wall seconds, peak memory, passes over pairs and plans."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.cases import SEED
from benchmarks.measure import environment

ONE_BETA = ("--positives", "class", "--betas", "1", "--no-null")
# What, instances, views, classes, options; each is run once to compile and then measured. d = 128.
COMMANDS: dict[str, tuple[int, int, int, tuple[str, ...]]] = {
    "digits, the encoder that is shipped": (0, 0, 0, ()),
    "10,000 x 2": (10_000, 2, 10, ()),
    "30,000, one beta": (30_000, 1, 10, ONE_BETA),
    "1,000,000, 1,000 classes, until decided": (
        1_000_000, 1, 1_000, ("--temperature", "0.1", "--betas", "0.5,1,2", "--until-decided"),
    ),
}  # fmt: skip


def whole_commands(most: int, repeats: int) -> pd.DataFrame:
    """One row a command, those of up to so many instances: the run of least CPU time."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for what, (n, views, classes, options) in COMMANDS.items():
            if n > most:
                continue
            data = _saved(Path(folder, "embeddings.npz"), n, views, classes) if n else []
            command = [sys.executable, "-m", "boundcheck", "verify", *data, *options, "--device", "cpu", "--quiet"]
            times = 1 + (repeats if n < 1_000_000 else 1)
            runs = [
                _measured([*command, "--out", f"{folder}/{what}{i}"], Path(folder, f"{what}{i}")) for i in range(times)
            ]
            best = min(runs[1:], key=lambda run: run["cpu_seconds"])
            rows.append({"what": what, "n": n, "views": views, "classes": classes, "options": " ".join(options), **best,
                         "first_cpu_seconds": runs[0]["cpu_seconds"], "runs": times - 1})  # fmt: skip
            print(rows[-1], flush=True)
    return pd.DataFrame(rows).assign(seed=SEED, threads=os.environ.get("OMP_NUM_THREADS", ""), **environment())


def by_turns(before: Path, name: str, repeats: int) -> pd.DataFrame:
    """One row for each run of the commands whose names contain a text, an earlier package and this one by turns.

    Args:
        before: folder that holds the earlier `boundcheck`; it must know the options.
        name: part of the commands' names.
        repeats: runs of each; one more of each before them, which compiles.
    """
    folders = {"before": before.resolve(), "now": Path(__file__).resolve().parents[1]}
    commits = {version: _commit(place) for version, place in folders.items()}
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for what, (n, views, classes, options) in COMMANDS.items():
            if name not in what:
                continue
            data = _saved(Path(folder, "embeddings.npz"), n, views, classes) if n else []
            for turn in range(repeats + 1):
                for version, place in folders.items():
                    out = Path(folder, f"{what}{turn}{version}")
                    command = [sys.executable, "-P", "-m", "boundcheck", "verify", *data, *options, "--device", "cpu"]
                    run = _measured([*command, "--quiet", "--out", str(out)], out, {"PYTHONPATH": str(place)})
                    at = {"what": what, "turn": turn, "version": version, "commit": commits[version]}
                    rows += [at | run] if turn else []
                    print(what, turn, version, run, flush=True)
    return pd.DataFrame(rows).assign(seed=SEED, threads=os.environ.get("OMP_NUM_THREADS", ""), **environment())


def _commit(folder: Path) -> str:
    """Of a work tree; empty where it is none."""
    found = subprocess.run(["git", "-C", folder, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return found.stdout.strip()


def _saved(path: Path, n: int, views: int, classes: int) -> list[str]:
    """The option that names embeddings around random centres, float32, made a block at a time."""
    rng = np.random.default_rng(SEED)
    y, centres = np.arange(n) % classes, rng.standard_normal((classes, 1, 128), dtype=np.float32)
    z = np.empty((n, views, 128), dtype=np.float32)
    for start in range(0, n, 50_000):
        some = slice(start, min(start + 50_000, n))
        z[some] = centres[y[some]] + 1.5 * rng.standard_normal((some.stop - start, views, 128), dtype=np.float32)
    np.savez(path, z=z, y=y)
    return ["--embeddings", str(path)]


def _measured(command: Sequence[str], out: Path, environ: Mapping[str, str] | None = None) -> dict[str, float]:
    began = time.perf_counter()
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, stdout=quiet, stderr=quiet, env={**os.environ, **(environ or {})})
    _, status, used = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 1):  # 1: a claim is violated
        raise RuntimeError(f"ended with {os.waitstatus_to_exitcode(status)}: {' '.join(command)}")
    cost = json.loads((out / "run.json").read_text(encoding="utf-8"))["cost"]
    return {
        "cpu_seconds": used.ru_utime + used.ru_stime,
        "wall_seconds": time.perf_counter() - began,
        "peak_gb": used.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9,
        "passes": cost.get("passes", math.nan),  # earlier versions did not count them
        "plans": cost.get("plans", math.nan),
    }
