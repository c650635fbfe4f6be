"""`boundcheck runs`: every kind of saved run, newest first; what cannot be read is not left out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import boundcheck as bc
from boundcheck.cli import main
from boundcheck.embeddings import EmbeddingSet
from boundcheck.errors import FileError
from boundcheck.report.listing import saved_runs
from boundcheck.runs import Run, load_run, save_run


@pytest.fixture(scope="module")
def run() -> Run:
    y = np.arange(60) % 3
    z = np.eye(6)[y][:, None] + 0.3 * np.random.default_rng(0).normal(size=(60, 2, 6))
    meta = {"dataset": "blobs", "checkpoint": "runs/a/encoder.pt"}
    emb = EmbeddingSet(z, y, meta=meta)
    found = bc.verify(emb, betas=[1.0], claims="hscl_le_hucl,scl_le_ucl,hscl_ge_ucl", null=False).run
    theorem = found.claims["kind"] == "theorem"
    return replace(found, claims=found.claims.assign(verdict=found.claims["verdict"].mask(theorem, "holds")))


def made(run: Run, created: str, **changes: object) -> Run:
    return replace(run, manifest={**run.manifest, "created": created, **changes})


def test_runs_are_listed_newest_first(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_run(made(run, "2026-01-01T10:00:00+00:00"), tmp_path / "old")
    violated = run.claims.assign(
        verdict=run.claims["verdict"].mask(run.claims["claim"] == "hscl_le_hucl", "violated"), premise_share=0.5
    )
    save_run(replace(made(run, "2026-01-03T10:00:00+00:00"), claims=violated), tmp_path / "deep" / "new")
    collapsed = made(run, "2026-01-02T10:00:00+00:00", collapse="The encoder has collapsed.")
    save_run(collapsed, tmp_path / "collapsed")
    save_run(made(run, "2026-01-04T10:00:00+00:00", cell="abc"), tmp_path / "cells" / "cell")
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "run.json").write_text("{}")
    assert main(["runs", str(tmp_path), "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [Path(one["folder"]).name for one in listed] == ["new", "collapsed", "old"]
    assert [one["verdict"] for one in listed] == [
        "2 theorems: 1 violated, premise fails, 1 holds", "collapsed: nothing concluded", "2 theorems: 2 hold",
    ]  # fmt: skip
    assert listed[0]["data"] == "blobs, n = 60" and listed[0]["encoder"] == "runs/a/encoder.pt"
    assert listed[0]["temperature"] == [0.5] and listed[0]["kind"] == "verify"
    assert main(["runs", str(tmp_path)]) == 0
    header, first, *_ = capsys.readouterr().out.splitlines()
    assert header.split()[0] == "created" and first.startswith("2026-01-03 10:00")


def test_a_theorem_that_is_decided_in_part_is_counted(run: Run, tmp_path: Path) -> None:
    rows = run.claims[run.claims["claim"] == "hscl_le_hucl"]
    harder = rows.assign(beta=9.0, verdict="undecided")
    save_run(replace(run, claims=pd.concat([run.claims, harder])), tmp_path / "part")
    assert [one.verdict for one in saved_runs(tmp_path)] == ["2 theorems: 1 holds in part, 1 holds"]


def test_other_kinds_are_listed_and_are_no_verification(run: Run, tmp_path: Path) -> None:
    bc.compare({"one": run, "two": replace(run)}).save(tmp_path / "comparison")
    (listed,) = saved_runs(tmp_path)
    assert (listed.kind, listed.encoder, listed.temperature) == ("compare", "one, two", (0.5,))
    with pytest.raises(FileError, match=r"expected the folder of a verification, received .* of compare"):
        load_run(tmp_path / "comparison")


def test_a_damaged_run_is_listed_with_the_reason(run: Run, tmp_path: Path) -> None:
    folder = save_run(run, tmp_path / "damaged")
    (folder / "claims.csv").write_text("claim,kind\n")
    (listed,) = saved_runs(tmp_path)
    assert listed.verdict.startswith("cannot be read: claims.csv")
    (folder / "run.json").write_text("{")
    assert saved_runs(tmp_path)[0].verdict.startswith("cannot be read: run.json")


def test_a_folder_without_runs_and_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", str(tmp_path)]) == 0
    assert "no saved runs in" in capsys.readouterr().out
    assert main(["runs", str(tmp_path / "nope")]) == 2
    assert "expected a folder of saved runs" in capsys.readouterr().err
