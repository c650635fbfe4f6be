"""`boundcheck train` as a user meets it: options of the objective, resuming, what is said while it runs."""

from __future__ import annotations

import json

import pytest

from boundcheck.cli import main
from boundcheck.lab.training import read_history

SHORT = ["train", "--objective", "sscl", "--batch-size", "600", "--option", "synthetic=4"]


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_options_of_the_objective_schedule_and_rates_are_recorded_and_told(workplace, capsys):
    more = ["--option", "tau_plus=0.05", "--schedule", "cosine", "--warmup-epochs", "1", "--accumulate", "2"]
    assert main([*SHORT, *more, "--epochs", "2", "--out", "run"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "run/encoder.pt\n"
    record = read_history("run")[1]
    line = f"epoch 2/2: mean batch loss {record.batch_loss:.4f}, {record.images_per_s:,.0f} images/s"
    assert line in captured.err
    manifest = json.loads((workplace / "run" / "run.json").read_text())
    assert manifest["options"]["tau_plus"] == 0.05 and manifest["options"]["synthetic"] == 4
    assert manifest["schedule"] == {"name": "cosine", "warmup_epochs": 1} and manifest["accumulate"] == 2


def test_quiet_says_nothing(capsys):
    assert main([*SHORT, "--epochs", "1", "--quiet"]) == 0
    captured = capsys.readouterr()
    assert captured.err == "" and captured.out == "runs/sscl-digits/encoder.pt\n"


def test_resume_takes_the_usual_folder_and_keeps_a_finished_run(workplace, capsys):
    for _ in range(2):
        assert main([*SHORT, "--epochs", "1", "--resume", "--quiet"]) == 0
    assert [folder.name for folder in (workplace / "runs").iterdir()] == ["sscl-digits"]
    assert main([*SHORT, "--epochs", "2", "--resume", "--quiet"]) == 2
    assert "resume: epochs must be that of the run in 'runs/sscl-digits', 1, received 2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--option", "tau=1"], "option: expected one of"),
        (["--option", "tau_plus"], "option: must be NAME=VALUE, received 'tau_plus'"),
        (["--option", "beta=3"], "options: expected one of tau_plus, hardest, synthetic"),
        (["--option", "hardest=few"], "hardest: must be a whole number, received 'few'"),
        (["--schedule", "cosin"], "--schedule: expected one of constant, cosine, received 'cosin'"),
        (["--warmup-epochs", "-1"], "--warmup-epochs: expected a whole number >= 0"),
        (["--save-every", "0"], "--save-every: expected a whole number >= 1"),
        (["--resume", "--overwrite"], "resume: cannot go with overwrite"),
    ],
)
def test_one_line_for_every_mistake(arguments, message, workplace, capsys):
    assert main([*SHORT, *arguments, "--quiet"]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1 and message in captured.err
    assert list(workplace.iterdir()) == []
