"""Claims on a run of some of the losses: what reads another is inapplicable and says which."""

from itertools import combinations

import numpy as np
import pytest

import boundcheck as bc
from tests.claims.designs import clusters

SOME = [some for count in (1, 2, 3) for some in combinations(("ucl", "hucl", "scl", "hscl"), count)]


@pytest.mark.slow
@pytest.mark.parametrize("losses", SOME, ids="-".join)
def test_a_claim_about_a_loss_that_was_left_out_is_inapplicable(losses):
    emb = clusters(per_class=20, views=1, spread=0.8)
    found = bc.verify(emb, losses=losses, betas=(1.0,), configurations="cheap").to_frame()
    assert set(found.verdict) <= {"holds", "undecided", "inapplicable", "passes", "occurs", "does not occur"}
    nearest = found[found.claim == "worst_case_bounds_1nn"].iloc[0]
    assert (nearest.verdict == "passes") == ("scl" in losses)
    if "scl" not in losses:
        assert "SCL is not among those computed" in nearest.reason
    assert np.all(found[found.verdict == "inapplicable"].reason != "")
