import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import boundcheck as bc
from boundcheck.augment import recipe_for, views
from boundcheck.errors import InputError
from boundcheck.lab.training import train
from boundcheck.lab.training.encode import encode
from boundcheck.lab.training.tracker import Tracker, held_out_views

CONTRACT = [
    "dataset", "objective", "beta", "seed", "epoch", "loss", "loss_beta", "estimate", "ci_low", "ci_high",
    "share_holding",
]  # fmt: skip


def held_out(seed: int = 0, n: int = 60, v: int = 2):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 3
    centres = torch.randn(3, 8, generator=generator)[labels]
    return centres[:, None] + 0.5 * torch.randn(n, v, 8, generator=generator), labels.numpy()


def small_encoder(dropout: float = 0.5) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(dropout), nn.Linear(16, 4))


def test_three_lines_in_a_plain_loop():
    inputs, labels = held_out()
    encoder = small_encoder(dropout=0.0)
    optimizer = torch.optim.Adam(encoder.parameters(), lr=0.02)
    tracker = Tracker(inputs, labels, temperature=0.5, betas=[1.0, 5.0])
    for epoch in range(1, 4):
        for _ in range(5):
            optimizer.zero_grad()
            nn.functional.cross_entropy(encoder(inputs[:, 0]), torch.from_numpy(labels)).backward()
            optimizer.step()
        tracker(encoder, epoch)
    frame = tracker.to_frame()
    assert list(frame.columns[: len(CONTRACT)]) == CONTRACT
    assert frame.groupby("epoch").size().to_dict() == {1: 6, 2: 6, 3: 6}
    assert (frame["ci_low"] < frame["estimate"]).all() and (frame["estimate"] < frame["ci_high"]).all()
    scl = frame[frame["loss"] == "scl"].set_index("epoch")["estimate"]
    assert scl[3] < scl[1]


def test_the_numbers_are_those_of_the_encoder_in_evaluation_mode():
    inputs, labels = held_out()
    encoder = small_encoder().train()
    tracker = Tracker(inputs, labels, temperature=0.3, betas=[2.0])
    tracker(encoder, 1)
    with torch.no_grad():
        z = encoder.eval()(inputs.flatten(0, 1)).view(60, 2, 4)
    table = bc.estimate(bc.EmbeddingSet(z, labels), temperature=0.3, betas=[2.0])
    expected, shares = table.to_frame(), table.assumption_frame().set_index("beta")["share_holding"]
    frame = tracker.to_frame()
    assert list(frame["loss"]) == list(expected["loss"])
    for column in ("estimate", "ci_low", "ci_high"):
        np.testing.assert_allclose(frame[column], expected[column], rtol=1e-5)
    assert set(frame.loc[frame["loss_beta"] == 2.0, "share_holding"]) == {shares[2.0]}
    assert list(frame["reliable"]) == list(expected["reliable"])


def test_what_is_not_to_be_relied_on_is_marked():
    """Sixty instances are too few at a hard tilt, and enough without one."""
    inputs, labels = held_out()
    tracker = Tracker(inputs, labels, temperature=0.1, betas=[20.0])
    tracker(small_encoder(), 1)
    gaps = tracker.gaps().set_index("gap")["reliable"]
    assert not gaps["hucl-hscl"] and tracker.values["boundcheck/gap_beta20_reliable"] == 0
    assert bool(gaps["ucl-scl"]) == bool(tracker.values["boundcheck/gap_reliable"])


def test_modes_and_statistics_are_left_as_they_were():
    inputs, labels = held_out()
    encoder = small_encoder().train()
    encoder[1].eval()  # a frozen batch normalisation inside a training encoder
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    Tracker(inputs, labels)(encoder, 1)
    assert encoder.training and encoder[3].training and not encoder[1].training
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())


def test_modes_come_back_when_encoding_fails():
    encoder = small_encoder().train()
    with pytest.raises(RuntimeError):
        encode(encoder, torch.zeros(4, 2, 7))
    assert all(module.training for module in encoder.modules())


def test_encode_takes_the_last_of_a_tuple_and_any_batch_size():
    class Both(nn.Module):
        def forward(self, x):
            return x, 2 * x

    inputs, _ = held_out()
    for batch_size in (7, 512):
        np.testing.assert_array_equal(encode(Both(), inputs, batch_size), 2 * inputs.numpy())


def test_gaps_are_differences_of_losses():
    inputs, labels = held_out()
    tracker = Tracker(inputs, labels, betas=[1.0, 5.0])
    tracker(small_encoder(), 1)
    loss = tracker.to_frame().fillna({"loss_beta": 0.0}).set_index(["loss", "loss_beta"])["estimate"]
    gaps = tracker.gaps().fillna({"loss_beta": 0.0}).set_index(["gap", "loss_beta"])["estimate"]
    assert gaps["ucl-scl", 0.0] == pytest.approx(loss["ucl", 0.0] - loss["scl", 0.0])
    for beta in (1.0, 5.0):
        assert gaps["hucl-hscl", beta] == pytest.approx(loss["hucl", beta] - loss["hscl", beta])
        assert gaps["hscl-ucl", beta] == pytest.approx(loss["hscl", beta] - loss["ucl", 0.0])


def test_only_every_few_epochs():
    inputs, labels = held_out()
    tracker, encoder = Tracker(inputs, labels, every=3), small_encoder()
    for epoch in range(1, 8):
        tracker(encoder, epoch)
    assert list(tracker.to_frame()["epoch"].unique()) == [3, 6]


def test_it_refuses_to_measure_never():
    with pytest.raises(InputError, match="every"):
        Tracker(*held_out(), every=0)


def test_a_resumed_run_keeps_its_rows_and_replaces_those_it_repeats(tmp_path):
    inputs, labels = held_out()
    first = Tracker(inputs, labels, folder=tmp_path, dataset="NA", objective="mine", beta=None, seed=3)
    for epoch in (1, 2, 3):
        first(small_encoder(), epoch)
    second = Tracker(inputs, labels, folder=tmp_path, dataset="NA", objective="mine", beta=None, seed=3)
    pd.testing.assert_frame_equal(second.to_frame(), first.to_frame())
    torch.manual_seed(1)
    second(nn.Linear(8, 4), 2)
    frame = second.to_frame()
    assert frame["epoch"].unique().tolist() == [1, 2]
    pd.testing.assert_frame_equal(frame[frame["epoch"] == 1], first.to_frame().query("epoch == 1"))
    assert not np.allclose(
        frame[frame["epoch"] == 2]["estimate"], first.to_frame().query("epoch == 2")["estimate"], rtol=1e-3
    )
    assert set(frame["dataset"]) == {"NA"} and set(frame["seed"]) == {3}
    assert {path.name for path in tmp_path.iterdir()} == {"tracking.csv", "gaps.csv"}


def test_in_the_packages_own_training_the_last_epoch_is_always_measured(tmp_path):
    images = bc.load_dataset("digits", "train").subset(slice(128))
    held = bc.load_dataset("digits", "test").subset(slice(60))
    tracker = Tracker(*held_out_views(held), betas=[1.0], every=2, dataset="digits", objective="scl", seed=0)
    out = tmp_path / "run"
    path = train(images, objective="scl", out=out, epochs=3, batch_size=64, callbacks=[tracker.at_epoch_end])
    frame = tracker.to_frame()
    assert frame["epoch"].unique().tolist() == [2, 3]
    z = encode(bc.load_encoder(path).encoder, held_out_views(held)[0])
    expected = bc.estimate(bc.EmbeddingSet(z, held.labels), betas=[1.0]).to_frame()["estimate"]
    np.testing.assert_allclose(frame[frame["epoch"] == 3]["estimate"], expected, rtol=1e-5)


def test_held_out_views_are_the_seeds():
    held = bc.load_dataset("digits", "test").subset(slice(10))
    inputs, labels = held_out_views(held, n_views=3, seed=5)
    assert inputs.shape == (10, 3, 1, 8, 8)
    np.testing.assert_array_equal(labels, held.labels)
    one = views(torch.from_numpy(held.images), np.arange(10), 1, 5, recipe_for(1, 8, "digits"))
    assert torch.equal(inputs[:, 1], one)


def test_the_limit_of_the_training_objective_is_named_and_can_be_tracked():
    inputs, labels = held_out()
    assert Tracker(inputs, labels, objective="nscl").limit().endswith("ask for it with q=inf")
    decoupled = Tracker(inputs, labels, objective="nscl", q=np.inf)
    assert decoupled.limit().endswith("it is among the losses here")
    encoder = small_encoder()
    decoupled(encoder, 1)
    expected = bc.estimate(bc.EmbeddingSet(encode(encoder, inputs), labels), betas=(1.0, 5.0), q=(np.inf,)).to_frame()
    found = decoupled.to_frame()
    assert found["estimate"].tolist() == expected["estimate"].tolist()

    by_class = Tracker(inputs, labels, objective="hscl", beta=5.0, positives="class").limit()
    assert "hscl at β = 5, class positives" in by_class and "estimated here for Q = 1" in by_class
    with pytest.raises(InputError, match="objective: expected one of ucl"):
        Tracker(inputs, labels).limit()
