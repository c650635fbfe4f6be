"""Every published layout is recognised and gives what its own network gives."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from boundcheck.checkpoints import FORMATS, load_encoder
from boundcheck.encoders import save_checkpoint
from boundcheck.errors import FileError, InputError
from tests.checkpoints import layouts
from tests.checkpoints.layouts import Written
from tests.test_encoders import make as own_encoder

LAYOUTS: dict[str, Callable[[Path], Written]] = {
    "hscl": layouts.hscl,
    "supcon": partial(layouts.supcon, gpus=1, head="mlp"),
    "supcon-cifar10": partial(layouts.supcon, gpus=1, head="mlp", dataset="cifar10"),
    "supcon-path": partial(layouts.supcon, gpus=1, head="mlp", dataset="path"),
    "supcon-gpus": partial(layouts.supcon, gpus=4, head="mlp"),
    "supcon-linear": partial(layouts.supcon, gpus=1, head="linear"),
    "solo-learn": layouts.solo_learn,
    "solo-learn-older": partial(layouts.solo_learn, prefix="encoder"),
    "solo-learn-no-args": partial(layouts.solo_learn, args=False),
    "solo-learn-simsiam": partial(layouts.solo_learn, simsiam=True),
    "lightly-imagenet": layouts.lightly_imagenet,
    "lightly-cifar": layouts.lightly_cifar,
    "lightly-cifar-older": partial(layouts.lightly_cifar, older=True),
    "lightly-cifar-splits": partial(layouts.lightly_cifar, splits=8),
    "lightly-torchvision": layouts.lightly_torchvision,
    "understanding-ssl": partial(layouts.understanding_ssl, bare=False),
    "understanding-ssl-bare": partial(layouts.understanding_ssl, bare=True),
    "torchvision": partial(layouts.torchvision, suffix=".pth", save=torch.save),
    "torchvision-safetensors": partial(layouts.torchvision, suffix=".safetensors", save=save_file),
    "timm": layouts.timm,
}
SIDE = 32


def images(side: int = SIDE) -> Tensor:
    return torch.rand(3, 3, side, side, generator=torch.Generator().manual_seed(9))


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_is_recognised_and_equals_its_reference(layout: str, tmp_path: Path) -> None:
    written = LAYOUTS[layout](tmp_path)
    checkpoint = load_encoder(written.path)
    config = checkpoint.config
    assert (config.format, config.arch, config.temperature) == (written.format, written.arch, written.temperature)
    assert set(config.assumed) == set(written.assumed) and config.normalize
    with torch.no_grad():
        received, expected = checkpoint.encoder(images()), written.reference(images())
    for own, theirs in zip(received, expected, strict=True):
        scale = theirs.norm(dim=1, keepdim=True)
        assert scale.min() > 1e-3, "the reference must not be trivial"
        torch.testing.assert_close(own / scale, theirs / scale, atol=1e-5, rtol=0)
        assert own.shape[1] in (config.feature_dim, config.embedding_dim)


def test_our_own_layout_is_recognised(tmp_path: Path) -> None:
    encoder, config = own_encoder("resnet18", 3, 32)
    save_checkpoint(tmp_path / "encoder.pt", encoder, config)
    back = load_encoder(tmp_path / "encoder.pt")
    assert back.config == config and back.config.format == "boundcheck"
    assert torch.equal(back.encoder(images())[1], encoder(images())[1])


@pytest.mark.parametrize(
    ("layout", "changes"),
    [("solo-learn", {"padding": 1}), ("lightly-cifar", {"relu": True}), ("lightly-torchvision", {"pool": False})],
)
def test_a_reference_with_another_convention_differs(layout, changes, tmp_path, monkeypatch):
    """The traps matter: with another padding, or the ReLU that is lost, the embeddings are others."""
    written = LAYOUTS[layout](tmp_path)
    plain = layouts.resnet
    monkeypatch.setattr(layouts, "resnet", lambda *args, **how: plain(*args, **how | changes))
    with torch.no_grad():
        own, theirs = load_encoder(written.path).encoder(images())[1], written.reference(images())[1]
    unit, other = (z / z.norm(dim=1, keepdim=True) for z in (own, theirs))
    assert (unit - other).abs().max() > 1e-3


@pytest.mark.parametrize("layout", ["solo-learn", "lightly-cifar"])
def test_conventions_that_no_weight_shows_are_named(layout, tmp_path):
    notes = load_encoder(LAYOUTS[layout](tmp_path).path).notes
    assert len(notes) == 1 and "no weight shows" in notes[0]


def bare_backbone(folder: Path, start: str) -> tuple[Path, layouts.Maker]:
    make = layouts.Maker(10)
    make.resnet(layouts.prefixed(start), layouts.BASIC, bottleneck=False)
    torch.save(make.weights, folder / "backbone.pth")
    return folder / "backbone.pth", make


@pytest.mark.parametrize(
    ("start", "formats"), [("", ("solo-learn", "torchvision")), ("backbone.", ("solo-learn", "lightly"))]
)
def test_an_ambiguous_file_is_named_and_settled(start, formats, tmp_path):
    path, make = bare_backbone(tmp_path, start)
    with pytest.raises(FileError, match=f"may be of {formats[0]} or {formats[1]}.*--checkpoint-format"):
        load_encoder(path)
    statistics = {"solo-learn": layouts.SOLO_CIFAR10, "torchvision": layouts.IMAGENET, "lightly": layouts.IMAGENET}
    for name in formats:
        padding = 2 if name == "solo-learn" else 1
        with torch.no_grad():
            received = load_encoder(path, format=name).encoder(images())[0]
            x = layouts.standardised(images(), statistics[name])
            expected = layouts.resnet(x, make.weights, layouts.prefixed(start), padding=padding)
        torch.testing.assert_close(received, expected, atol=1e-5, rtol=1e-5)


def test_solo_learn_takes_the_statistics_from_the_classes_where_no_options_lie_beside(tmp_path):
    written = layouts.solo_learn(tmp_path, args=False)
    content = torch.load(written.path, weights_only=True)
    content["state_dict"]["classifier.weight"] = torch.zeros(100, 512)
    torch.save(content, written.path)
    config = load_encoder(written.path).config
    assert config.mean == (0.5071, 0.4865, 0.4409) and config.dataset is None and "mean" in config.assumed


def test_a_format_that_does_not_fit_says_what_it_needs(tmp_path):
    written = layouts.supcon(tmp_path, gpus=1, head="mlp")
    with pytest.raises(
        FileError, match=r"H-SCL's files have keys module.f.\*.*received '.*last.pth' with keys encoder"
    ):
        load_encoder(written.path, format="hscl")
    with pytest.raises(InputError, match="did you mean 'supcon'"):
        load_encoder(written.path, format="supcn")


def test_a_wrong_shape_names_weight_file_and_format(tmp_path):
    written = layouts.supcon(tmp_path, gpus=1, head="mlp")
    content = torch.load(written.path, weights_only=False)
    content["model"]["encoder.layer3.1.bn2.bias"] = torch.zeros(3)
    torch.save(content, written.path)
    with pytest.raises(FileError, match=r"'layer3.1.bn2.bias' must have shape \(256,\).*last.pth', read as supcon"):
        load_encoder(written.path)


def test_counts_of_operations_are_left_out(tmp_path):
    written = layouts.supcon(tmp_path, gpus=1, head="linear")
    content = torch.load(written.path, weights_only=False)
    content["model"] |= {"encoder.conv1.total_ops": torch.zeros(1), "encoder.total_params": torch.zeros(1)}
    torch.save(content, written.path)
    assert load_encoder(written.path).config.format == "supcon"


def test_every_format_has_a_layout():
    assert {name.split("-imagenet")[0] for name in LAYOUTS} | {"boundcheck"} >= set(FORMATS)
