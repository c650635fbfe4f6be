"""`boundcheck sweep` as a user meets it."""

from __future__ import annotations

import json
import re
from functools import wraps
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import boundcheck.cli.progress
import boundcheck.sweeps
import boundcheck.sweeps.grid
from boundcheck.cli import main
from boundcheck.embeddings import save_embeddings
from tests.claims.designs import hub_and_rim
from tests.sweeps.conftest import clusters

FAST = ["--claims", "hscl_le_hucl,scl_le_ucl", "--betas", "1,5", "--temperatures", "0.2,1"]


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own with two files of embeddings, and without the user's cache."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BOUNDCHECK_DATA", str(tmp_path / "cache"))
    save_embeddings(clusters(0.5), "tight.npz")
    save_embeddings(clusters(9.0), "noise.npz")
    return tmp_path


@pytest.mark.slow
def test_a_sweep_and_the_same_again(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boundcheck.cli.progress._Lines, "_QUICK", 0.0)  # these cells take less than a second
    assert main(["sweep", "tight.npz", "noise.npz", *FAST]) == 0
    captured = capsys.readouterr()
    place = Path("results/sweep-encoders")
    assert captured.out.startswith("2 encoders at 2 temperatures.")
    assert f"report: {place}/report.html" in captured.err
    assert "anchors (tight, temperature 0.2, cell 1 of 4)" in captured.err
    assert len(pd.read_csv(place / "sweep.csv")) == 12
    manifest = json.loads((place / "run.json").read_text())
    assert manifest["command"] == ["boundcheck", "sweep", "tight.npz", "noise.npz", *FAST]
    assert len(list(Path("results/cells").iterdir())) == 4
    links = re.findall(r'<a href="([^"#]+)">τ = ', (place / "report.html").read_text(encoding="utf-8"))
    assert len(links) == 4 and all((place / link).is_file() for link in links)
    # each cell is a run that can be reported on its own
    assert main(["report", manifest["cells"][0]["run"]]) == 0
    assert main(["report", str(place)]) == 0

    @wraps(boundcheck.sweeps.grid.verify)
    def computed(*_: Any, **__: Any) -> None:
        pytest.fail("nothing was left to compute")

    monkeypatch.setattr(boundcheck.sweeps.grid, "verify", computed)
    capsys.readouterr()
    assert main(["sweep", "--embeddings", "tight.npz", "--embeddings", "noise.npz", *FAST]) == 0
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "4 of 4 cells were finished before and are read from results/cells"
    again = Path("results/sweep-encoders-2/sweep.csv")
    assert again.read_text() == (place / "sweep.csv").read_text()


@pytest.mark.slow
def test_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", "tight.npz", *FAST, "--out", "s", "--format", "json", "--quiet"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    document = json.loads(captured.out, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    assert {"out", "notes", "manifest", "sweep", "losses", "assumption"} == set(document)
    assert [row["temperature"] for row in document["sweep"]] == [0.2] * 3 + [1.0] * 3
    assert document["manifest"]["config"]["betas"] == [1, 5] and Path("cells").is_dir()


@pytest.mark.slow
def test_exit_code_follows_fail_on() -> None:
    save_embeddings(hub_and_rim(), "backwards.npz")
    arguments = ["sweep", "tight.npz", "backwards.npz", "--claims", "scl_le_ucl", "--betas", "1", "--quiet"]
    assert main(arguments) == 1
    assert main([*arguments, "--fail-on", "never"]) == 0


def test_options_reach_the_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}

    class Stop(Exception):
        pass

    def record(encoders: Any, **options: Any) -> None:
        given.update(options, encoders=encoders)
        raise Stop

    monkeypatch.setattr(boundcheck.sweeps, "sweep", record)
    arguments = (
        "tight.npz --embeddings noise.npz --no-normalize --no-cache --temperatures 0.1,1 --betas 0,3 --q 2,inf "
        "--hardening exp,threshold:0.5 --positives class --self-pairs include --class-prior balanced --losses scl,hscl "
        "--claims hscl_le_hucl --estimator montecarlo --anchors 7 --negatives 9 --confidence 0.9 --seed 4 --device cpu "
        "--precision float64 --dataset digits --split train --views 3 --data-dir d --arch convnet --cells c --quiet"
    )
    assert main(["sweep", *arguments.split()]) == 70  # Stop is no error a user can make
    assert given.pop("ranks").size == 1
    assert given == {
        "encoders": [Path("tight.npz"), Path("noise.npz")], "normalize": False, "cache": False,
        "temperatures": (0.1, 1.0), "betas": (0.0, 3.0), "q": (2.0, float("inf")),
        "hardening": ("exp", "threshold:0.5"), "positives": "class", "self_pairs": "include",
        "class_prior": "balanced", "losses": ("scl", "hscl"), "claims": ("hscl_le_hucl",),
        "estimator": "montecarlo", "anchors": 7, "negatives": (9,), "until_decided": False,
        "confidence": 0.9, "seed": 4, "device": "cpu", "precision": "float64", "dataset": "digits",
        "split": "train", "views": 3, "data_dir": Path("d"), "arch": "convnet", "cells": Path("c"), "progress": None,
        "checkpoint_format": None, "trust_checkpoint": False, "layer": None, "design": "auto", "duplicates": "keep",
        "null": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "ENCODERS: expected at least one checkpoint or file of embeddings, received none"),
        ("tight.npz absent.pt", "absent.pt"),
        ("tight.npz absent.npz", "absent.npz: does not exist"),
        ("tight.npz --temperatures 0.5,0", "--temperatures: expected a finite number > 0, received '0'"),
        ("tight.npz --temperature 0.5", "--temperature"),
        ("tight.npz --betas -1", "--betas: expected a finite number >= 0"),
        ("tight.npz --claims scl_le_ucI", "did you mean 'scl_le_ucl'?"),
        ("tight.npz --hardening treshold:1", "did you mean 'threshold:T'?"),
        ("tight.npz --dataset nowhere digits.pt", "digits.pt"),
        ("tight.npz --out tight.npz", "out: 'tight.npz' is a file"),
        ("tight.npz --cells noise.npz", "noise.npz is a file"),
    ],
)
def test_one_line_for_every_mistake(
    arguments: str, message: str, capsys: pytest.CaptureFixture[str], workplace: Path
) -> None:
    before = sorted(workplace.rglob("*"))
    assert main(["sweep", *arguments.split()]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1 and message in captured.err
    assert sorted(workplace.rglob("*")) == before
