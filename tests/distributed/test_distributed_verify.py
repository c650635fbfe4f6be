import pickle
import re

import numpy as np
import pandas as pd
import pytest

import boundcheck.verification
from boundcheck.verification import verify
from boundcheck.verified import Verification
from tests.distributed.cases import CASES, FRAMES, embeddings, frames
from tests.distributed.launch import torchrun

TOLERANCE = {"anchors": 2e-5}  # stored in float32, with effective sample sizes of tens


TOLD = re.compile(r"-?[\d.]+e-\d\d|(?<=anchors )-?[\d.]+(?= nats)|(?<=are those of )\w+(?=, the smaller step)")


def without_rounding(value: object) -> object:
    """Reasons tell the least slack of claims and which of two is the smaller, which rounding may turn."""
    return TOLD.sub("rounding", value) if isinstance(value, str) else value


def assert_equal(theirs: pd.DataFrame, own: pd.DataFrame, tolerance: float, name: str) -> None:
    assert theirs.columns.equals(own.columns) and theirs.shape == own.shape
    for column in own:
        if pd.api.types.is_float_dtype(own[column]):
            close = 2e-5 if "ess" in column else tolerance
            np.testing.assert_allclose(theirs[column], own[column], rtol=close, atol=close, err_msg=f"{name}: {column}")
        else:
            same = theirs[column].map(without_rounding).equals(own[column].map(without_rounding))
            assert same, f"{name}: {column}"


def alone(name: str) -> Verification:
    """By one process, without what is not looked at on shards: parts of the sample, permuted labels, duplicates."""
    with pytest.MonkeyPatch.context() as patch:
        for look in ("with_parts", "with_permutations", "with_duplicates"):
            patch.setattr(boundcheck.verification, look, lambda losses, *_, **__: losses)
        return verify(embeddings(name), **CASES[name][2])


@pytest.mark.slow
@pytest.mark.parametrize("ranks", [2, 4])
def test_many_ranks_equal_one_process(ranks, tmp_path):
    """Processes of torchrun, talking by gloo."""
    out = tmp_path / "results.pickle"
    done = torchrun(ranks, "tests.distributed.cases", out)
    assert done.returncode == 0, done.stderr
    judged = []
    for name, found in pickle.loads(out.read_bytes()).items():
        sizes, views, options = CASES[name]
        own = frames(alone(name))
        judged.append(own["claims"])
        for frame in FRAMES:
            assert_equal(found[frame], own[frame], TOLERANCE.get(frame, 1e-6), f"{name}: {frame}")
        assert sum(sizes) // ranks <= found["first_shard"] <= -(-sum(sizes) // ranks)
        assert max(found["told"]) == options.get("anchors", sum(sizes) * views)
        assert found["processes"] == ranks
        assert any("several processes" in said for said in found["warnings"]) == ("population" not in name)
    claims = pd.concat(judged)
    behind_relu = {"scl_ge_orthogonal", "ucl_ge_orthogonal"}  # the cases lie all over the sphere
    judged_once = set(claims.claim[claims.verdict != "inapplicable"])
    assert judged_once == set(claims.claim) - behind_relu, "a claim is not among the cases"
