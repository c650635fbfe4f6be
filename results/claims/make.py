"""How many claims of a default `verify` could have failed, were decided, are vacuous: Fashion-MNIST, text, digits.

python results/claims/make.py [TRIALS]

Writes before.csv (by the package at commit c991cf4) and after.csv. TRIALS: the trials of
`boundcheck reproduce jiang2022 --preset cpu`, whose four encoders of seed 0 are those of results/fashion_mnist.
"""

import argparse
import inspect
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent.resolve()
ROOT = HERE.parents[1]
BEFORE = "c991cf4"
TRIALS = ROOT / "runs/trials/fashion_mnist-00b44bc9"
ENCODERS = {"UCL": "ucl-seed0", "H-UCL": "hucl-beta1-seed0", "SCL": "scl-seed0", "H-SCL": "hscl-beta1-seed0"}


def sets(trials):
    """Name -> embeddings and labels, which both packages are given alike."""
    import boundcheck as bc

    test = bc.load_dataset("fashion_mnist", split="test")
    found = {}
    for objective, trial in ENCODERS.items():
        encoder = bc.load_encoder(trials / trial / "train/encoder.pt")
        name = f"Fashion-MNIST, {len(test):,} test images, two views, encoder trained with {objective}"
        found[name] = bc.extract(encoder, test, views=2, seed=0)
    text = np.load(ROOT / "tests/studies/validity/text/newsgroups.npz", allow_pickle=False)
    groups = np.unique(text["label"])[:6]
    kept = np.concatenate([np.flatnonzero(text["label"] == group)[:200] for group in groups])
    posts = bc.EmbeddingSet(text["z"][kept].astype(np.float32), text["label"][kept])
    found[f"20 Newsgroups, {len(kept):,} posts of six groups, sentence encoder"] = posts
    digits = bc.extract(bc.load_encoder(bc.shipped_checkpoint()), bc.load_dataset("digits", "test"), views=2, seed=0)
    found[f"digits, {digits.n} test images, the shipped encoder, two views"] = digits
    return {name: (np.asarray(emb.z), np.asarray(emb.y)) for name, emb in found.items()}


def counts(frame):
    """By claim: whether it was tested, is a self-check, could have failed, was decided, is vacuous."""
    by = frame.groupby("claim", sort=False)
    tested = by.verdict.agg(lambda v: (v != "inapplicable").any())
    check = by.kind.first() == "exact"
    vacuous = by.vacuous.agg(lambda v: (v == 1).all())
    decided = by.verdict.agg(lambda v: not v.isin(["undecided", "inapplicable"]).all())
    return {
        "claims": len(tested),
        "tested": int(tested.sum()),
        "self_checks": int((tested & check).sum()),
        "could_fail": int((tested & ~check & ~vacuous).sum()),
        "decided": int((tested & ~check & ~vacuous & decided).sum()),
        "vacuous": int((tested & vacuous).sum()),
    }


def count(folder, out):
    """Write the counts of the package that is imported, over the sets that lie in `folder`."""
    import boundcheck as bc

    # Before there were configurations every claim was run in the run's own.
    known = "configurations" in inspect.signature(bc.verify).parameters
    rows = []
    for file in sorted(folder.glob("*.npz")):
        stored = np.load(file, allow_pickle=False)
        name = str(stored["name"])
        emb = bc.EmbeddingSet(stored["z"], stored["y"])
        for which in ("own", "cheap") if known else ("own",):
            start = time.process_time()
            frame = bc.verify(emb, device="cpu", **({"configurations": which} if known else {})).to_frame()
            spent = round(time.process_time() - start, 1)
            rows.append({"data": name, "configurations": which} | counts(frame) | {"cpu_seconds": spent})
            print(rows[-1], flush=True)
    pd.DataFrame(rows).to_csv(out, index=False)


def both(trials):
    """The counts of the package as it was and as it is, each in a process of its own."""
    with tempfile.TemporaryDirectory() as scratch:
        folder, package = Path(scratch, "sets"), Path(scratch, "package")
        folder.mkdir(), package.mkdir()
        for i, (name, (z, y)) in enumerate(sets(trials).items()):
            np.savez(folder / f"{i}.npz", name=name, z=z, y=y)
        archive = subprocess.run(["git", "-C", ROOT, "archive", BEFORE, "boundcheck"], check=True, capture_output=True)
        subprocess.run(["tar", "-x", "-C", package], input=archive.stdout, check=True)
        for where, out in ((package, HERE / "before.csv"), (ROOT, HERE / "after.csv")):
            command = [sys.executable, __file__, "--count", folder, out]
            subprocess.run(command, check=True, env=os.environ | {"PYTHONPATH": str(where)}, cwd=scratch)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trials", nargs="?", type=Path, default=TRIALS)
    parser.add_argument("--count", nargs=2, type=Path, metavar=("SETS", "OUT"), help="Count alone, into this file.")
    given = parser.parse_args()
    if given.count is not None:
        count(*given.count)
    else:
        both(given.trials)
