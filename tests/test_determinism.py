"""The promises of docs/determinism.md, at a temperature and a beta that are hard on rounding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import boundcheck
from boundcheck.embeddings import EmbeddingSet, load_embeddings, save_embeddings

HARD: dict[str, Any] = {"temperature": 0.1, "betas": [1.0, 10.0], "claims": ["hscl_le_hucl", "finite_k_below_limit"]}
NUMBERS = ["estimate", "plugin", "se"]


def points(n: int = 400) -> EmbeddingSet:
    rng = np.random.default_rng(7)
    y = np.arange(n) % 4
    z = rng.normal(size=(n, 2, 16)) + 2 * np.eye(4, 16)[y][:, None]
    return EmbeddingSet(z.astype(np.float32), y)


def losses(emb: EmbeddingSet, **options: Any) -> pd.DataFrame:
    return boundcheck.verify(emb, **{**HARD, **options}).run.losses[NUMBERS]


def claims(emb: EmbeddingSet, **options: Any) -> pd.DataFrame:
    return boundcheck.verify(emb, **{**HARD, **options}).run.claims[["lhs", "rhs", "gap", "share_holding"]]


def test_again() -> None:
    pd.testing.assert_frame_equal(losses(points()), losses(points()), check_exact=True)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".pt", ".parquet"])
def test_file_formats(suffix: str, tmp_path: Path) -> None:
    save_embeddings(points(), tmp_path / f"e{suffix}")
    read = load_embeddings(tmp_path / f"e{suffix}")
    assert read.digest == points().digest


@pytest.mark.slow
def test_row_order() -> None:
    emb = points()
    other = emb.subset(np.random.default_rng(0).permutation(emb.n))
    np.testing.assert_allclose(losses(emb), losses(other), rtol=0, atol=3e-6)
    np.testing.assert_allclose(claims(emb), claims(other), rtol=0, atol=3e-6)


def test_precision() -> None:
    np.testing.assert_allclose(losses(points()), losses(points(), precision="float64"), rtol=0, atol=3e-5)


@pytest.mark.slow
def test_compiled_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = losses(points())
    for module in ("plain_sums", "positives", "critical", "jackknife.stage", "laplace.pools"):
        monkeypatch.setattr(f"boundcheck.pairwise.{module}.compiled", lambda plan: False)
    np.testing.assert_allclose(compiled, losses(points()), rtol=0, atol=5e-5)
