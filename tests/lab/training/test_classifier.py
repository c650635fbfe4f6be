"""The classifier trained beside an encoder, for objectives with a cross-entropy."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from boundcheck.augment import recipe_for, views
from boundcheck.lab.objectives import OBJECTIVES, schane
from boundcheck.lab.training import train
from boundcheck.lab.training.classifier import WithClassifier
from boundcheck.lab.training.prepare import new_encoder
from boundcheck.lab.training.step import Step
from boundcheck.ranks import Ranks
from tests.oracles.batch_losses import looped_schane

RUN = {"objective": "schane", "epochs": 2, "batch_size": 32, "device": "cpu"}


def joint(few) -> WithClassifier:
    return WithClassifier(new_encoder(few, "convnet", seed=0)[0], len(few.classes), seed=0).double().train()


def test_a_step_is_a_literal_one(few):
    own, literal = joint(few), joint(few)
    step = Step(
        images=torch.from_numpy(few.images),
        labels=torch.from_numpy(few.labels),
        model=own,
        optimizer=torch.optim.SGD(own.parameters(), lr=0.1),
        loss=partial(schane, temperature=0.5, contrast_weight=0.6),
        draws=False,
        classifies=True,
        recipe=recipe_for(1, 8, "digits"),
        seed=7,
        accumulate=1,
        bf16=False,
        ranks=Ranks(0, 1, torch.device("cpu")),
    )
    index = np.arange(24)
    loss = step(1, 0, index, rate=0.1)

    # views 2 and 3 are those of the second epoch; both pass through the encoder as one batch
    images, y = torch.from_numpy(few.images)[index], torch.from_numpy(few.labels)[index]
    both = torch.cat([views(images, index, view, 7, recipe_for(1, 8, "digits")) for view in (2, 3)])
    features, raw = literal.encoder(both)
    scores = features @ literal.classifier.weight.T + literal.classifier.bias
    z = torch.stack(raw.split(24), dim=1)
    z = z / z.norm(dim=2, keepdim=True)
    expected = looped_schane(
        z, y, temperature=0.5, beta=1.0, contrast_weight=0.6, positives="class", weight_gradient=True,
        class_logits=torch.stack(scores.split(24), dim=1),
    )  # fmt: skip
    assert loss == pytest.approx(expected.item(), rel=1e-10)
    gradients = torch.autograd.grad(expected, list(literal.parameters()))
    for parameter, before, gradient in zip(own.parameters(), literal.parameters(), gradients, strict=True):
        torch.testing.assert_close(parameter, before - 0.1 * gradient, rtol=1e-8, atol=1e-12)


@pytest.mark.slow
def test_the_classifier_learns_and_stays_out_of_the_checkpoint(few, tmp_path, monkeypatch):
    made, weights = [], []

    def remember(*args, **options):
        made.append(WithClassifier(*args, **options))
        weights.append(made[0].classifier.weight.detach().clone())
        return made[0]

    monkeypatch.setattr("boundcheck.lab.training.start.WithClassifier", remember)
    path = train(few, out=tmp_path / "run", **{**RUN, "epochs": 30}, options={"contrast_weight": 0.5})
    saved = torch.load(path, weights_only=True)
    assert not [name for name in saved["state_dict"] if "classifier" in name]
    assert sorted(file.name for file in (tmp_path / "run").iterdir()) == ["encoder.pt", "history.csv", "run.json"]
    assert not torch.equal(made[0].classifier.weight, weights[0])
    model, labels = made[0].eval(), torch.from_numpy(few.labels)
    with torch.inference_mode():
        scores, _ = model(torch.from_numpy(few.images).float() / 255)
    chance = F.cross_entropy(torch.zeros(len(labels), 10), labels)
    assert F.cross_entropy(scores, labels) < 0.5 * chance


def test_a_resumed_run_has_its_classifier_again(few, tmp_path, one_thread):
    whole = train(few, out=tmp_path / "whole", **RUN)

    def stop_late(done: int, total: int, unit: str) -> None:
        if done > 96:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(few, out=tmp_path / "parts", progress=stop_late, save_every=1, **RUN)
    state = torch.load(tmp_path / "parts" / "state.pt", weights_only=True)
    assert state["classifier"]["weight"].shape == (10, state["classifier"]["weight"].shape[1])
    parts = train(few, out=tmp_path / "parts", resume=True, **RUN)
    assert parts.read_bytes() == whole.read_bytes()


def test_other_objectives_have_none(few, tmp_path, monkeypatch):
    monkeypatch.setattr("boundcheck.lab.training.start.WithClassifier", None)
    for objective in set(OBJECTIVES) - {"schane"}:
        train(few.subset(slice(0, 64)), out=tmp_path / objective, **{**RUN, "objective": objective, "epochs": 1})
