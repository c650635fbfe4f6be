"""`verify` on 10,000 embeddings x 2 views, all claims: the whole command, and a profile of where the time goes."""

from __future__ import annotations

import cProfile
import os
import pstats
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.cases import SEED
from benchmarks.measure import environment

REPEATS = 3


def end_to_end(n: int) -> pd.DataFrame:
    """Seconds of the import, of the command with its page and figures, and in a run of each function of the package.

    Functions include their callees. The first command finds no compiled loops, the later ones do.
    """
    import boundcheck as bc

    rng = np.random.default_rng(SEED)
    y = np.arange(n) % 10
    z = rng.standard_normal((10, 1, 128))[y] + 1.5 * rng.standard_normal((n, 2, 128))
    emb = bc.EmbeddingSet(z.astype(np.float32), y)
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder, "embeddings.npz")
        np.savez(saved, z=emb.z, y=emb.y)
        command = ["-m", "boundcheck", "verify", "--embeddings", str(saved), "--device", "cpu", "--out"]
        rows = [
            {"what": what, "calls": 1, "seconds": statistics.median(_seconds(each, folder) for each in commands)}
            for what, commands in (
                ("first command", [[*command, f"{folder}/first"]]),
                ("command", [[*command, f"{folder}/{i}"] for i in range(REPEATS)]),
                ("import", [["-c", "import boundcheck; boundcheck.verify"]] * REPEATS),
            )
        ]
    bc.verify(bc.EmbeddingSet(emb.z[:500], y[:500]), device="cpu")  # compiles
    profile = cProfile.Profile()
    start = time.perf_counter()
    profile.runcall(bc.verify, emb, device="cpu")
    rows.append({"what": "verify", "calls": 1, "seconds": time.perf_counter() - start})
    for (file, _, name), (calls, _, _, seconds, _) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        if "/boundcheck/" in file and name != "<lambda>":
            where = file.rsplit("/boundcheck/", 1)[1].removesuffix(".py").replace("/", ".")
            rows.append({"what": f"{where}.{name}", "calls": calls, "seconds": seconds})
    table = pd.DataFrame(rows).sort_values("seconds", ascending=False).head(40)
    return table.assign(n=n, views=2, d=128, seed=SEED, **environment())


def _seconds(arguments: list[str], cache: str) -> float:
    start = time.perf_counter()
    environ = {**os.environ, "NUMBA_CACHE_DIR": cache}
    run = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environ)
    seconds = time.perf_counter() - start
    if run.returncode not in (0, 1):  # 1: a claim is violated
        raise RuntimeError(run.stderr)
    return seconds
