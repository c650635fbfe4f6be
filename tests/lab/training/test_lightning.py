"""The tracker in Lightning's loop, with Lightning itself, and what trackers of experiments receive."""

from __future__ import annotations

import pickle
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import boundcheck as bc
from boundcheck.errors import InputError
from boundcheck.lab.training.logs import destination
from tests.lab.training.test_tracker import held_out, small_encoder

L = pytest.importorskip("lightning.pytorch")
QUIET = {
    "accelerator": "cpu", "enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False,
}  # fmt: skip


def names() -> set[str]:
    plain = {f"{name}{at}" for at in ("", "_beta1", "_beta5") for name in ("share", "gap")}
    ends = {f"gap{at}_{end}" for at in ("", "_beta1", "_beta5") for end in ("ci_low", "ci_high", "reliable")}
    losses = {"ucl", "scl"} | {f"{name}_beta{beta}" for beta in (1, 5) for name in ("hucl", "hscl")}
    return {f"boundcheck/{name}" for name in plain | ends | losses}


class Module(L.LightningModule):
    """A classifier of the first view, its dropout and batch normalisation in training mode."""

    def __init__(self, diverges_at: int | None = None) -> None:
        super().__init__()
        self.encoder, self.diverges_at = small_encoder(), diverges_at

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.encoder(x)

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], index: int) -> torch.Tensor:
        assert self.training and self.encoder[3].training
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def on_train_epoch_end(self) -> None:  # after the callbacks'
        if self.current_epoch + 1 == self.diverges_at:
            nn.init.constant_(self.encoder[4].weight, np.nan)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=0.02)


def fit(callbacks: list, module: Module | None = None, **options: object) -> Module:
    L.seed_everything(0)
    inputs, labels = held_out(seed=1)
    data = DataLoader(TensorDataset(inputs[:, 0], torch.from_numpy(labels)), batch_size=20, shuffle=True)
    module = module or Module()
    options = {"max_epochs": 3, "logger": False} | options
    L.Trainer(callbacks=callbacks, **QUIET, **options).fit(module, data)
    return module


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A training of three epochs, its tracker, and what CSVLogger wrote."""
    logger = L.loggers.CSVLogger(tmp_path_factory.mktemp("logs"), name="", version="")
    tracker = bc.Tracker(*held_out(), betas=[1, 5])
    module = fit([bc.lightning_callback(tracker)], logger=logger)
    return module, tracker, pd.read_csv(f"{logger.log_dir}/metrics.csv")


def test_it_measures_before_training_and_after_every_epoch(run):
    _, tracker, logged = run
    frame = tracker.to_frame()
    assert frame["epoch"].unique().tolist() == [0, 1, 2, 3]
    assert names() <= set(logged.columns)
    rows = logged.dropna(subset=["boundcheck/ucl"])
    assert rows["step"].tolist() == [0, 3, 6, 9]
    for loss in ("ucl", "scl"):
        np.testing.assert_allclose(rows[f"boundcheck/{loss}"], frame[frame["loss"] == loss]["estimate"], rtol=1e-6)
    gaps = tracker.gaps().query("gap == 'hucl-hscl' and loss_beta == 5")
    np.testing.assert_allclose(rows["boundcheck/gap_beta5"], gaps["estimate"], rtol=1e-6)
    np.testing.assert_allclose(rows["boundcheck/gap_beta5_ci_low"], gaps["ci_low"], rtol=1e-6)
    np.testing.assert_allclose(
        rows["boundcheck/share_beta1"], frame.query("loss == 'hscl' and loss_beta == 1")["share_holding"]
    )


def test_the_last_row_is_what_verify_finds_on_the_trained_module(run):
    module, tracker, _ = run
    inputs, labels = held_out()
    with torch.no_grad():
        z = module.eval()(inputs.flatten(0, 1)).view(60, 2, -1)
    found = bc.verify(bc.EmbeddingSet(z, labels), betas=[1, 5], claims="hscl_le_hucl")
    for beta in (1, 5):
        row = found.to_frame().query("claim == 'hscl_le_hucl' and beta == @beta").iloc[0]
        assert tracker.values[f"boundcheck/gap_beta{beta}"] == pytest.approx(row["gap"], rel=1e-5)
        assert tracker.values[f"boundcheck/share_beta{beta}"] == pytest.approx(row["premise_share"])
    frame = found.losses.to_frame().set_index("loss")["estimate"]
    assert tracker.values["boundcheck/ucl"] == pytest.approx(frame["ucl"], rel=1e-5)


def test_the_training_is_the_same_with_and_without_it(run):
    """Dropout and shuffling draw the same numbers, batch statistics see the same batches."""
    module, _, _ = run
    alone = fit([])
    for (name, own), other in zip(module.state_dict().items(), alone.state_dict().values(), strict=True):
        assert torch.equal(own, other), name


def test_an_encoder_that_draws_in_evaluation_mode_takes_nothing_from_the_training():
    inputs, labels = held_out()
    tracker = bc.Tracker(inputs, labels, embed=lambda encoder, x: encoder(x) + 0.1 * torch.randn(len(x), 4))
    encoder = small_encoder()
    states = torch.get_rng_state(), np.random.get_state()  # noqa: NPY002
    tracker(encoder, 1)
    assert torch.equal(states[0], torch.get_rng_state())
    assert str(np.random.get_state()) == str(states[1])  # noqa: NPY002


@pytest.mark.parametrize(
    ("every", "options", "epochs"), [(2, {}, [0, 2, 3]), (2, {"max_epochs": -1, "max_steps": 8}, [0, 2, 3])]
)
def test_every_few_epochs_and_the_last(every, options, epochs):
    tracker = bc.Tracker(*held_out(), betas=[1], every=every)
    fit([bc.lightning_callback(tracker)], **options)
    assert tracker.to_frame()["epoch"].unique().tolist() == epochs


def test_a_training_that_breaks_down_is_a_warning_and_goes_on():
    tracker = bc.Tracker(*held_out(), betas=[1])
    with pytest.warns(UserWarning, match=r"boundcheck: epoch 2 was not measured \(z: rows must be finite"):
        fit([bc.lightning_callback(tracker)], Module(diverges_at=1))
    assert tracker.to_frame()["epoch"].unique().tolist() == [0, 1]


def test_inputs_that_do_not_fit_stop_before_training():
    inputs, labels = held_out()
    tracker = bc.Tracker(inputs, labels, embed=lambda encoder, x: 0 * encoder(x))
    with pytest.raises(InputError, match="z: rows must be"):
        fit([bc.lightning_callback(tracker)])


def test_half_precision_weights_get_rows_of_their_precision():
    inputs, labels = held_out()
    tracker = bc.Tracker(inputs, labels, betas=[1])
    tracker(small_encoder().bfloat16(), 1)
    reference = bc.Tracker(inputs, labels, betas=[1])
    reference(small_encoder(), 1)
    assert tracker.values["boundcheck/ucl"] == pytest.approx(reference.values["boundcheck/ucl"], rel=0.02)


def test_both_of_lightnings_packages_are_served_and_copies_can_be_sent_to_processes():
    other = pytest.importorskip("pytorch_lightning")
    callback = bc.lightning_callback(bc.Tracker(*held_out()))
    assert isinstance(callback, L.Callback) and isinstance(callback, other.Callback)
    assert isinstance(pickle.loads(pickle.dumps(callback)), L.Callback)


def test_without_lightning_the_package_is_named(monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] in ("lightning", "pytorch_lightning")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "lightning", None)
    monkeypatch.setattr("boundcheck.lab.training.lightning.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"needs the package lightning, .*install -c constraints.txt .\.\[lightning\]"):
        bc.lightning_callback(bc.Tracker(*held_out()))


def test_tensorboard_receives_every_number_at_its_epoch(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(tmp_path)) as writer:
        tracker = bc.Tracker(*held_out(), betas=[1, 5], log=writer)
        tracker(small_encoder(), 1)
        first = dict(tracker.values)
        torch.manual_seed(1)
        tracker(nn.Linear(8, 4), 2)
    events = EventAccumulator(str(tmp_path)).Reload()
    assert set(events.Tags()["scalars"]) == names() == set(first)
    for name in names():
        written = [(event.step, event.value) for event in events.Scalars(name)]
        assert [step for step, _ in written] == [1, 2]
        np.testing.assert_allclose([value for _, value in written], [first[name], tracker.values[name]], rtol=1e-5)


def test_mlflow_receives_every_number_at_its_epoch(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    with mlflow.start_run() as active:
        tracker = bc.Tracker(*held_out(), betas=[1, 5], log=mlflow)
        tracker(small_encoder(), 4)
    history = mlflow.tracking.MlflowClient().get_metric_history(active.info.run_id, "boundcheck/gap_beta5")
    assert [(item.step, item.value) for item in history] == [(4, tracker.values["boundcheck/gap_beta5"])]


def test_wandb_receives_every_number(tmp_path):
    wandb = pytest.importorskip("wandb")
    with wandb.init(mode="offline", dir=tmp_path, project="test") as active:
        active.log({"loss": 1.0})  # one of the training's own steps
        tracker = bc.Tracker(*held_out(), betas=[1, 5], log=active)
        tracker(small_encoder(), 4)
        summary = dict(active.summary)
    assert {name: summary[name] for name in names()} == tracker.values and summary["boundcheck/epoch"] == 4


def test_a_function_receives_values_and_epoch():
    seen = []
    bc.Tracker(*held_out(), log=lambda values, epoch: seen.append((values, epoch)))(small_encoder(), 7)
    assert [epoch for _, epoch in seen] == [7] and set(seen[0][0]) == names()
    with pytest.raises(InputError, match="log: expected a SummaryWriter"):
        destination(3)


def test_a_share_that_does_not_exist_is_not_logged():
    """Every instance of a class of its own but two: no anchor of the others has a partner."""
    inputs, _ = held_out(n=4)
    tracker = bc.Tracker(inputs, [0, 1, 2, 3])
    tracker(small_encoder(), 1)
    assert all(np.isfinite(list(tracker.values.values()))) and "boundcheck/share" not in tracker.values


def test_held_out_sets_are_checked_when_the_tracker_is_made():
    inputs, labels = held_out()
    for given, message in (
        ((inputs, labels[:-1]), "y: "),
        ((inputs, np.zeros(60, int)), "at least 2 classes"),
        ((inputs[:, 0], labels), r"inputs: expected shape \(n, views, ...\).*inputs\[:, None\]"),
        (([inputs[0], inputs[1, :1]], labels[:2]), "inputs: expected views of one shape"),
    ):
        with pytest.raises(InputError, match=message):
            bc.Tracker(*given)
    listed = bc.Tracker(list(inputs), labels.tolist())
    assert torch.equal(listed.inputs, inputs)
