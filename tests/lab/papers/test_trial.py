"""One trial, of the four losses or of an objective of another paper."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from boundcheck.lab.papers.presets import Training, Trial
from boundcheck.lab.papers.trial import is_finished, run_trial

SMALL = Training("digits", "convnet", epochs=1, images=60, batch_size=30, held_out=40, tracked_betas=(1.0,), q=2.0)


@pytest.mark.slow
@pytest.mark.parametrize(("objective", "beta", "options"), [("schane", 0.5, {}), ("dcl", None, {"q": 2.0})])
def test_an_objective_of_another_paper_takes_the_settings_that_it_knows(tmp_path, objective, beta, options):
    trial = Trial(SMALL, objective, beta, 0)
    run_trial(trial, tmp_path, device="cpu")
    assert is_finished(tmp_path)
    made = json.loads((tmp_path / "train" / "run.json").read_text())
    assert made["config"]["objective"] == objective and options.items() <= made["options"].items()
    assert "drawn" not in made["options"]
    assert set(pd.read_csv(tmp_path / "tracking.csv")["loss"]) == {"ucl", "hucl", "scl", "hscl"}
