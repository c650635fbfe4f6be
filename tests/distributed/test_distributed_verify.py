import pickle
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from boundcheck.verification import verify
from tests.distributed.cases import CASES, FRAMES, embeddings, frames
from tests.distributed.launch import torchrun

TOLERANCE = {"anchors": 2e-5}  # stored in float32, with effective sample sizes of tens


@pytest.fixture(scope="module", params=[2, 4])
def ranks(request, tmp_path_factory) -> dict[str, dict[str, Any]]:
    """What the first of several processes of torchrun, talking by gloo, found."""
    out = tmp_path_factory.mktemp("ranks") / "results.pickle"
    done = torchrun(request.param, "tests.distributed.cases", out)
    assert done.returncode == 0, done.stderr
    return pickle.loads(out.read_bytes()) | {"ranks": request.param}


@pytest.fixture(scope="module")
def alone() -> dict[str, dict[str, pd.DataFrame]]:
    return {name: frames(verify(embeddings(name), **options)) for name, (_, _, options) in CASES.items()}


def without_rounding(value: object) -> object:
    """Reasons tell the least slack of claims that hold up to rounding."""
    return re.sub(r"-?[\d.]+e-\d\d", "rounding", value) if isinstance(value, str) else value


@pytest.mark.parametrize("name", CASES)
def test_many_ranks_equal_one_process(name, ranks, alone):
    for frame in FRAMES:
        theirs, own = ranks[name][frame], alone[name][frame]
        assert theirs.columns.equals(own.columns) and theirs.shape == own.shape
        for column in own:
            if pd.api.types.is_float_dtype(own[column]):
                tolerance = TOLERANCE.get(frame, 1e-6) if "ess" not in column else 2e-5
                np.testing.assert_allclose(theirs[column], own[column], rtol=tolerance, atol=tolerance, err_msg=column)
            else:
                assert theirs[column].map(without_rounding).equals(own[column].map(without_rounding)), column


def test_claims_of_every_kind_are_among_the_cases(alone):
    judged = pd.concat([frames["claims"] for frames in alone.values()])
    decided = judged[judged.verdict != "inapplicable"]
    assert set(decided.claim) == set(judged.claim)


def test_no_rank_holds_more_than_its_share(ranks):
    for name, (sizes, _, _) in CASES.items():
        n = sum(sizes)
        assert n // ranks["ranks"] <= ranks[name]["first_shard"] <= -(-n // ranks["ranks"])
        assert ranks[name]["processes"] == ranks["ranks"]


def test_the_first_rank_tells_of_progress(ranks):
    for name, (sizes, views, options) in CASES.items():
        anchors = options.get("anchors") or sum(sizes) * views
        assert max(ranks[name]["told"]) == anchors
