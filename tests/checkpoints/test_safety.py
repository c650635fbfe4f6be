"""Nothing in a file runs; what is refused is named, with the way out; an intact file is never called damaged."""

from __future__ import annotations

import argparse
import functools
import json
import os
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import boundcheck as bc
from boundcheck.checkpoints import inspect_file, load_encoder
from boundcheck.cli import main
from boundcheck.data import load_dataset
from boundcheck.errors import FileError
from tests.checkpoints import layouts


def refusal(path: Path, **how: object) -> str:
    with pytest.raises(FileError) as caught:
        load_encoder(path, **how)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)
    return str(caught.value)


class Evil:
    """Runs a command when it is unpickled by Python itself."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("place", ["extra", "within a partial", "within options"])
def test_code_in_a_good_file_does_not_run(place, legacy, tmp_path):
    written = layouts.supcon(tmp_path, gpus=1, head="linear")
    content = torch.load(written.path, weights_only=False)
    evil = Evil(f"touch {tmp_path / 'harm'}")
    content["opt"] = {
        "extra": evil,
        "within a partial": functools.partial(print, evil),
        "within options": argparse.Namespace(dataset=evil),
    }[place]
    torch.save(content, written.path, _use_new_zipfile_serialization=not legacy)
    message = refusal(written.path)
    assert "posix.system" in message or "builtins.print" in message or " print" in message
    assert "torch.save(model.state_dict(), 'weights.pth')" in message and "damaged" not in message
    assert not (tmp_path / "harm").exists()


def test_a_partial_is_never_called(tmp_path):
    """`functools.partial` and `getattr` are admitted by name, as something that does nothing."""
    written = layouts.supcon(tmp_path, gpus=1, head="linear")
    content = torch.load(written.path, weights_only=False)
    content["scheduler"] = functools.partial(getattr, content["opt"], "temp")
    torch.save(content, written.path)
    assert load_encoder(written.path).config.temperature == 0.1


def test_solo_learns_scheduler_is_admitted(tmp_path, monkeypatch):
    """SimSiam's file holds a partial of a function of solo-learn's and a bound method of its scheduler."""
    methods, schedulers = types.ModuleType("solo.methods.base"), types.ModuleType("solo.utils.lr_scheduler")

    def static_lr(get_lr, param_group_indexes, lrs_to_replace):
        raise AssertionError("never called")

    class LinearWarmupCosineAnnealingLR:
        def __init__(self, optimizer):
            self.optimizer = optimizer

        def get_lr(self):
            raise AssertionError("never called")

    for module, value in ((methods, static_lr), (schedulers, LinearWarmupCosineAnnealingLR)):
        value.__module__, value.__qualname__ = module.__name__, value.__name__
        setattr(module, value.__name__, value)
        monkeypatch.setitem(sys.modules, module.__name__, module)
    for package in ("solo", "solo.methods", "solo.utils"):
        monkeypatch.setitem(sys.modules, package, types.ModuleType(package))
    scheduler = LinearWarmupCosineAnnealingLR(torch.optim.SGD([nn.Parameter(torch.zeros(2))], lr=0.1))
    written = layouts.solo_learn(tmp_path, simsiam=True)
    content = torch.load(written.path, weights_only=True)
    step = functools.partial(static_lr, get_lr=scheduler.get_lr, param_group_indexes=[2], lrs_to_replace=[0.5])
    content["lr_schedulers"] = [{"get_lr": step, "base_lrs": [0.1], "last_epoch": 3}]
    torch.save(content, written.path)
    with pytest.raises(Exception, match=r"functools.partial|static_lr|getattr"):
        torch.load(written.path, weights_only=True)
    assert load_encoder(written.path).config.arch == "resnet18"


def test_numpy_numbers_and_paths_are_admitted(tmp_path):
    written = layouts.understanding_ssl(tmp_path, bare=False)
    content = torch.load(written.path, weights_only=True)
    torch.save(content | {"best": np.float64(0.9), "folder": Path("runs")}, written.path)
    assert load_encoder(written.path).config.format == "understanding-ssl"


def test_a_whole_model_is_refused_by_its_class(tmp_path):
    torch.save(nn.Linear(2, 2), tmp_path / "model.pth")
    message = refusal(tmp_path / "model.pth")
    assert "torch.nn.modules.linear.Linear" in message and "save the weights alone" in message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {"stem.weight": torch.ones(2, 2), "out.weight": torch.ones(2, 2)},
            "is intact, and of no known code base: 2 weights",
        ),
        ({"epoch": 3, "loss": 0.1}, "which is intact and holds epoch, loss"),
        ({}, "which is intact and holds nothing"),
        (torch.ones(3), "holds a Tensor, no weights by name"),
    ],
)
def test_an_intact_but_unknown_file_is_not_called_damaged(content, message, tmp_path):
    torch.save(content, tmp_path / "other.pth")
    said = refusal(tmp_path / "other.pth")
    assert message in said and "damaged" not in said


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_damaged_file_is_called_so(suffix, share, tmp_path):
    from safetensors.torch import save_file

    save = save_file if suffix == ".safetensors" else torch.save
    written = layouts.torchvision(tmp_path, suffix=suffix, save=save)
    content = written.path.read_bytes()
    written.path.write_bytes(content[: int(share * len(content))])
    assert "cannot be read as a" in refusal(written.path)


def test_a_folder_and_a_missing_file_are_told_apart(tmp_path):
    assert "which is a folder" in refusal(tmp_path)
    assert "which does not exist" in refusal(tmp_path / "none.pth")


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 5, 3)

    def forward(self, x):
        return self.conv(x).relu().mean(dim=(2, 3))


@pytest.mark.parametrize("kind", ["TorchScript", "torch.export"])
def test_a_program_runs_only_when_trusted(kind, tmp_path):
    torch.manual_seed(0)
    model, path = Small().eval(), tmp_path / "program.pt"
    digits = load_dataset("digits").subset(slice(0, 30))
    if kind == "TorchScript":
        with pytest.warns(DeprecationWarning) if sys.version_info >= (3, 14) else _quiet():
            torch.jit.trace(model, torch.zeros(2, 1, 8, 8)).save(path)
    else:
        path = tmp_path / "program.pt2"
        batch = torch.export.Dim("b", min=1)
        torch.export.save(torch.export.export(model, (torch.zeros(2, 1, 8, 8),), dynamic_shapes=({0: batch},)), path)
    message = refusal(path)
    assert f"is a {kind} program, which is code; pass --trust-checkpoint" in message
    assert inspect_file(path)["notes"][0].startswith(f"a {kind} program")
    emb = bc.extract(load_encoder(path, trust=True), digits, views=1)
    with torch.no_grad():
        expected = model(torch.from_numpy(digits.images) / 255)
    np.testing.assert_allclose(emb.z[:, 0], nn.functional.normalize(expected).numpy(), atol=1e-5)


def _quiet():
    import warnings

    return warnings.catch_warnings(action="ignore")


def test_inspect_tells_what_a_file_is(tmp_path, capsys):
    written = layouts.solo_learn(tmp_path, args=False)
    assert main(["inspect", str(written.path), "--format", "json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["format"], facts["temperature"], facts["epochs"]) == ("solo-learn", 0.2, 199)
    assert facts["backbone"] == "resnet18, 512 features; stem 3 x 3, stride 1, padding 2, no max-pool"
    assert facts["head"] == "512-2048 (bias), ReLU, 2048-256 (bias)"
    assert facts["mean"] == [0.4914, 0.4822, 0.4465] and set(facts["assumed"]) == {"mean", "std", "temperature"}
    assert "backbone.layer1 (24)" in facts["keys"] and "optimizer_states" in facts["holds"]
    assert main(["inspect", str(written.path)]) == 0
    table = capsys.readouterr().out
    assert "0.2 (assumed)" in table and "no weight shows" in table


def test_inspect_tells_of_files_it_does_not_know(tmp_path, capsys):
    torch.save({"a.b.c": torch.ones(2), "a.b.d": torch.ones(3)}, tmp_path / "x.pth")
    assert main(["inspect", str(tmp_path / "x.pth")]) == 0
    table = capsys.readouterr().out
    assert "format" in table and "unknown" in table and "a.b (2)" in table and "of no known code base" in table
