"""Whole commands, from the shell to the saved page: CPU and wall seconds, peak memory, passes over pairs and plans."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
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


def _measured(command: Sequence[str], out: Path) -> dict[str, float]:
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 1):  # 1: a claim is violated
        raise RuntimeError(f"ended with {os.waitstatus_to_exitcode(status)}: {' '.join(command)}")
    cost = json.loads((out / "run.json").read_text(encoding="utf-8"))["cost"]
    return {
        "cpu_seconds": used.ru_utime + used.ru_stime,
        "wall_seconds": time.perf_counter() - began,
        "peak_gb": used.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9,
        "passes": cost["passes"],
        "plans": cost["plans"],
    }
