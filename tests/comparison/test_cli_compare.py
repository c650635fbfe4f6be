"""`boundcheck compare` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import boundcheck as bc
from boundcheck.cli import main
from boundcheck.embeddings import save_embeddings
from boundcheck.runs import save_run
from tests.comparison.test_compare import encoder

FAST = ["--betas", "1", "--no-null", "--no-by-class", "--quiet"]


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BOUNDCHECK_DATA", str(tmp_path / "cache"))
    for name, how in {"a0": (0.6, 1), "a1": (0.6, 2), "b0": (0.9, 4)}.items():
        save_embeddings(encoder(*how), tmp_path / f"{name}.npz")
    return tmp_path


@pytest.mark.slow
def test_named_seeds_and_a_method_and_saved_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "a=a0.npz", "a=a1.npz", "b=b0.npz", *FAST, "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert Path(document["out"], "comparison.csv").exists() and document["out"].endswith("a-vs-b")
    assert {(row["method"], row["against"], row["seeds"]) for row in document["comparison"]} == {
        ("a", "", 2), ("b", "", 1), ("b", "a", 1),
    }  # fmt: skip
    assert document["manifest"]["command"][:2] == ["boundcheck", "compare"]
    for name, how in {"a0": (0.6, 1), "b0": (0.9, 4)}.items():
        save_run(bc.verify(encoder(*how), claims="hscl_le_hucl", betas=[1], null=False).run, name)
    assert main(["compare", "a0", "b0", "--quiet"]) == 0
    said = capsys.readouterr().out
    assert "a0 (1 encoder), b0 (1 encoder); 60 instances" in said and "paired by instance: b0 − a0" in said
    assert main(["compare", "--seeds", "a0", "b0", "--quiet", "--out", "seeds"]) == 0
    assert "seeds (2 encoders); 60 instances" in capsys.readouterr().out
    assert main(["compare", "a0", "b0", "--betas", "1"]) == 2
    assert "--betas: has no effect on saved runs" in capsys.readouterr().err
    assert main(["compare", "a0", "b0.npz"]) == 2
    assert "received the run 'a0' and the encoder 'b0'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ([], "expected two or more encoders, received 0"),
        (["a0.npz"], "expected two or more encoders, received 1"),
        (["a0.npz", "nope.npz"], "nope.npz"),
        (["a0.npz", "b="], "received 'b' without a path"),
        (["--seeds", "a=a0.npz", "b0.npz"], "--seeds: says that all are of one method, received the name 'a'"),
        (["a0.npz", "b0.npz", "--temprature", "1"], "--temprature"),
        (["a0.npz", "b0.npz", "--out", "a0.npz"], "out: 'a0.npz'"),
        (["x=a0.npz", "x=a0.npz"], "have the same embeddings"),
    ],
)
def test_mistakes_are_one_line(line: list[str], said: str, workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = set(workplace.rglob("*"))
    assert main(["compare", *line]) == 2
    told = capsys.readouterr()
    assert said in told.err and len(told.err.splitlines()) == 1 and not told.out
    assert {path for path in workplace.rglob("*") if "cache" not in path.parts} == before
