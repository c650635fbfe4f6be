from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from boundcheck.checkpoints import load_encoder
from boundcheck.encoders import Encoder
from boundcheck.errors import InputError
from boundcheck.lab.training import train
from boundcheck.lab.training.prepare import new_encoder
from boundcheck.ranks import Ranks
from tests.lab.training.steps import CASES, RUN, few_steps, images

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
ALONE = Ranks(0, 1, torch.device("cpu"))


@pytest.fixture(scope="module")
def two_ranks(tmp_path_factory) -> Path:
    """What two processes of torchrun, talking by gloo, left behind."""
    out = tmp_path_factory.mktemp("ranks")
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [sys.executable, *launch, "-m", "tests.lab.training.steps", str(out)]
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return out


@pytest.mark.parametrize(("objective", "accumulate"), CASES)
@pytest.mark.parametrize("rank", [0, 1])
def test_two_ranks_equal_one(rank, objective, accumulate, two_ranks):
    theirs = torch.load(two_ranks / f"rank-{rank}.pt", weights_only=True)[f"{objective}-{accumulate}"]
    own = few_steps(ALONE, objective, accumulate)
    np.testing.assert_allclose(theirs["losses"], own["losses"], rtol=1e-12)
    torch.testing.assert_close(theirs["gradients"], own["gradients"], rtol=1e-8, atol=1e-12)
    # Adam divides a gradient of pure rounding by its own size
    torch.testing.assert_close(theirs["weights"], own["weights"], rtol=1e-8, atol=1e-8)


def flat_weights(encoder: Encoder) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in encoder.parameters()])


def test_a_whole_run_of_two_ranks_equals_that_of_one(two_ranks, tmp_path, one_thread):
    single = train(images(), out=tmp_path / "run", **RUN)
    theirs, own = (flat_weights(load_encoder(path).encoder) for path in (two_ranks / "run" / "encoder.pt", single))
    start = flat_weights(new_encoder(images(), "convnet", seed=0)[0])
    # in float32 Adam turns rounding into steps where a gradient is nearly zero, so few weights differ visibly
    assert (theirs - own).norm() < 0.1 * (own - start).norm()
    histories = [pd.read_csv(folder / "run" / "history.csv").batch_loss for folder in (two_ranks, tmp_path)]
    np.testing.assert_allclose(*histories, rtol=1e-3)
    assert json.loads((two_ranks / "run" / "run.json").read_text())["processes"] == 2


def test_only_the_first_rank_reports(two_ranks):
    told = [int((two_ranks / f"told-{rank}.txt").read_text()) for rank in (0, 1)]
    assert told == [6, 0]


def test_a_mistake_the_first_rank_finds_reaches_both(two_ranks):
    for rank in (0, 1):
        saved = torch.load(two_ranks / f"rank-{rank}.pt", weights_only=True)
        assert saved["mistake"] == "out: the first process says no"


def test_the_shares_of_a_batch_put_together_are_the_batch():
    batch = np.random.default_rng(0).permutation(12)
    parts = [Ranks(rank, 3, torch.device("cpu")).share(batch) for rank in range(3)]
    assert [len(part) for part in parts] == [4, 4, 4] and np.concatenate(parts).tolist() == batch.tolist()


def test_a_batch_that_cannot_be_shared_is_refused(few, tmp_path, monkeypatch):
    three = Ranks(0, 3, torch.device("cpu"))
    monkeypatch.setattr("boundcheck.lab.training.start.join_ranks", lambda device, time_out: three)
    with pytest.raises(InputError, match="batch_size: must be a multiple of the 3 processes, received 32"):
        train(few, objective="ucl", batch_size=32, out=tmp_path / "run")
