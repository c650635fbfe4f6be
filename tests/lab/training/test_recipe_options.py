"""What the authors' codes do otherwise than the defaults of `train`: views, their number, width and the unit ball."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from boundcheck.augment import IDENTITY
from boundcheck.checkpoints import load_encoder
from boundcheck.cli import main
from boundcheck.encoders.encoder import UnitBall
from boundcheck.extraction import extract
from boundcheck.lab.objectives import scl
from boundcheck.lab.training import train
from boundcheck.lab.training.apart import ViewByView
from tests.lab.training.test_step import make_step


def test_one_view_without_augmentation_is_the_image(few):
    seen = []
    step = replace(make_step(few, 1), n_views=1, recipe=IDENTITY)
    step.model.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    step(3, 0, np.arange(32), rate=0.0)
    (images,) = seen
    torch.testing.assert_close(images, torch.from_numpy(few.images[:32]) / 255)


@pytest.mark.parametrize("n_views", [1, 3])
def test_the_loss_sees_every_view_and_every_epoch_has_its_own(n_views, few):
    shapes, seen = [], []

    def loss(z, y):
        shapes.append(tuple(z.shape))
        return scl(z, y, temperature=0.5)

    step = replace(make_step(few, 1), n_views=n_views, loss=loss)
    step.model.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].clone()))
    for epoch in (0, 1):
        step(epoch, 0, np.arange(32), rate=0.0)
    assert shapes == [(32, n_views, 64)] * 2
    parts = [part for images in seen for part in images.chunk(n_views)]
    assert all(not torch.equal(a, b) for k, a in enumerate(parts) for b in parts[:k])


def test_views_apart_have_batch_statistics_of_their_own(few):
    step = make_step(few, 1)
    encoder = step.model
    together, _ = step.embed(0, np.arange(32))
    apart, _ = replace(step, model=ViewByView(encoder, 2)).embed(0, np.arange(32))
    alone = []
    for number in (0, 1):  # the views of an epoch, one by one
        one = replace(step, n_views=1)
        alone.append(one.embed(number, np.arange(32))[0][:, 0])
    torch.testing.assert_close(apart, torch.stack(alone, dim=1))
    assert not torch.allclose(apart, together, atol=1e-3)


def test_the_unit_ball_shortens_what_is_long():
    x = torch.tensor([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]], requires_grad=True)
    y = UnitBall()(x)
    torch.testing.assert_close(y, torch.tensor([[0.6, 0.8], [0.3, 0.4], [0.0, 0.0]]))
    y.sum().backward()
    assert torch.isfinite(x.grad).all()


def test_an_encoder_in_the_ball_is_kept_and_used_as_such(few, tmp_path):
    seen = []
    path = train(
        few,
        objective="hscl",
        out=tmp_path / "run",
        epochs=2,
        batch_size=48,
        temperature=1.0,
        weight_gradient=False,
        options={"q": 1.0, "drawn": 16, "keep_anchor": True, "average": "pairs"},
        n_views=1,
        augment=False,
        embedding_dim=9,
        unit_ball=True,
        watch=lambda z, y: seen.append((z, y)),
    )
    assert [tuple(z.shape) for z, _ in seen] == [(48, 1, 9)] * 4 and not any(z.requires_grad for z, _ in seen)
    loaded = load_encoder(path)
    assert (loaded.config.unit_ball, loaded.config.normalize, loaded.config.embedding_dim) == (True, False, 9)
    emb = extract(loaded, few, views=1, recipe=IDENTITY)
    norms = np.linalg.norm(emb.z, axis=2)
    assert not emb.normalize and norms.max() <= 1 + 1e-6 and norms.min() < 0.99
    with torch.inference_mode():
        raw = loaded.encoder(torch.from_numpy(few.images) / 255)[1].numpy()
    np.testing.assert_allclose(emb.z[:, 0], raw, atol=1e-5)


def test_drawn_negatives_follow_the_seed(few, tmp_path):
    keywords = {"objective": "scl", "epochs": 1, "batch_size": 48, "options": {"drawn": 4}}
    runs = [
        load_encoder(train(few, out=tmp_path / name, seed=seed, **keywords)).encoder.state_dict()
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    ]
    last = "head.3.weight"
    assert torch.equal(runs[0][last], runs[1][last]) and not torch.equal(runs[0][last], runs[2][last])


def test_the_sphere_is_the_default(few):
    step = make_step(few, 1)
    z, _ = step.embed(0, np.arange(8))
    raw, _ = replace(step, normalise=False).embed(0, np.arange(8))
    torch.testing.assert_close(z, F.normalize(raw, dim=2))


def test_the_loss_of_the_ball_depends_on_norms(few):
    step = replace(make_step(few, 1), normalise=False, loss=partial(scl, temperature=1.0, q=1.0))
    raw, _ = step.embed(0, np.arange(32))
    y = torch.from_numpy(few.labels[:32])
    assert scl(raw, y, temperature=1.0) != scl(F.normalize(raw, dim=2), y, temperature=1.0)


def test_the_command_takes_every_option(tmp_path):
    words = ["--n-views", "1", "--no-augment", "--embedding-dim", "9", "--unit-ball", "--no-weight-gradient"]
    words += ["--option", "drawn=8", "--option", "keep_anchor=true", "--option", "q=1", "--option", "average=pairs"]
    out = tmp_path / "run"
    assert main(["train", "--objective", "hscl", "--epochs", "1", "--out", str(out), "--quiet", *words]) == 0
    assert load_encoder(out / "encoder.pt").config.unit_ball
    assert main(["train", "--objective", "hscl", "--out", str(tmp_path / "no"), "--option", "drawn=8"]) == 2
