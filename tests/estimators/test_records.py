"""What a table of losses says of averages over anchors."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from boundcheck.embeddings import EmbeddingSet
from boundcheck.estimators.exact import exact
from boundcheck.spec import Variant


@pytest.mark.parametrize("sampled", [20, 36])
def test_averages_over_sampled_anchors_have_the_error_of_drawing_without_replacement(sampled: int) -> None:
    """Of N numbers of variance S^2, the mean of m drawn without replacement has variance (1 - m / N) S^2 / m."""
    rng = np.random.default_rng(0)
    emb = EmbeddingSet(rng.standard_normal((40, 1, 3)), np.arange(40) % 2)
    variant = Variant(hardening=(), positives="class", self_pairs="include")
    numbers = torch.from_numpy(rng.standard_normal(40))
    found = []
    for _ in range(40):
        anchors = torch.from_numpy(np.sort(rng.choice(40, sampled, replace=False)))
        average = exact(emb, variant, anchors=anchors, intervals=False).average(numbers[anchors])
        assert average.value == pytest.approx(float(numbers[anchors].mean()))
        found.append(average.se**2)
    assert np.mean(found) == pytest.approx((1 - sampled / 40) * float(numbers.var()) / sampled, rel=0.1)
