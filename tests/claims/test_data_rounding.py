"""Embeddings that came in float32 are good to that, whatever the precision of the sums."""

import numpy as np
import pytest

import boundcheck as bc

CLASSES, EACH = 10, 50


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["auto", "float64"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_neural_collapse_violates_no_floor(dtype: str, precision: str) -> None:
    """The loss is its floor: rounding of the embeddings, 1e-8 nats below it, contradicts no theorem."""
    y = np.repeat(np.arange(CLASSES), EACH)
    z = (np.eye(CLASSES) - 1 / CLASSES)[y].astype(dtype)
    found = bc.verify(bc.EmbeddingSet(z, y), precision=precision).to_frame()
    floors = found[found.claim.isin(["scl_ge_collapse", "scl_ge_unbalanced"])]
    assert len(floors) == 12 and set(floors.verdict) <= {"holds", "undecided"}
    assert not set(found.verdict) & {"violated", "fails"}
    if (dtype, precision) == ("float32", "float64"):
        near = floors[floors.reason.str.contains("what rounding may do")]
        assert len(near) and near.remedy.str.startswith("embeddings in float64").all()


def test_rows_longer_than_one_are_allowed_for() -> None:
    """Norms within 1e-6 of one pass as unit: floors are then judged up to what the longest may do."""
    y = np.repeat(np.arange(CLASSES), EACH)
    z = (np.eye(CLASSES) - 1 / CLASSES)[y]
    z *= (1 + 5e-7) / np.linalg.norm(z, axis=1, keepdims=True)
    found = bc.verify(bc.EmbeddingSet(z, y, normalize=False), precision="float64").to_frame()
    floors = found[found.claim == "scl_ge_collapse"]
    assert (floors.gap < -1e-8).any() and not (floors.verdict == "violated").any()
