"""The finite sets that stand for populations: embeddings with labels, made once and kept under runs/validity."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

import boundcheck as bc
from boundcheck.lab.training import train

CACHE = Path("runs/validity")
TEXT = Path(__file__).parent / "text"  # see encode_text.py
SEED = 20220904
Arrays = tuple[np.ndarray, np.ndarray]  # z (n, v, d), y (n,)


IN_VIEWS = 20_000  # pictures of the 60,000: a truth takes all pairs of their views


def fashion() -> Arrays:
    """All 60,000 pictures of Fashion-MNIST by a small network trained on them for 3 epochs with the UCL loss."""
    images = bc.load_dataset("fashion_mnist", "train")
    emb = bc.extract(_encoder(), images, views=1, seed=SEED, device="cpu")
    return emb.z, emb.y


def fashion_views() -> Arrays:
    """20,000 of them in two random views by the same network."""
    images = bc.load_dataset("fashion_mnist", "train").subset(np.arange(IN_VIEWS))
    emb = bc.extract(_encoder(), images, views=2, seed=SEED, device="cpu")
    return emb.z, emb.y


def fashion_pca() -> Arrays:
    """The 60,000 pictures as their 32 leading principal components."""
    images = bc.load_dataset("fashion_mnist", "train")
    pixels = images.images.reshape(len(images.labels), -1) / 255
    return PCA(32, random_state=0).fit_transform(pixels)[:, None], images.labels


def digits() -> Arrays:
    """1,797 handwritten digits as their 16 leading principal components."""
    data = load_digits()
    return PCA(16, random_state=0).fit_transform(data.data)[:, None], data.target


def digits_encoder() -> Arrays:
    """1,797 handwritten digits by the encoder that comes with the package; it was trained on 1,200 of them."""
    parts = [
        bc.extract(bc.load_encoder(bc.shipped_checkpoint()), bc.load_dataset("digits", split), views=1, device="cpu")
        for split in ("train", "test")
    ]
    return np.concatenate([part.z for part in parts]), np.concatenate([part.y for part in parts])


def newsgroups() -> Arrays:
    """18,821 posts of 20 Newsgroups by a sentence encoder: a tenth has a neighbour above cosine 0.98."""
    return _text("newsgroups")


def six_newsgroups() -> Arrays:
    """1,200 of them, the first 200 of each of six groups: a sample of 300 sees the near-duplicates of many."""
    z, y = newsgroups()
    kept = np.concatenate([np.flatnonzero(y == c)[:200] for c in range(6)])
    return z[kept], y[kept]


def reuters() -> Arrays:
    """9,100 dispatches of Reuters-21578 (R52) by a sentence encoder: near-duplicates, classes of 3 to 3,923."""
    return _text("reuters")


_MADE = (fashion, fashion_views, fashion_pca, digits, digits_encoder, newsgroups, six_newsgroups, reuters)
SETS: dict[str, Callable[[], Arrays]] = {made.__name__: made for made in _MADE}


def load(name: str) -> Arrays:
    """A set by name, unit rows in float32, from the cache where it is there."""
    path = CACHE / f"{name}.npz"
    if not path.exists():
        z, y = SETS[name]()
        path.parent.mkdir(parents=True, exist_ok=True)
        z = z / np.linalg.norm(z, axis=-1, keepdims=True)
        part = path.with_suffix(".part.npz")
        np.savez(part, z=z.astype(np.float32), y=y.astype(np.int64))
        part.rename(path)
    with np.load(path) as kept:
        return kept["z"], kept["y"]


def _encoder() -> bc.encoders.Checkpoint:
    folder = CACHE / "encoder"
    if not (folder / "encoder.pt").exists():
        train(bc.load_dataset("fashion_mnist", "train"), objective="ucl", epochs=3, out=folder, device="cpu")
    return bc.load_encoder(folder / "encoder.pt")


def _text(name: str) -> Arrays:
    with np.load(TEXT / f"{name}.npz") as kept:
        y = np.unique(kept["label"], return_inverse=True)[1]
        return kept["z"].astype(np.float32)[:, None], y
