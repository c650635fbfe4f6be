"""How many claims of a default `verify` could have failed, were decided, are vacuous: Fashion-MNIST, text, digits.

python results/claims/make.py

Writes before.csv (by the package at commit c991cf4) and after.csv.
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
from sklearn.decomposition import PCA

HERE = Path(__file__).parent.resolve()
ROOT = HERE.parents[1]
BEFORE = "c991cf4"
FITTED, TESTED = 10_000, 2_000


def sets(bc):
    """Name -> embeddings."""
    train, test = (bc.load_dataset("fashion_mnist", split=split) for split in ("train", "test"))
    pixels, held = (part.images[:many].reshape(many, -1) / 255.0 for part, many in ((train, FITTED), (test, TESTED)))
    pca = PCA(64, random_state=0).fit(pixels)
    text = np.load(ROOT / "tests/studies/validity/text/newsgroups.npz", allow_pickle=False)
    groups = np.unique(text["label"])[:6]
    kept = np.concatenate([np.flatnonzero(text["label"] == group)[:200] for group in groups])
    digits = bc.extract(bc.load_encoder(bc.shipped_checkpoint()), bc.load_dataset("digits", "test"), views=2, seed=0)
    return {
        f"Fashion-MNIST, {TESTED:,} test images, 64 principal components": bc.EmbeddingSet(
            pca.transform(held), test.labels[:TESTED]
        ),
        f"20 Newsgroups, {len(kept):,} posts of six groups, sentence encoder": bc.EmbeddingSet(
            text["z"][kept].astype(np.float32), text["label"][kept]
        ),
        f"digits, {digits.n} test images, the shipped encoder, two views": digits,
    }


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


def count(out):
    """Write the counts of the package that is imported."""
    import boundcheck as bc

    # Before there were configurations every claim was run in the run's own.
    known = "configurations" in inspect.signature(bc.verify).parameters
    rows = []
    for name, emb in sets(bc).items():
        for which in ("own", "cheap") if known else ("own",):
            start = time.process_time()
            frame = bc.verify(emb, device="cpu", **({"configurations": which} if known else {})).to_frame()
            spent = round(time.process_time() - start, 1)
            rows.append({"data": name, "configurations": which} | counts(frame) | {"cpu_seconds": spent})
            print(rows[-1], flush=True)
    pd.DataFrame(rows).to_csv(out, index=False)


def before(out):
    """The same by the package as it was."""
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(["git", "-C", ROOT, "archive", BEFORE, "boundcheck"], check=True, capture_output=True)
        subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
        environment = os.environ | {"PYTHONPATH": folder}
        subprocess.run([sys.executable, __file__, "--out", out], check=True, env=environment, cwd=folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="Count alone, into this file.")
    given = parser.parse_args()
    if given.out is not None:
        count(given.out)
    else:
        before(HERE / "before.csv")
        count(HERE / "after.csv")
