"""`--config`: the same options from a file; the command line wins; no key is ignored."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from boundcheck.cli import main
from boundcheck.embeddings import EmbeddingSet, save_embeddings


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BOUNDCHECK_DATA", str(tmp_path / "cache"))
    monkeypatch.setattr("boundcheck.report.write_report", lambda *_: None)  # drawing takes most of a run's time
    monkeypatch.setattr("boundcheck.sweeps.result.write_sweep_report", lambda *_: None)
    y = np.arange(45) % 3
    z = np.eye(6)[y][:, None] + 0.5 * np.random.default_rng(0).normal(size=(45, 2, 6))
    save_embeddings(EmbeddingSet(z, y), "emb.npz")
    return tmp_path


@pytest.fixture
def verified(capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    """The manifest of a run."""

    def verified(*line: str) -> dict[str, Any]:
        assert main(["verify", *line, "--quiet", "--format", "json"]) == 0
        manifest: dict[str, Any] = json.loads(capsys.readouterr().out)["manifest"]
        return manifest

    return verified


def test_options_of_a_file_are_those_of_the_command_line(verified: Callable[..., dict[str, Any]]) -> None:
    Path("study.toml").write_text(
        'embeddings = "emb.npz"\ntemperature = 0.3\nbetas = [1, 2.5]\nq = [1, inf]\nself_pairs = "include"\n'
        'claims = ["hscl_le_hucl"]\nnull = false\n'
    )
    by_file = verified("--config", "study.toml", "--out", "file")
    typed = verified(
        *("--embeddings", "emb.npz", "--temperature", "0.3", "--betas", "1,2.5", "--q", "1,inf"),
        *("--self-pairs", "include", "--claims", "hscl_le_hucl", "--no-null", "--out", "typed"),
    )
    assert by_file["config"] == typed["config"] and by_file["options"] == typed["options"]
    assert Path("file/losses.csv").read_text() == Path("typed/losses.csv").read_text()
    assert by_file["config_file"]["path"] == "study.toml" and typed["config_file"] is None
    assert by_file["options"]["q"] == [1.0, "inf"] and by_file["options"]["null"] is False
    # the command line wins; and a run's own options make it again
    changed = verified("--config", "file/run.json", "--betas", "3", "--out", "changed")
    assert changed["config"] == {**by_file["config"], "betas": [3.0]}


def test_a_run_of_before_is_read_by_its_config(verified: Callable[..., dict[str, Any]]) -> None:
    config = {"temperature": 0.3, "betas": [1.0], "q": [1.0, "inf"], "until_decided": False, "anchors": None}
    config |= {"losses": ["ucl", "hucl", "scl", "hscl"], "claims": ["hscl_le_hucl"], "negatives": [], "null": False}
    Path("run.json").write_text(json.dumps({"config": config}))
    found = verified("--config", "run.json", "--embeddings", "emb.npz")["config"]
    assert {key: found[key] for key in config} == config


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "temprature = 1\nbeta = [1]\nzz = 2",
            "'temprature' (did you mean 'temperature'?), 'beta' (did you mean 'betas'?), 'zz'",
        ),
        ("temperature = true", "temperature takes a number, a text or a list of them, received True"),
        ("temperature = -1", "--temperature: expected a finite number > 0, received '-1'"),
        ("null = 1", "null is true or false, received 1"),
        ("betas = {a = 1}", "betas takes a number"),
        ("betas = [[1]]", "betas takes a number"),
        ("betas = [1", "expected TOML such as"),
        ('plugin = "mine.py"', "give --plugin on the command line"),
        ("[verify]\nbetas = [1]", "unknown options 'verify'"),
        ('embeddings = "emb.npz"\nviews = 2', "--views: cannot be used with --embeddings"),
        ('claims = "hscl_le_hcl"\nembeddings = "emb.npz"', "did you mean 'hscl_le_hucl'"),
        (b"\xff", "expected TOML such as"),
    ],
)
def test_mistakes_in_a_file_are_one_line(text: str | bytes, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    assert main(["verify", "--config", "bad.toml"]) == 2
    told = capsys.readouterr()
    assert said in told.err and len(told.err.splitlines()) == 1 and not told.out
    assert not Path("results").exists()


@pytest.mark.parametrize(
    ("name", "said"), [("nope.toml", "is missing"), (".", "cannot be read"), ("bare.json", "expected a run's run.json")]
)
def test_files_that_are_none(name: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("bare.json").write_text("{}")
    assert main(["verify", "--config", name]) == 2
    assert said in capsys.readouterr().err


def test_a_sweep_takes_it_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    Path("sweep.toml").write_text(
        'embeddings = ["emb.npz"]\ntemperatures = [0.5]\nbetas = [1]\nclaims = "scl_le_ucl"\nnull = false\n'
    )
    assert main(["sweep", "--config", "sweep.toml", "--temperatures", "0.4", "--quiet", "--format", "json"]) == 0
    manifest = json.loads(capsys.readouterr().out)["manifest"]
    assert manifest["config"]["temperatures"] == [0.4] and manifest["config_file"]["path"] == "sweep.toml"
    assert manifest["options"]["embeddings"] == ["emb.npz"]
