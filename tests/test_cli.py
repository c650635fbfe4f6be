"""The command line as a user meets it: exit codes, one-line errors, files, formats, progress."""

from __future__ import annotations

import io
import itertools
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import boundcheck.verification
from boundcheck.cli import COMMANDS, _out_of_memory, main
from boundcheck.cli.progress import reporting
from boundcheck.embeddings import EmbeddingSet, load_embeddings, save_embeddings
from tests.chromium import load_in_chromium
from tests.claims.designs import hub_and_rim

FAST = ["--claims", "hscl_le_hucl,hucl_ge_ucl", "--betas", "1"]


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test in a folder of its own, without the user's cache."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BOUNDCHECK_DATA", str(tmp_path / "cache"))
    return tmp_path


def clusters(n: int = 60, v: int = 2, spread: float = 0.5, **extra: Any) -> EmbeddingSet:
    """Three separated classes."""
    draw = np.random.default_rng(0)
    y = np.arange(n) % 3
    z = np.eye(8)[y][:, None] + spread * draw.normal(size=(n, v, 8)) / np.sqrt(8)
    return EmbeddingSet(z.astype(np.float32), y, **extra)


@pytest.fixture
def saved(workplace: Path) -> str:
    save_embeddings(clusters(), "emb.npz")
    return "emb.npz"


@pytest.fixture
def fails(workplace: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command line that must end with one line on stderr and write nothing, and gives that line."""

    def files() -> list[Path]:
        """All but whole embeddings in the cache, which are welcome whatever comes after them."""
        kept = {workplace / "cache", workplace / "cache/embeddings", *workplace.glob("cache/embeddings/[!.]*.npz")}
        return sorted(set(workplace.rglob("*")) - kept)

    def run(*arguments: str, code: int = 2) -> str:
        before = files()
        capsys.readouterr()
        assert main(arguments) == code
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1 and captured.err.startswith("boundcheck: error: ")
        assert files() == before
        return captured.err.strip()

    return run


# help


def in_a_fresh_process(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["--help"], *([name, "--help"] for name in COMMANDS), ["--version"], []])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    out = in_a_fresh_process(
        f"import sys; from boundcheck.cli import main; code = main({arguments!r});"
        "print(code, sorted({'torch', 'numpy', 'pandas', 'matplotlib', 'sklearn'} & set(sys.modules)))"
    )
    assert out.splitlines()[-1] == "0 []"
    assert "boundcheck" in out


@pytest.mark.slow
def test_a_run_imports_nothing_slow_that_it_does_not_use(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "emb.npz", z=rng.standard_normal((30, 2, 4)), y=np.arange(30) % 3)
    arguments = ["verify", "--embeddings", str(tmp_path / "emb.npz"), "--out", str(tmp_path / "run"), "--quiet"]
    out = in_a_fresh_process(
        f"import sys; from boundcheck.cli import main; code = main({[*arguments, '--fail-on', 'never']!r});"
        "slow = {'seaborn', 'scipy.stats', 'scipy.optimize', 'requests', 'sklearn', 'torchvision', 'kornia'};"
        "print(code, sorted(slow & set(sys.modules)))"
    )
    assert out.splitlines()[-1] == "0 []"
    assert (tmp_path / "run" / "report.html").is_file()


def test_what_serves_from_the_cache_imports_nothing_that_makes_views() -> None:
    assert in_a_fresh_process("import sys, boundcheck.cache; print('kornia' in sys.modules)").split() == ["False"]


def test_python_m() -> None:
    done = subprocess.run([sys.executable, "-m", "boundcheck", "verfy"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "did you mean 'verify'?" in done.stderr


# verify


def test_verify_without_arguments(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["verify"]) == 0
    captured = capsys.readouterr()
    place = Path("results/digits-test")
    files = {"run.json", "losses.csv", "claims.csv", "assumption.csv", "anchors.parquet", "report.html"}
    assert files <= {path.name for path in place.iterdir()}
    assert f"report: {place}/report.html" in captured.err
    assert "hscl_le_hucl" in captured.out and "as stored in the checkpoint" in captured.out
    manifest = json.loads((place / "run.json").read_text())
    assert manifest["command"] == ["boundcheck", "verify"]
    assert (manifest["data"]["n"], manifest["data"]["v"]) == (597, 2)
    assert manifest["cost"]["ns_per_pair"] > 0
    dom, console, requests = load_in_chromium((place / "report.html").resolve(), tmp_path)
    assert "H-SCL is at most H-UCL" in dom
    assert console == [] and requests == []


def test_verify_embeddings(saved: str, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("emb", "emb-2", "emb-3"):
        assert main(["verify", "--embeddings", saved, *FAST]) == 0
        assert (Path("results") / name / "run.json").is_file()
    assert "stored" not in capsys.readouterr().out


@pytest.mark.slow
def test_verify_a_known_population(capsys: pytest.CaptureFixture[str]) -> None:
    text = "vmf:classes=3,dim=6,kappa=8,n=80"
    assert main(["verify", "--population", text, *FAST, "--quiet", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    rows = document["population"]
    assert [row["quantity"] for row in rows] == ["ucl", "scl", "hucl", "hscl", "assumption1", "assumption1"]
    assert [row["estimate"] for row in rows[:4]] == [row["estimate"] for row in document["losses"]]
    assert document["manifest"]["data"]["n"] == 80
    assert document["out"] == "results/vmf-classes-3-dim-6-imbalance-1-n-80-views-1-kappa-8"
    assert main(["verify", "--population", text, *FAST, "--quiet", "--estimator", "closed", "--format", "json"]) == 0
    closed = json.loads(capsys.readouterr().out)
    assert {row["estimator"] for row in closed["losses"]} == {"closed"}
    assert "population" not in closed


@pytest.mark.slow
def test_sampling_until_decided_says_when_it_stopped(saved: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--embeddings", saved, *FAST, "--until-decided", "--max-anchors", "50"]) == 0
    assert "estimator: stopped at 50 of 120 anchors (look 1)" in capsys.readouterr().err


@pytest.mark.slow
def test_json_is_one_strict_document(saved: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["verify", "--embeddings", saved, *FAST, "--q", "1,inf", "--format", "json", "--out", "run", "--quiet"]
    assert main(arguments) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    document = json.loads(captured.out, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    assert {row["q"] for row in document["claims"]} == {1.0, "inf"}
    assert document["out"] == "run" and document["manifest"]["command"][1:] == arguments
    saved_claims = pd.read_csv("run/claims.csv")
    assert [row["gap"] for row in document["claims"]] == pytest.approx(saved_claims["gap"].tolist())
    assert {row["loss"] for row in document["losses"]} == {"ucl", "hucl", "scl", "hscl"}


@pytest.mark.slow
def test_out_is_never_overwritten_by_chance(saved: str, fails: Callable[..., str]) -> None:
    arguments = ["verify", "--embeddings", saved, *FAST, "--quiet", "--out", "run"]
    assert main(arguments) == 0
    before = Path("run/run.json").read_bytes()
    assert "'run' already holds a run; choose another with --out, or pass --overwrite" in fails(*arguments)
    assert Path("run/run.json").read_bytes() == before
    assert main([*arguments, "--overwrite"]) == 0
    assert Path("run/run.json").read_bytes() != before
    Path("mine").mkdir()
    Path("mine/notes.txt").write_text("not a run")
    fails(*arguments[:-1], "mine", "--overwrite")
    assert Path("mine/notes.txt").read_text() == "not a run"


@pytest.mark.slow
def test_commands_at_once_keep_every_run(saved: str, workplace: Path) -> None:
    """Four at once once left one folder, and two on one name as well, all with exit code 0."""
    command = [sys.executable, "-m", "boundcheck", "verify", "--embeddings", saved, *FAST, "--quiet", "--temperature"]
    started = [subprocess.Popen([*command, str(t)], stdout=subprocess.DEVNULL) for t in (0.2, 0.5, 0.7, 1)]
    assert [process.wait() for process in started] == [0] * 4
    runs = [json.loads(path.read_text()) for path in sorted(workplace.glob("results/*/run.json"))]
    assert sorted(run["config"]["temperature"] for run in runs) == [0.2, 0.5, 0.7, 1]
    started = [subprocess.Popen([*command, str(t), "--out", "one"], stderr=subprocess.PIPE) for t in (0.2, 0.5)]
    codes = {process.wait(): process for process in started}
    assert sorted(codes) == [0, 2]
    assert b"is being written by another process" in codes[2].communicate()[1]
    assert json.loads(Path("one/run.json").read_text())["config"]["temperature"] in (0.2, 0.5)
    assert not [path.name for path in workplace.rglob("*.part")]


def test_embed_replaces_a_file_only_when_asked(fails: Callable[..., str]) -> None:
    Path("emb.npz").write_text("mine")
    assert "already holds a file" in fails("embed", "--out", "emb.npz", "--quiet")
    assert Path("emb.npz").read_text() == "mine"
    assert main(["embed", "--out", "emb.npz", "--quiet", "--overwrite"]) == 0
    assert load_embeddings("emb.npz").c == 10


@pytest.mark.slow
def test_what_a_checkpoint_stores_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    train = ["train", "--objective", "hscl", "--beta", "3", "--temperature", "0.25", "--epochs", "1", "--quiet"]
    assert main([*train, "--out", "runs/a"]) == 0
    assert capsys.readouterr().out == "runs/a/encoder.pt\n"
    arguments = ["--checkpoint", "runs/a/encoder.pt", "--claims", "hscl_le_hucl", "--quiet"]
    assert main(["verify", *arguments, "--fail-on", "never"]) == 0
    said = capsys.readouterr().out
    assert "temperature 0.25, as stored in the checkpoint" in said
    assert "betas include 3, as stored in the checkpoint" in said
    config = json.loads(Path("results/a-digits-test/run.json").read_text())["config"]
    assert config["temperature"] == 0.25 and config["betas"] == [0.5, 1, 2, 3, 5, 10]
    # the same through saved embeddings, and what is given counts before what is stored
    assert main(["embed", "--checkpoint", "runs/a/encoder.pt", "--out", "a.npz", "--quiet"]) == 0
    given = ["verify", "--embeddings", "a.npz", "--betas", "2", "--claims", "hscl_le_hucl", "--quiet"]
    assert main([*given, "--fail-on", "never"]) == 0
    config = json.loads(Path("results/a/run.json").read_text())["config"]
    assert config["temperature"] == 0.25 and config["betas"] == [2]


@pytest.mark.slow
def test_exit_code_follows_fail_on(saved: str) -> None:
    save_embeddings(hub_and_rim(), "backwards.npz")
    arguments = ["verify", "--embeddings", "backwards.npz", "--claims", "scl_le_ucl", "--quiet"]
    verdicts = boundcheck.verification.verify(hub_and_rim(), claims=("scl_le_ucl",)).to_frame()["verdict"]
    assert set(verdicts) == {"violated"}
    assert main(arguments) == 1
    assert main([*arguments, "--fail-on", "undecided"]) == 1
    assert main([*arguments, "--fail-on", "never"]) == 0


def test_options_reach_the_verification(saved: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}

    class Stop(Exception):
        pass

    def record(emb: EmbeddingSet, **options: Any) -> None:
        given.update(options, unit_norm=emb.unit_norm)
        raise Stop

    monkeypatch.setattr(boundcheck.verification, "verify", record)
    save_embeddings(EmbeddingSet(clusters().z * 2, clusters().y, normalize=False), "raw.npz")
    arguments = (
        "--embeddings raw.npz --no-normalize --temperature 0.1 --betas 0,3 --hardening exp,threshold:0.5 --q 2,inf "
        "--losses scl,hscl --positives class --self-pairs include --class-prior balanced --claims hscl_le_hucl "
        "--estimator montecarlo --anchors 7 --negatives 9 --confidence 0.9 --seed 4 --device cpu --precision float64 "
        "--design iid --duplicates group --no-null --quiet"
    )
    assert main(["verify", *arguments.split()]) == 70  # Stop is no error a user can make
    assert given == {
        "temperature": 0.1,
        "betas": (0.0, 3.0),
        "hardening": ("exp", "threshold:0.5"),
        "q": (2.0, float("inf")),
        "positives": "class",
        "self_pairs": "include",
        "class_prior": "balanced",
        "design": "iid",
        "duplicates": "group",
        "null": False,
        "configurations": "cheap",
        "losses": ("scl", "hscl"),
        "claims": ("hscl_le_hucl",),
        "estimator": "montecarlo",
        "anchors": 7,
        "negatives": (9,),
        "population": None,
        "until_decided": False,
        "confidence": 0.9,
        "seed": 4,
        "device": "cpu",
        "precision": "float64",
        "progress": None,
        "unit_norm": False,
    }


@pytest.mark.slow
def test_the_second_verify_reads_the_embeddings_of_the_first(capsys: pytest.CaptureFixture[str]) -> None:
    def claims_of(name: str, *more: str) -> str:
        assert main(["verify", *FAST, "--out", name, *more]) == 0
        return (Path(name) / "claims.csv").read_text()

    first = claims_of("a")
    assert "cache" not in capsys.readouterr().err
    assert claims_of("b") == first
    assert "embeddings from the cache (" in capsys.readouterr().err
    assert claims_of("c", "--no-cache") == first
    assert "cache" not in capsys.readouterr().err
    assert main(["embed", "--out", "e.npz"]) == 0
    assert "from the cache" in capsys.readouterr().err


# embed, train, report, claims, datasets


def test_embed_formats_and_views(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["embed", "--out", "new/a.npz", "--views", "1"]) == 0
    assert "new/a.npz: 597 instances, 1 views" in capsys.readouterr().err
    one = load_embeddings("new/a.npz")
    assert (one.n, one.v) == (597, 1) and one.meta["dataset"] == "digits"
    assert main(["embed", "--out", "b.parquet", "--views", "1", "--batch-size", "100", "--quiet"]) == 0
    np.testing.assert_allclose(load_embeddings("b.parquet").z, one.z, atol=1e-5)
    assert main(["embed", "--out", "f.npz", "--features", "--quiet"]) == 0
    assert load_embeddings("f.npz").meta["output"] == "features"


@pytest.mark.slow
def test_report_renders_again(saved: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--embeddings", saved, *FAST, "--out", "run", "--quiet"]) == 0
    Path("run/report.html").unlink()
    capsys.readouterr()
    assert main(["report", "run"]) == 0
    assert capsys.readouterr().out == "run/report.html\n"
    assert "<html" in Path("run/report.html").read_text()


def test_claims(capsys: pytest.CaptureFixture[str], fails: Callable[..., str]) -> None:
    assert main(["claims"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["hscl_le_hucl", "theorem"]
    assert main(["claims", "hscl_le_hucl"]) == 0
    one = capsys.readouterr().out
    assert "2209.00078" in one and "Assumption 1" in one and "statement" in one
    assert main(["claims", "--format", "json"]) == 0
    catalogue = json.loads(capsys.readouterr().out)
    assert len(catalogue) == len(lines)
    assert "unit-norm" in next(c for c in catalogue if c["id"] == "ucl_minus_nscl")["requirements"]
    assert "did you mean 'scl_le_ucl'?" in fails("claims", "scl_le_ucI")


def test_datasets(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["datasets", "--data-dir", "mine"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "present" in lines["digits"]
    assert "absent" in lines["cifar10"] and "cifar-10-binary.tar.gz and put it in mine/cifar10" in lines["cifar10"]
    assert main(["datasets", "--format", "json"]) == 0
    infos = {info["name"]: info for info in json.loads(capsys.readouterr().out)}
    assert infos["digits"]["present"] and not infos["cifar10"]["present"]
    assert str(workplace / "cache" / "cifar10") in infos["cifar10"]["searched"]


# bad input


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("verfy", "did you mean 'verify'?"),
        ("verify --tempature 1", "No such option"),
        ("verify extra", "received 'extra', which does not exist"),
        ("embed", "Missing option '--out'"),
        ("report", "Missing argument"),
        ("verify --temperature 0", "--temperature: expected a finite number > 0, received '0'"),
        ("verify --temperature -1", "received '-1'"),
        ("verify --temperature nan", "received 'nan'"),
        ("verify --temperature warm", "received 'warm'"),
        ("verify --betas 1,-2", "--betas: expected a finite number >= 0, received '-2'"),
        ("verify --betas 1,inf", "received 'inf'"),
        ("verify --betas 1,,2", "received ''"),
        ("verify --q 0", "--q: expected a number > 0, or inf, received '0'"),
        ("verify --confidence 95", "--confidence: expected a number between 0 and 1, as 0.95, received '95'"),
        ("verify --views 0", "--views: expected a whole number >= 1, received '0'"),
        ("verify --anchors 1.5", "--anchors: expected a whole number >= 2, or all, received '1.5'"),
        ("verify --negatives 0", "--negatives"),
        ("verify --seed -1", "--seed"),
        ("verify --positives klass", "did you mean 'class'?"),
        ("verify --estimator exakt", "did you mean 'exact'?"),
        ("verify --device gpu", "--device: expected one of auto, cpu, cuda, mps, received 'gpu'"),
        ("verify --claims hscl_le_hcl", "did you mean 'hscl_le_hucl'?"),
        ("verify --hardening treshold:1", "did you mean 'threshold:T'?"),
        ("verify --hardening threshold:2", "received 2"),
        ("verify --dataset cifar-10", "did you mean 'cifar10'?"),
        ("verify --dataset here/none", "no folder here/none"),
        ("verify --split tset", "did you mean 'test'?"),
        ("verify --arch resnet", "did you mean 'resnet"),
        ("verify --arch resnet18", "first missing key"),
        ("verify --checkpoint none.pt", "none.pt"),
        ("verify --positives augmentation --views 1", "augmentation"),
        ("verify --no-normalize", "--no-normalize: applies to --embeddings only"),
        ("verify --embeddings none.npz", "none.npz: does not exist"),
        ("verify --embeddings none.csv", "expected one of .npz"),
        ("verify --embeddings emb.npz --checkpoint enc.pt", "--checkpoint: cannot be used with --embeddings"),
        ("verify --embeddings emb.npz --views 2", "--views: cannot be used with --embeddings"),
        ("verify --embeddings emb.npz --out emb.npz/run", "emb.npz is a file"),
        ("verify --embeddings emb.npz --out emb.npz", "emb.npz"),
        ("verify --population vmf:kapa=3", "did you mean 'kappa'?"),
        ("verify --population vmf --embeddings emb.npz", "--embeddings: cannot be used with --population"),
        ("verify --population vmf --checkpoint a.pt", "--checkpoint: cannot be used with --population"),
        ("verify --population vmf --hardening poly:2", "limits are known for exp alone"),
        ("verify --estimator closed", "--estimator: closed needs --population"),
        ("verify --population vmf --estimator closed --negatives 3", "closed forms in the limit alone, received [3]"),
        (
            "verify --embeddings emb.npz --max-anchors 50",
            "--max-anchors: is the budget of --until-decided, received 50",
        ),
        ("verify --embeddings emb.npz --until-decided --anchors 50", "until_decided: samples anchors"),
        ("verify --embeddings emb.npz --max-anchors 0 --until-decided", "--max-anchors: expected a whole number >= 1"),
        (
            "verify --embeddings emb.npz --estimator multilevel",
            "expected one of auto, exact, montecarlo, closed, received 'multilevel'",
        ),
        ("embed --out emb.csv", "expected one of .npz"),
        ("embed --out emb.npz/a.npz", "emb.npz is a file"),
        ("train --objective hsl", "did you mean 'hscl'?"),
        ("train --objective ucl --epochs 0", "--epochs"),
        ("train --objective ucl --arch convent", "did you mean 'convnet'?"),
        ("train --objective ucl --out emb.npz", "emb.npz"),
        ("report none", "none"),
        ("claims none", "expected one of"),
    ],
)
def test_one_line_for_every_mistake(arguments: str, message: str, saved: str, fails: Callable[..., str]) -> None:
    command, *rest = arguments.split()
    quiet = ["--quiet"] if command in ("verify", "embed", "train") else []
    assert message in fails(command, *rest, *quiet)


@pytest.mark.skipif(torch.cuda.is_available(), reason="has the device whose absence is tested")
def test_a_device_that_is_not_there(saved: str, fails: Callable[..., str]) -> None:
    assert "received 'cuda'; use 'auto' or 'cpu'" in fails("verify", "--device", "cuda", "--quiet")
    assert "received 'cuda'" in fails("verify", "--embeddings", saved, "--device", "cuda", "--quiet")


def test_absent_data_set(fails: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # a port that nobody listens on
    line = fails("verify", "--dataset", "cifar10", "--data-dir", "mine", "--quiet")
    assert "download https://" in line and "put it in mine/cifar10" in line


def spoiled(value: float) -> dict[str, np.ndarray]:
    z = clusters().z.copy()
    z[5] = value
    return {"z": z, "y": clusters().y}


class Payload:
    """A pickle that would leave a folder behind."""

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, ("it-ran",)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (spoiled(np.nan), "finite, received NaN or inf in 2 of 120 rows, first at instance 5"),
        (spoiled(np.inf), "finite"),
        (spoiled(0.0), "non-zero"),
        ({"z": clusters().z, "y": clusters().y[:-1]}, "y: expected shape (60,)"),
        ({"z": clusters().z, "y": np.zeros(60, dtype=int)}, "at least 2 classes"),
        ({"z": clusters().z}, "expected arrays z and y, found z"),
        ({"z": clusters().z.astype(int), "y": clusters().y}, "expected floats"),
        ({"z": clusters().z, "y": np.array([Payload()] * 60, dtype=object)}, "pickled objects, which are never loaded"),
    ],
)
def test_bad_embeddings(arrays: dict[str, Any], message: str, fails: Callable[..., str]) -> None:
    np.savez("bad.npz", **arrays)
    assert message in fails("verify", "--embeddings", "bad.npz", "--quiet")
    assert not Path("it-ran").exists()


def test_damaged_files(saved: str, fails: Callable[..., str]) -> None:
    Path("cut.npz").write_bytes(Path(saved).read_bytes()[:500])
    assert "cut.npz" in fails("verify", "--embeddings", "cut.npz")
    for name, content in {"evil.pt": pickle.dumps(Payload()), "text.pt": b"no checkpoint", "empty.pt": b""}.items():
        Path(name).write_bytes(content)
        assert name in fails("verify", "--checkpoint", name)
        assert name in fails("verify", "--embeddings", name)
    assert not Path("it-ran").exists()


# interrupted, or out of resources


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (KeyboardInterrupt(), "interrupted"),
        (MemoryError(), "out of memory"),
        (torch.OutOfMemoryError("CUDA out of memory"), "out of memory"),
    ],
)
def test_exit_code_three(
    error: BaseException, line: str, saved: str, fails: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(boundcheck.verification, "verify", stop)
    assert line in fails("verify", "--embeddings", saved, "--quiet", code=3)


def test_torch_without_memory_is_recognised() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 55, dtype=torch.uint8)
    assert _out_of_memory(caught.value)
    assert not _out_of_memory(RuntimeError("shapes do not match"))


def test_a_fault_of_our_own_is_not_a_verdict(
    saved: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(boundcheck.verification, "verify", lambda *_, **__: {}["missing"])
    assert main(["verify", "--embeddings", saved, "--quiet"]) == 70
    assert "KeyError: 'missing'" in capsys.readouterr().err


@pytest.mark.slow
def test_reader_that_leaves() -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "boundcheck", "datasets"]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (3, "")


# progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def stages(progress: Callable[[int, int, str], None]) -> None:
    for done in range(0, 101, 10):
        progress(done, 100, "images")
    for done in range(0, 51, 10):
        progress(done, 50, "anchors")


def test_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with reporting(quiet=False) as progress:
        assert progress is not None
        stages(progress)
    drawn = terminal.getvalue()
    assert "images: 100%" in drawn and "anchors: 100%" in drawn and "/s]" in drawn and "<" in drawn


def test_plain_lines_elsewhere_of_what_took_long_and_nothing_when_quiet(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for tick, told in ((0.5, ["100 images in 5.0 s", "50 anchors in 2.5 s"]), (0.01, [])):
        monkeypatch.setattr("boundcheck.cli.progress.time.monotonic", itertools.count(0.0, tick).__next__)
        with reporting(quiet=False) as progress:
            assert progress is not None
            stages(progress)
        assert capsys.readouterr().err.splitlines() == told
    with reporting(quiet=True) as silent:
        assert silent is None
