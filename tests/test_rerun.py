"""`boundcheck rerun`: a run again from its record, held against what was promised."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

import boundcheck
from boundcheck.cli import main
from boundcheck.embeddings import load_embeddings
from boundcheck.repetition import OTHERWISE, RANKS, compare, promised
from boundcheck.runs import Run, load_run


def points(path: Path, seed: int = 0) -> Path:
    rng = np.random.default_rng(seed)
    np.savez(path, z=rng.normal(size=(40, 2, 4)).astype(np.float32), y=np.arange(40) % 2)
    return path


@pytest.fixture(scope="module", autouse=True)
def plain_pages() -> Iterator[None]:
    """Pictures take the most time, and nothing here looks at them."""

    def page(_: object, directory: Path) -> None:
        (directory / "report.html").write_text("a page")

    with mock.patch("boundcheck.report.write_report", page):
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with e.npz and the run of it."""
    folder = tmp_path_factory.mktemp("made")
    options = ["--betas", "1", "--q", "1,inf", "--negatives", "10", "--claims", "hscl_le_hucl,hucl_ge_ucl"]
    points(folder / "e.npz")
    run = ["verify", "--embeddings", str(folder / "e.npz"), "--out", str(folder / "run")]
    assert main([*run, *options, "--fail-on", "never", "--quiet"]) == 0
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy to spoil; its command line still names the first one's embeddings."""
    shutil.copytree(made, tmp_path / "copy")
    return tmp_path / "copy"


def told(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["rerun", *map(str, arguments), "--json", "--quiet"]) == code
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def edited(run: Path, old: str, new: str, rehash: bool) -> None:
    """claims.csv with another word in it, and its hash made right."""
    path = run / "claims.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    if rehash:
        manifest = json.loads((run / "run.json").read_text())
        manifest["sha256"]["claims.csv"] = sha256(path.read_bytes()).hexdigest()
        (run / "run.json").write_text(json.dumps(manifest))


@pytest.mark.slow
def test_a_run_is_made_again_bit_for_bit(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(path.read_bytes() for path in (made / "run").glob("*.csv"))
    document = told(capsys, made / "run")
    assert document["kept"] and document["moved"] == [] and document["promise"]["tolerance"] == 0
    assert document["compared"] > 200
    assert sorted(path.read_bytes() for path in (made / "run").glob("*.csv")) == before
    assert main(["rerun", str(made / "run")]) == 0
    said = capsys.readouterr().out
    assert "0 of" in said and "bit for bit (the same machine, threads and versions)" in said
    assert "no promise is broken" in said


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        ["--population", "vmf:classes=3,dim=4,kappa=5,n=40"],
        ["--population", "vmf:classes=3,dim=4,kappa=5", "--estimator", "closed"],
        ["--embeddings", "e.npz", "--until-decided"],
        ["--embeddings", "e.npz", "--anchors", "20", "--duplicates", "drop", "--hardening", "threshold:0.2"],
        ["--embeddings", "e.npz", "--unlabelled", "--no-normalize", "--self-pairs", "include"],
        ["--dataset", "digits", "--anchors", "50", "--views", "1", "--positives", "class", "--no-null"],
        ["--embeddings", "e.npz", "--configurations", "cheap"],
    ],
    ids=["population", "closed", "until decided", "sampled", "unlabelled", "encoder", "configurations"],
)
def test_every_kind_of_run(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BOUNDCHECK_DATA", str(tmp_path / "cache"))
    points(tmp_path / "e.npz")
    few = ["--betas", "1", "--claims", "hucl_ge_ucl", "--fail-on", "never", "--quiet", "--seed", "3"]
    assert main(["verify", *options, *few, "--out", "run"]) == 0
    document = told(capsys, "run")
    assert document["kept"] and document["moved"] == []


def test_other_data_are_refused_by_their_hash(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = points(folder / "other.npz", seed=1)
    assert main(["rerun", str(folder / "run"), "--embeddings", str(other), "--quiet"]) == 2
    said = capsys.readouterr().err
    assert "had the SHA-256" in said and "these have" in said and said.count("\n") == 1


def test_a_table_that_was_changed_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edited(folder / "run", "hucl_ge_ucl", "hscl_le_hucl", rehash=False)
    assert main(["rerun", str(folder / "run")]) == 2
    assert "claims.csv: damaged, its SHA-256 is not" in capsys.readouterr().err


@pytest.mark.slow
def test_a_verdict_that_was_changed_with_its_hash_is_found(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    verdicts = list(load_run(folder / "run").claims.verdict)
    edited(folder / "run", f",{verdicts[0]},", ",violated,", rehash=True)
    document = told(capsys, folder / "run", code=1)
    assert not document["kept"]
    (cell,) = [cell for cell in document["moved"] if cell["column"] == "verdict"]
    assert (cell["before"], cell["now"], cell["by"], cell["broken"]) == ("violated", verdicts[0], None, True)
    assert main(["rerun", str(folder / "run"), "--quiet"]) == 1
    said = capsys.readouterr().out
    assert "1 verdicts" in said and "promise broken by 1" in said and "violated" in said


def test_a_run_of_python_needs_its_embeddings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = points(tmp_path / "e.npz")
    boundcheck.verify(load_embeddings(path), betas=[1.0], claims="hucl_ge_ucl").save(tmp_path / "run")
    assert main(["rerun", str(tmp_path / "run")]) == 2
    assert "does not say where its data are; name them, --embeddings FILE" in capsys.readouterr().err
    assert told(capsys, tmp_path / "run", "--embeddings", path)["moved"] == []


def test_what_is_no_run_is_refused(tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rerun", str(tmp_path / "none")]) == 2
    assert "expected a directory with run.json" in capsys.readouterr().err
    manifest = json.loads((folder / "run" / "run.json").read_text())
    del manifest["config"]["temperature"]
    (folder / "run" / "run.json").write_text(json.dumps(manifest))
    assert main(["rerun", str(folder / "run")]) == 2
    assert "does not hold the settings of a verification" in capsys.readouterr().err


def test_what_is_promised() -> None:
    here = {"boundcheck": "1", "versions": {"torch": "2"}, "platform": {"cpu": "a"}, "threads": 1, "processes": 1}
    assert promised(here, here).tolerance == 0
    assert promised(here, {**here, "processes": 2}).tolerance == RANKS
    for change in ({"threads": 2}, {"platform": {"cpu": "b"}}, {"threads": 2, "processes": 2}):
        assert promised(here, {**here, **change}).tolerance == OTHERWISE
    assert promised({**here, "threads": None}, here).tolerance == OTHERWISE  # runs older than the note of threads
    changed = promised(here, {**here, "versions": {"torch": "3"}})
    assert changed.tolerance is None and changed.because == "versions: torch 2 before, torch 3 now"


def moved(run: Run, table: str, column: str, by: float | str) -> Run:
    frame = getattr(run, table).copy()
    old = frame.loc[0, column]
    frame.loc[0, column] = by if isinstance(by, str) else old + by
    return replace(run, **{table: frame})


def test_moves_within_and_beyond_a_tolerance(made: Path) -> None:
    run = load_run(made / "run")
    slower = replace(run, manifest={**run.manifest, "threads": 99})
    for column in ("estimate", "plugin", "se"):
        for by, kept in ((0.9 * OTHERWISE, True), (1.1 * OTHERWISE, False), (float("nan"), False)):
            found = compare(run, moved(slower, "losses", column, by))
            assert found.kept is kept and [(cell.table, cell.column) for cell in found.moved] == [("losses", column)]
    found = compare(run, moved(slower, "losses", "estimate", 0.25))
    assert found.largest("losses", "estimate") == pytest.approx(0.25) and found.largest("losses", "se") == 0
    assert found.moved[0].row == "ucl constant q=1" or found.moved[0].row.startswith("ucl")
    assert not compare(run, moved(run, "losses", "estimate", 1e-12)).kept, "bit for bit on the same machine"
    assert compare(run, moved(slower, "claims", "p_value", 0.1)).kept, "of which nothing is promised"


def test_a_verdict_may_turn_on_the_edge_alone(made: Path) -> None:
    run = load_run(made / "run")
    slower = moved(replace(run, manifest={**run.manifest, "threads": 99}), "claims", "verdict", "another")
    assert not compare(run, slower).kept
    edge = run.claims.copy()
    edge.loc[0, "ci_low"] = OTHERWISE
    at_edge = [replace(one, claims=edge.assign(verdict=one.claims.verdict)) for one in (run, slower)]
    found = compare(*at_edge)
    assert found.kept and [cell.column for cell in found.moved] == ["verdict"]


def test_tables_of_other_rows(made: Path) -> None:
    run = load_run(made / "run")
    found = compare(run, replace(run, claims=run.claims.iloc[1:]))
    assert not found.kept and [cell.column for cell in found.moved] == ["rows"]
