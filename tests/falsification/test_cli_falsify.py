"""`boundcheck falsify` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from boundcheck.cli import main
from boundcheck.embeddings import load_embeddings

SMALL = ["--classes", "2", "--points", "6", "--dim", "3"]


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_find_is_saved_and_the_exit_code_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["falsify", "hscl_ge_ucl", *SMALL, "--beta", "0.1", "--seconds", "300"]) == 1
    captured = capsys.readouterr()
    assert captured.out.startswith("Counterexample to hscl_ge_ucl")
    assert captured.err.endswith("saved: results/falsify-hscl_ge_ucl\n")
    place = Path("results/falsify-hscl_ge_ucl")
    emb = load_embeddings(place / "counterexample.npz")
    run = json.loads((place / "run.json").read_text())
    assert emb.digest == run["data"]["sha256"] and emb.c == 2
    assert run["command"][:3] == ["boundcheck", "falsify", "hscl_ge_ucl"] and run["config"]["betas"] == [0.1]


def test_none_found_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["falsify", "hucl_ge_ucl", *SMALL, "--seconds", "0.5", "--out", "a/b", "--format", "json", "--quiet"])
    captured = capsys.readouterr()
    assert code == 0 and captured.err == ""
    document = json.loads(captured.out)
    assert document["out"] == "a/b" and document["found"] is False and document["effort"]["steps"] > 0
    assert sorted(path.name for path in Path("a/b").iterdir()) == ["report.html", "run.json"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nope"], "claims: expected one of"),
        (["hscl_le_hucl", "--points", "1"], "points: must exceed the 3 classes"),
        (["hscl_le_hucl", "--seconds", "0"], "--seconds: expected a finite number > 0"),
        (["hscl_le_hucl", "--premise", "hod"], "did you mean 'hold'?"),
        (["hucl_ge_ucl", "--premise", "hold"], "use premise=free"),
        (["ucl_ge_instances", "--positives", "class"], "is about views of the same instance"),
        ([], "Missing argument 'CLAIM'"),
        (["hscl_le_hucl", "--out", "used"], "out: 'used' exists and is not a saved run"),
    ],
)
def test_mistakes(arguments: list[str], said: str, workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("used").mkdir()
    Path("used/file").touch()
    assert main(["falsify", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1 and said in captured.err
    assert [path.name for path in workplace.iterdir()] == ["used"]
