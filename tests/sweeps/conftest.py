"""Small embeddings whose cells take a fraction of a second."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from boundcheck.embeddings import EmbeddingSet


def clusters(spread: float, n: int = 60, seed: int = 0) -> EmbeddingSet:
    """Three classes around axes; the larger the spread, the less the labels mean."""
    draw = np.random.default_rng(seed)
    y = np.arange(n) % 3
    z = np.eye(8)[y][:, None] + spread * draw.normal(size=(n, 2, 8)) / np.sqrt(8)
    return EmbeddingSet(z.astype(np.float32), y)


@pytest.fixture(scope="session")
def encoders() -> dict[str, EmbeddingSet]:
    return {"tight": clusters(0.5), "noise": clusters(9.0)}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOUNDCHECK_DATA", str(tmp_path / "user-cache"))
