"""`verify` on 10,000 embeddings x 2 views, all claims, with a profile of where the time goes."""

from __future__ import annotations

import cProfile
import pstats
import subprocess
import sys
import time

import numpy as np
import pandas as pd

from benchmarks.cases import SEED
from benchmarks.measure import environment


def end_to_end(n: int) -> pd.DataFrame:
    """Seconds of the import, of the whole run, and of each function of the package (its callees included)."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import boundcheck; boundcheck.verify"], check=True)
    rows = [{"what": "import", "calls": 1, "seconds": time.perf_counter() - start}]
    import boundcheck as bc

    rng = np.random.default_rng(SEED)
    y = np.arange(n) % 10
    z = rng.standard_normal((10, 1, 128))[y] + 1.5 * rng.standard_normal((n, 2, 128))
    emb = bc.EmbeddingSet(z.astype(np.float32), y)
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
