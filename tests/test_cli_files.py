"""`boundcheck verify FILE...`: one file as by its option, several as seeds and methods, each with a run of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from click.shell_completion import ShellComplete
from PIL import Image

import boundcheck as bc
from boundcheck.cli import _boundcheck, main
from boundcheck.cli.runs_of_files import run_key
from boundcheck.comparison.methods import are_stated, methods_of, repeated_seeds
from boundcheck.embeddings import save_embeddings
from boundcheck.encoders import EncoderConfig, build_encoder, save_checkpoint
from tests.checkpoints import layouts
from tests.claims.designs import hub_and_rim
from tests.comparison.test_compare import encoder

FAST = ["--claims", "hscl_le_hucl,scl_le_ucl", "--betas", "1", "--no-null", "--quiet"]


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BOUNDCHECK_DATA", str(tmp_path / "cache"))
    for name, how in {"a0": (0.6, 1), "a1": (0.6, 2), "b0": (0.9, 4)}.items():
        save_embeddings(encoder(*how), tmp_path / f"{name}.npz")
    return tmp_path


def checkpoint(path: Path, objective: str, seed: int, **config: Any) -> None:
    """An encoder of digits with random weights, as `train` saves it."""
    torch.manual_seed(seed)
    shape: dict[str, Any] = {"in_channels": 1, "image_size": 8, "mean": (0.3,), "std": (0.4,)}
    network = build_encoder("convnet", **shape)
    known = {"feature_dim": network.backbone.feature_dim, "hidden_dim": 128, "embedding_dim": 64}
    stated = {"objective": objective, "temperature": 0.5, "dataset": "digits", "seed": seed, **config}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_checkpoint(path, network, EncoderConfig(arch="convnet", **shape, **known, **stated))


def pictures(channels: int = 1) -> None:
    """A folder of three classes of twelve images, grey and 8 pixels wide, or in colour and 32."""
    rng = np.random.default_rng(0)
    for label in range(3):
        folder = Path(f"pictures/test/{label}")
        folder.mkdir(parents=True)
        for number in range(12):
            shape = (8, 8) if channels == 1 else (32, 32, channels)
            pixels = np.clip(80 * label + rng.normal(0, 40, shape), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")


def said(arguments: list[str], capsys: pytest.CaptureFixture[str], code: int = 0) -> dict[str, Any]:
    capsys.readouterr()
    assert main([*arguments, "--format", "json"]) == code
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


@pytest.fixture
def unpainted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs without their pages, which take most of the time of so few instances."""
    monkeypatch.setattr("boundcheck.report.write_report", lambda run, folder: None)
    monkeypatch.setattr("boundcheck.comparison.result.draw_comparison", lambda *_: None)


@pytest.mark.slow
@pytest.mark.usefixtures("unpainted")
def test_checkpoints_are_told_apart_by_their_training_and_finished_runs_are_read(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures()
    for objective, seed in (("hscl", 0), ("hscl", 1), ("ucl", 2)):
        checkpoint(Path(f"runs/{objective}-{seed}/encoder.pt"), objective, seed)
    files = [f"runs/{name}/encoder.pt" for name in ("hscl-0", "hscl-1", "ucl-2")]
    line = ["verify", *files, *FAST, "--dataset", "pictures"]
    document = said([*line, "--fail-on", "never"], capsys)
    assert document["out"] == "results/comparison"
    assert [run["method"] for run in document["runs"]] == ["hscl", "hscl", "ucl"]
    assert {(row["method"], row["against"], row["seeds"], row["paired"]) for row in document["comparison"]} == {
        ("hscl", "", 2, None), ("ucl", "", 1, None), ("ucl", "hscl", 1, True),
    }  # fmt: skip
    # each run's own command makes it again, as that of one file
    place = Path(document["runs"][1]["run"])
    assert place == Path("results/hscl-1-pictures-test")
    assert main(["rerun", str(place), "--quiet"]) == 0
    # and the comparison is that of the saved runs
    result = bc.compare({"hscl": [run["run"] for run in document["runs"][:2]], "ucl": document["runs"][2]["run"]})
    rows = result.to_frame()[["estimate", "ci_low", "ci_high"]].to_numpy()
    theirs = [[row[name] for name in ("estimate", "ci_low", "ci_high")] for row in document["comparison"]]
    np.testing.assert_allclose(rows, np.array(theirs), rtol=1e-12)

    monkeypatch.setattr("boundcheck.verification.verify", lambda *_, **__: pytest.fail("computed twice"))
    again = said([*line, "--fail-on", "never"], capsys)
    assert [run["reused"] for run in again["runs"]] == [True] * 3
    assert [run["run"] for run in again["runs"]] == [run["run"] for run in document["runs"]]
    assert again["out"] == "results/comparison-2" and again["comparison"] == document["comparison"]


@pytest.mark.slow
@pytest.mark.usefixtures("unpainted")
def test_the_worst_verdict_is_the_exit_code_and_other_options_make_other_runs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    save_embeddings(hub_and_rim(), "bad.npz")
    assert main(["verify", "x=bad.npz", "y=a0.npz", *FAST, "--out", "study"]) == 1
    capsys.readouterr()
    names = {path.name for path in Path("study").iterdir()}
    assert names == {"bad", "a0", "comparison"}
    again = ["verify", "x=bad.npz", "y=a0.npz", *FAST[:2], "--betas", "2", "--no-null", "--quiet", "--out", "study"]
    assert main([*again, "--overwrite", "--fail-on", "never"]) == 0
    assert {path.name for path in Path("study").iterdir()} == names


@pytest.mark.usefixtures("unpainted")
def test_one_file_is_that_of_its_option(capsys: pytest.CaptureFixture[str]) -> None:
    by_file = said(["verify", "a0.npz", *FAST, "--out", "file"], capsys)
    own = bc.verify(bc.load_embeddings("a0.npz"), claims="hscl_le_hucl,scl_le_ucl", betas=[1], null=False)
    assert [row["estimate"] for row in by_file["losses"]] == own.losses.to_frame()["estimate"].tolist()
    assert by_file["manifest"]["options"]["embeddings"] == "a0.npz"
    assert main(["rerun", "file", "--quiet"]) == 0


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (["a0.npz", "a0.npz"], "FILE: 'a0.npz' is named twice"),
        (["a0.npz", "copy.npz"], "have the same embeddings"),
        (["a0.npz", "nope.npz"], "nope.npz: does not exist"),
        (["nope.pt"], "'nope.pt', which does not exist"),
        (["a0.npz", "folder"], "received the folder 'folder'; boundcheck compare takes saved runs"),
        (["x=a0.npz"], "FILE: a name tells methods apart, received one file"),
        (["a0.npz", "x="], "received 'x' without a path"),
        (["a0.npz", "--checkpoint", "b0.npz"], "--checkpoint: cannot be used with FILE"),
        (["a0.npz", "b0.npz", "--embeddings", "a1.npz"], "--embeddings: cannot be used with FILE"),
        (["a0.npz", "--encoder", "timm:resnet18"], "--encoder: cannot be used with FILE"),
        (["a0.npz", "--population", "vmf:kappa=20"], "--population: cannot be used with FILE"),
        (["a0.npz", "b0.npz", "--dataset", "digits"], "--dataset: cannot be used with files of embeddings"),
        (["a0.npz", "b0.npz", "--unlabelled"], "--unlabelled: is of one encoder"),
        (["a0.npz", "b0.npz", "--estimator", "closed"], "--estimator: closed needs --population"),
        (["a0.npz", "b0.npz", "--betas", "auto"], "betas: auto is for one embedding set"),
        (["a0.npz", "b0.npz", "--claims", "nope"], "claims: expected one of"),
        (["a0.npz", "b0.npz", "--max-anchors", "5"], "--max-anchors: is the budget of --until-decided"),
        (["a0.npz", "b0.npz", "--out", "run"], "--out: 'run' is a saved run"),
        (["a0.npz", "b0.npz", "--out", "a1.npz"], "a1.npz"),
        (["cold.pt", "warm.pt"], "trained with 0.1, 0.5, and losses at two temperatures are two quantities"),
        (["cold.pt", "warm.pt", "--no-normalize"], "--no-normalize: applies to embeddings only"),
    ],
)
def test_mistakes_are_one_line(
    line: list[str], expected: str, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("copy.npz").write_bytes(Path("a0.npz").read_bytes())
    Path("folder").mkdir()
    Path("run").mkdir()
    Path("run/run.json").write_text("{}")
    if "cold.pt" in line:
        checkpoint(Path("cold.pt"), "ucl", 0, temperature=0.1)
        checkpoint(Path("warm.pt"), "ucl", 1)
    before = set(workplace.rglob("*"))
    assert main(["verify", *line]) == 2
    told = capsys.readouterr()
    assert expected in told.err and len(told.err.splitlines()) == 1 and not told.out
    assert {path for path in workplace.rglob("*") if "cache" not in path.parts} == before


@pytest.mark.usefixtures("unpainted")
def test_the_command_line_wins_over_an_encoder_in_a_file_of_options(capsys: pytest.CaptureFixture[str]) -> None:
    Path("study.toml").write_text('embeddings = "a1.npz"\nnull = false\n')
    document = said(["verify", "a0.npz", "--config", "study.toml", *FAST, "--out", "run"], capsys)
    assert document["manifest"]["options"]["embeddings"] == "a0.npz"


@pytest.mark.slow
@pytest.mark.usefixtures("unpainted")
def test_files_of_a_code_base_are_read_by_its_conventions_which_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    pictures(3)
    for name in "ab":
        Path(name).mkdir()
        path = layouts.solo_learn(Path(name), args=False).path
        content = torch.load(path, weights_only=True)
        content["state_dict"]["projector.2.weight"] += 0.01 * torch.randn(256, 2048)
        torch.save(content, path)
    files = [str(path) for path in sorted(Path().glob("[ab]/*.ckpt"))]
    document = said(["verify", *files, "--dataset", "pictures", *FAST, "--views", "1", "--fail-on", "never"], capsys)
    assert len(files) == 2 and {run["method"] for run in document["runs"]} == {document["runs"][0]["method"]}
    notes = " ".join(document["notes"])
    assert "does not state the loss it was trained with" in notes and "encoder: " in notes
    assert "temperature 0.2, the default of solo-learn: checkpoints state none" in notes


def test_a_run_of_several_processes_does_not_stand_for_one_of_one() -> None:
    grid = SimpleNamespace(key=lambda subject, temperature: "k", variant=SimpleNamespace(temperature=0.5))
    one, several = (run_key(None, grid, shared) for shared in (False, True))  # type: ignore[arg-type]
    assert one == "k" and several not in (None, "k")


def test_files_are_completed() -> None:
    for command in ("verify", "compare"):
        found = ShellComplete(_boundcheck, {}, "boundcheck", "_X").get_completions([command], "ru")
        assert [(item.value, item.type) for item in found] == [("ru", "file")]


@pytest.mark.parametrize(
    ("differ", "names"),
    [
        (lambda i: {"seed": i, "command": f"boundcheck train --objective hscl --seed {i} --out runs/{i}"}, "hscl"),
        (lambda i: {"objective": ["hscl", "ucl"][i]}, ["hscl", "ucl"]),
        (lambda i: {"beta": [1.0, 5.0][i], "epochs": 10}, ["hscl beta=1", "hscl beta=5"]),
        (lambda i: {"beta": [1.0, None][i]}, ["hscl beta=1", "hscl no beta"]),
        (lambda i: {"mean": [(0.1,), (0.2,)][i], "version": str(i)}, "hscl"),
        (
            lambda i: {"command": f"boundcheck train --objective hscl --learning-rate={i + 1} --seed {i}"},
            ["hscl learning-rate=1", "hscl learning-rate=2"],
        ),
        (
            lambda i: {"command": "boundcheck train --seed 0" + " --views-apart" * i},
            ["hscl no views-apart", "hscl views-apart=yes"],
        ),
        (lambda i: {"command": "boundcheck train 'half open"}, "hscl"),
        (lambda i: {"command": "boundcheck reproduce jiang2022 --preset cpu" + f" --trials runs/{i}" * i}, "hscl"),
        (lambda i: {"objective": None, "arch": "resnet50"}, "resnet50"),
        (lambda i: {"objective": None, "arch": None}, "encoder"),
    ],
)
def test_seeds_differ_in_nothing_but_their_seed(
    differ: Callable[[int], dict[str, Any]], names: str | list[str]
) -> None:
    trained = [{"objective": "hscl", "arch": "convnet", "seed": i, **differ(i)} for i in range(2)]
    assert methods_of(trained) == ([names] * 2 if isinstance(names, str) else names)
    assert are_stated(trained) == (trained[0]["objective"] is not None)


def test_the_same_seed_twice_is_said() -> None:
    trained = [{"seed": 0}, {"seed": 0}, {"seed": None}, {"seed": None}, {"seed": 0}]
    methods = ["hscl", "hscl", "hscl", "hscl", "ucl"]
    (told,) = repeated_seeds(methods, trained)
    assert told.startswith("2 encoders of hscl state the same seed, 0")
