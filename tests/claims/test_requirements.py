"""Requirements on the input: met where they are, and otherwise a reason that says what would meet them."""

from __future__ import annotations

import numpy as np
import pytest

from boundcheck.claims.requirements import ONE_VIEW
from boundcheck.embeddings import EmbeddingSet
from boundcheck.estimators.exact import exact
from boundcheck.spec import Variant


@pytest.mark.slow
def test_one_view_of_each_instance() -> None:
    two = EmbeddingSet(np.random.default_rng(0).standard_normal((12, 2, 3)), np.arange(12) % 3)
    variant = Variant(hardening=(), positives="class")
    assert ONE_VIEW.unmet(exact(two.first_views(1), variant)) is None
    assert ONE_VIEW.unmet(exact(two, variant)) == "is about one view of each instance, received 2; keep one"
