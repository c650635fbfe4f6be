"""A batch loss with Q = 1 on the whole data set is the population loss of the same embeddings."""

from __future__ import annotations

import pytest
import torch

from boundcheck.embeddings import EmbeddingSet
from boundcheck.estimators.exact import exact
from boundcheck.hardening import Exponential
from boundcheck.lab.objectives import OBJECTIVES
from boundcheck.spec import Variant


@pytest.mark.parametrize("positives", ["augmentation", "class"])
@pytest.mark.parametrize("objective", ["ucl", "hucl", "scl", "hscl"])
def test_the_batch_loss_is_the_plug_in_estimate(objective, positives):
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(60) % 4
    emb = EmbeddingSet(torch.randn(60, 2, 6, generator=generator, dtype=torch.float64), y)
    table = exact(emb, Variant(0.3, hardening=(Exponential(2.0),), positives=positives), intervals=False).to_frame()
    expected = table.loc[table.loss == objective, "plugin"].item()
    tilt = {"beta": 2.0} if objective.startswith("h") else {}
    value = OBJECTIVES[objective](torch.from_numpy(emb.z), y, temperature=0.3, positives=positives, q=1.0, **tilt)
    assert value.item() == pytest.approx(expected, rel=1e-6)
