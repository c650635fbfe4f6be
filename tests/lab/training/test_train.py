from __future__ import annotations

import json
import math
import shlex
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from boundcheck.checkpoints import load_encoder
from boundcheck.data import ImageSet
from boundcheck.encoders import shipped_checkpoint
from boundcheck.errors import BoundcheckError, FileError, InputError
from boundcheck.lab.objectives import OBJECTIVES, hyperparameters
from boundcheck.lab.training import EpochEnd, read_history, train


def weights(path: Path) -> dict[str, torch.Tensor]:
    return load_encoder(path).encoder.state_dict()


@pytest.mark.slow
def test_the_shipped_encoders_recipe_trains(digits, tmp_path):
    shipped = load_encoder(shipped_checkpoint()).config
    path = train(
        digits,
        objective=shipped.objective,
        temperature=shipped.temperature,
        beta=shipped.beta,
        seed=shipped.seed,
        epochs=3,
        out=tmp_path / "run",
        command=shipped.command,
    )
    config = load_encoder(path).config
    assert config.epochs == 3 and config.command == shipped.command and config.positives == "class"
    history = pd.read_csv(tmp_path / "run" / "history.csv")
    assert list(history.columns) == ["epoch", "batch_loss", "images_per_s", "seconds"]
    assert history.epoch.tolist() == [1, 2, 3] and history.batch_loss.is_monotonic_decreasing
    manifest = json.loads((tmp_path / "run" / "run.json").read_text())
    assert manifest["config"]["objective"] == "hscl" and manifest["epochs_done"] == manifest["epochs"] == 3
    assert manifest["data"]["n"] == len(digits) and manifest["data"]["digest"] == digits.digest
    assert {file.name for file in (tmp_path / "run").iterdir()} == {"encoder.pt", "history.csv", "run.json"}


def test_the_shipped_command_is_the_default_training():
    config = load_encoder(shipped_checkpoint()).config
    words = shlex.split(config.command)
    given = dict(zip(words[2::2], words[3::2], strict=True))
    assert given["--objective"] == config.objective and given["--dataset"] == config.dataset
    assert int(given["--epochs"]) == config.epochs and int(given["--seed"]) == config.seed


@pytest.mark.slow
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_trains_and_records_what_it_used(objective, few, tmp_path):
    path = train(few, objective=objective, epochs=4, batch_size=32, out=tmp_path / "run", beta=2.0)
    config = load_encoder(path).config
    known = hyperparameters(OBJECTIVES[objective])
    tilted = "beta" in known
    assert config.beta == (2.0 if tilted else None) and config.weight_gradient is (True if tilted else None)
    assert config.positives == known["positives"].default
    own = json.loads((tmp_path / "run" / "run.json").read_text())["options"]
    assert own == {name: known[name].default for name in known if name not in asdict(config)}
    losses = pd.read_csv(tmp_path / "run" / "history.csv").batch_loss
    assert losses.iloc[-1] < losses.iloc[0]


def test_the_seed_decides_the_weights(few, tmp_path):
    runs = [
        train(few, objective="sscl", epochs=1, batch_size=32, seed=seed, out=tmp_path / name)
        for name, seed in (("a", 3), ("b", 3), ("c", 4))
    ]
    first, same, other = (path.read_bytes() for path in runs)
    assert first == same and first != other


def test_training_leaves_torchs_generator_alone(few, tmp_path):
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    train(few, objective="ucl", epochs=1, out=tmp_path / "run")
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(
    ("option", "value"), [("positives", "augmentation"), ("weight_gradient", False), ("beta", 9.0)]
)
def test_options_of_the_loss_reach_it(option, value, few, tmp_path):
    shared = {"objective": "hscl", "epochs": 1, "batch_size": 32}
    plain = weights(train(few, out=tmp_path / "a", **shared))
    chosen = train(few, out=tmp_path / "b", **{option: value}, **shared)
    assert getattr(load_encoder(chosen).config, option) == value
    assert not torch.equal(plain["head.0.weight"], weights(chosen)["head.0.weight"])


def test_a_folder_in_use_is_kept_unless_overwritten(few, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FileError, match="out: must be a new or empty folder"):
        train(few, objective="ucl", epochs=1, out=tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]
    train(few, objective="ucl", epochs=1, out=tmp_path, overwrite=True)
    assert (tmp_path / "notes.txt").read_text() == "mine" and (tmp_path / "encoder.pt").exists()


def test_a_file_in_the_way_is_refused(few, tmp_path):
    (tmp_path / "run").write_text("a file")
    with pytest.raises(FileError, match="out: must be a folder"):
        train(few, objective="ucl", epochs=1, out=tmp_path / "run")


def test_a_loss_that_explodes_stops_the_run_and_leaves_nothing(few, tmp_path):
    with pytest.raises(BoundcheckError, match="the batch loss must stay finite, received nan in epoch 1, batch 2"):
        train(few, objective="ucl", epochs=1, batch_size=32, learning_rate=1e37, out=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_weights_that_explode_in_the_last_batch_are_never_written(few, tmp_path, monkeypatch):
    monkeypatch.setattr(import_module("boundcheck.lab.training.plan"), "rate_at", lambda *_, **__: math.inf)
    with pytest.raises(BoundcheckError, match=r"the weights must stay finite, .* after epoch 1;"):
        train(few, objective="ucl", epochs=1, batch_size=96, out=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_the_last_good_checkpoint_survives_an_explosion(few, tmp_path, monkeypatch):
    calls = []

    def breaks_in_its_fifth_batch(z, y, *, temperature):
        calls.append(len(z))
        return z.sum() * (torch.inf if len(calls) == 5 else 1.0)

    monkeypatch.setitem(OBJECTIVES, "mine", breaks_in_its_fifth_batch)
    with pytest.raises(BoundcheckError, match=r"must stay finite, received -?inf in epoch 2, batch 2"):
        train(few, objective="mine", epochs=3, batch_size=32, out=tmp_path)
    assert load_encoder(tmp_path / "encoder.pt").config.epochs == 1
    assert all(value.isfinite().all() for value in weights(tmp_path / "encoder.pt").values())


def test_weights_that_explode_never_reach_the_state(few, tmp_path):
    def poison(end: EpochEnd) -> None:
        end.encoder.head[0].weight.data.fill_(torch.nan)

    with pytest.raises(BoundcheckError, match=r"the weights must stay finite, received 'head.0.weight'"):
        train(few, objective="ucl", epochs=2, out=tmp_path, callbacks=[poison])
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    assert state["position"]["epoch"] == 0 and all(value.isfinite().all() for value in state["encoder"].values())


def test_callbacks_hear_of_every_epoch_after_its_files(few, tmp_path):
    heard = []

    def listen(end: EpochEnd) -> None:
        written = load_encoder(end.out / "encoder.pt")
        same = all(torch.equal(a, b) for a, b in zip(weights_of(end.encoder), weights_of(written.encoder), strict=True))
        heard.append((end.epoch, end.epochs, end.encoder.training, written.config == end.config, same))
        assert read_history(end.out)[-1].batch_loss == end.batch_loss

    weights_of = lambda encoder: encoder.state_dict().values()  # noqa: E731
    train(few, objective="scl", epochs=2, batch_size=32, out=tmp_path, callbacks=[listen, listen])
    assert heard == [(epoch, 2, False, True, True) for epoch in (1, 1, 2, 2)]


def test_a_callback_does_not_change_the_weights(few, tmp_path):
    shared = {"objective": "sscl", "epochs": 2, "batch_size": 32}
    plain = train(few, out=tmp_path / "a", **shared)
    heard = train(few, out=tmp_path / "b", callbacks=[lambda end: torch.rand(5)], **shared)
    assert plain.read_bytes() == heard.read_bytes()


def test_history_reads_back_and_a_damaged_one_is_named(few, tmp_path):
    train(few, objective="scl", epochs=2, batch_size=32, out=tmp_path)
    history = read_history(tmp_path)
    assert [record.epoch for record in history] == [1, 2] and all(record.images_per_s > 0 for record in history)
    (tmp_path / "history.csv").write_text("epoch,batch_loss\n1,2.0\n")
    with pytest.raises(FileError, match="history: must be a complete file"):
        read_history(tmp_path)


def test_bf16_changes_nothing_on_a_cpu_and_says_so(few, tmp_path):
    shared = {"objective": "scl", "epochs": 1, "batch_size": 32, "device": "cpu"}
    plain = train(few, out=tmp_path / "a", **shared)
    mixed = train(few, out=tmp_path / "b", precision="bf16", **shared)
    assert plain.read_bytes() == mixed.read_bytes()
    assert json.loads((tmp_path / "b" / "run.json").read_text())["precision"] == "float32"


def test_an_interrupted_run_keeps_its_finished_epochs(few, tmp_path):
    def stop_in_the_second_epoch(done: int, total: int, unit: str) -> None:
        if done > total / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(few, objective="ucl", epochs=2, out=tmp_path, batch_size=32, progress=stop_in_the_second_epoch)
    assert load_encoder(tmp_path / "encoder.pt").config.epochs == 1
    assert json.loads((tmp_path / "run.json").read_text())["epochs_done"] == 1


def test_progress_counts_images(few, tmp_path):
    seen: list[tuple[int, int, str]] = []
    train(few, objective="ucl", epochs=2, batch_size=48, out=tmp_path, progress=lambda *step: seen.append(step))
    assert seen == [(48, 192, "images"), (96, 192, "images"), (144, 192, "images"), (192, 192, "images")]


def test_the_architecture_and_colour_images_work(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (8, 3, 16, 16), dtype=np.uint8)
    colour = ImageSet("noise", "train", images, np.arange(8) % 2, ("a", "b"), np.arange(8).astype(str))
    path = train(colour, objective="hscl", arch="resnet18", epochs=1, batch_size=4, out=tmp_path / "run")
    config = load_encoder(path).config
    assert (config.arch, config.in_channels, config.image_size, config.embedding_dim) == ("resnet18", 3, 16, 128)
    np.testing.assert_allclose(config.mean, images.mean(axis=(0, 2, 3)) / 255)
    np.testing.assert_allclose(config.std, images.std(axis=(0, 2, 3)) / 255)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            {"objective": "hsc"},
            "objective: expected one of ucl, .*, received 'hsc'; did you mean 'hscl'",
        ),
        ({"arch": "resnet"}, "arch: expected one of"),
        ({"epochs": 0}, "epochs: must be a whole number >= 1, received 0"),
        ({"batch_size": 1}, "batch_size: must be a whole number >= 2"),
        ({"seed": -1}, "seed: must be a whole number >= 0, received -1"),
        ({"learning_rate": 0.0}, "learning_rate: must be a finite number > 0"),
        ({"weight_decay": -1.0}, "weight_decay: must be a finite number >= 0"),
        ({"temperature": -0.5}, "temperature: must be a finite number > 0, received -0.5"),
        ({"schedule": "cosin"}, "schedule: expected one of constant, cosine, received 'cosin'; did you mean 'cosine'"),
        ({"precision": "fp16"}, "precision: expected one of float32, bf16"),
        ({"warmup_epochs": -1}, "warmup_epochs: must be a whole number >= 0, received -1"),
        ({"warmup_epochs": 1}, "warmup_epochs: must be fewer than the 1 epochs, received 1"),
        ({"accumulate": 0}, "accumulate: must be a whole number >= 1, received 0"),
        ({"accumulate": 2}, "accumulate: that many batches of 96 must fit into 96 images, received 2"),
        ({"save_every": 0}, "save_every: must be a whole number >= 1"),
        ({"resume": True, "overwrite": True}, "resume: cannot go with overwrite"),
        ({"options": {"tau": 1.0}}, "options: expected one of q, average, keep_anchor, drawn, received 'tau'"),
        ({"n_views": 0}, "n_views: must be a whole number >= 1, received 0"),
        ({"embedding_dim": 0}, "embedding_dim: must be a whole number >= 1, received 0"),
        ({"objective": "ucl", "n_views": 1}, "positives: 'augmentation' needs two views"),
        ({"beta": -1.0}, "beta: must be a finite number >= 0"),
        ({"positives": "both"}, "positives: expected one of augmentation, class"),
    ],
)
def test_broken_parameters_are_named_and_leave_nothing(call, message, few, tmp_path):
    with pytest.raises(InputError, match=message):
        train(few, out=tmp_path / "run", **{"objective": "hscl", "epochs": 1, **call})
    assert list(tmp_path.iterdir()) == []


def test_images_that_cannot_train_are_refused(few, tmp_path):
    one_class = few.subset(few.labels == 3)
    with pytest.raises(InputError, match="at least 2 classes"):
        train(one_class, objective="scl", epochs=1, out=tmp_path / "run")
    with pytest.raises(InputError, match="at least 2 images"):
        train(few.subset([0]), objective="ucl", epochs=1, out=tmp_path / "run")
    flat = ImageSet("flat", "train", few.images[:, :, :4], few.labels, few.classes, few.ids)
    with pytest.raises(InputError, match="must be square, received 4 x 8"):
        train(flat, objective="ucl", epochs=1, out=tmp_path / "run")
