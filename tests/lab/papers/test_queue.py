"""A queue of trials that several processes share, and that a trial which cannot be finished does not stop."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import boundcheck.lab.papers as package
from boundcheck._locks import lock
from boundcheck.errors import FileError, InputError
from boundcheck.lab.papers import RECIPES, load_results, queue, reproduce
from boundcheck.lab.papers.presets import Preset, Training

TINY = Preset(
    (
        Training(
            "digits", "convnet", epochs=1, images=100, batch_size=50, held_out=40, tracked_betas=(1.0,),
            objectives=("scl", "hscl"),
        ),
    ),
    betas=(1.0, 1e39),  # 1e39 is infinite in float32: the loss is not a number
    seeds=1,
)  # fmt: skip
REASON = "training: the batch loss must stay finite, received nan in epoch 1, batch 1"
HOLDER = """
import sys
from pathlib import Path
from boundcheck._locks import lock

with lock(Path(sys.argv[1]), wait=False) as held:
    print(held, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setattr(package, "RECIPES", {"jiang2022": replace(RECIPES["jiang2022"], presets={"tiny": TINY})})


def run(folder: Path, **options) -> list[str]:
    """Reproduces; returns what was said."""
    said: list[str] = []
    place = {"out": folder / "out", "trials": folder / "trials", "device": "cpu"}
    reproduce("jiang2022", preset="tiny", say=said.append, **place, **options)
    return said


@pytest.mark.slow
def test_a_trial_that_diverges_is_recorded_and_the_others_go_on(tmp_path):
    plain, tilted, hopeless = list(TINY.trials())
    assert hopeless.beta == 1e39
    swapped = replace(TINY, betas=(1e39, 1.0))
    package.RECIPES["jiang2022"].presets["tiny"] = swapped
    said = run(tmp_path)
    assert any(line.startswith(f"trial 2 of 3: failed, {REASON}") for line in said)
    assert all((tmp_path / "trials" / trial.key / "accuracy.csv").exists() for trial in (plain, tilted))

    results = load_results(tmp_path / "out")
    failed = results.failed.iloc[0]
    assert (failed.objective, failed.beta, failed.seed, len(results.failed)) == ("hscl", 1e39, 0, 1)
    assert failed.reason.startswith(REASON)
    assert set(results.accuracy["beta"].dropna()) == {1.0}
    note = f"Failed: H-SCL, β = 1e+39 on digits, seed 0 ({REASON}"
    for path in (tmp_path / "out" / "tables").glob("*.md"):
        assert note in path.read_text(), path.name
    assert r"\footnotesize Failed: H-SCL, $\beta$~=~1e+39" in (tmp_path / "out" / "tables" / "accuracy.tex").read_text()
    manifest = json.loads((tmp_path / "out" / "run.json").read_text())
    assert (manifest["trials_finished"], manifest["trials_failed"]) == (2, 1)
    assert "2 of 3 encoders, 1 failed" in (tmp_path / "out" / "summary.md").read_text()

    again = run(tmp_path)
    assert len(again) == 2 and f"{hopeless.key} failed ({REASON}" in again[1] and "to try it again" in again[1]


def test_a_mistake_of_the_users_ends_the_queue(tmp_path, monkeypatch):
    def refuse(*args, **options):
        raise FileError("out: no space")

    monkeypatch.setattr(queue, "run_trial", refuse)
    with pytest.raises(FileError, match="no space"):
        run(tmp_path)
    assert not list(tmp_path.rglob("failed.json"))


def test_when_all_trials_fail_the_first_reason_is_given(tmp_path, monkeypatch):
    package.RECIPES["jiang2022"].presets["tiny"] = Preset(
        (replace(TINY.trainings[0], objectives=("hscl",)),), betas=(1e39,), seeds=1
    )
    with pytest.raises(InputError, match=r"none of preset tiny is finished .*1 failed, the first: training: the batch"):
        run(tmp_path)


@pytest.mark.slow
def test_a_trial_another_process_works_on_is_left_to_it(tmp_path):
    package.RECIPES["jiang2022"].presets["tiny"] = replace(TINY, betas=(1.0,))
    first, second = (tmp_path / "trials" / trial.key for trial in list(TINY.trials())[:2])
    command = [sys.executable, "-c", HOLDER, str(first / ".lock")]
    paths = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    other = subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": paths}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout.readline() == "True\n"
    said = run(tmp_path)
    assert said[1].startswith("trial 1 of 2: ") and said[1].endswith("left to the process that is working on it")
    assert not (first / "train").exists() and (second / "accuracy.csv").exists()
    assert load_results(tmp_path / "out").accuracy["objective"].unique().tolist() == ["hscl"]

    other.send_signal(signal.SIGKILL)
    other.wait()
    other.stdin.close()
    other.stdout.close()
    assert run(tmp_path)[1] == f"trial 1 of 2: {next(iter(TINY.trials())).key}"
    assert (first / "accuracy.csv").exists()
    assert pd.read_csv(tmp_path / "out" / "accuracy.csv")["objective"].unique().tolist() == ["scl", "hscl"]


def test_one_lock_at_a_time(tmp_path):
    path = tmp_path / "deep" / ".lock"
    with lock(path, wait=False) as first, lock(path, wait=False) as second:
        assert first and not second
    with lock(path, wait=True) as third:
        assert third


def test_a_lock_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="cannot be written"), lock(tmp_path / "file" / ".lock", wait=False):
        pass
