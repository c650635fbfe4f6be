"""What accumulating gradients means, against its definition."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch

from boundcheck.augment import recipe_for
from boundcheck.lab.objectives import hscl
from boundcheck.lab.training.prepare import new_encoder
from boundcheck.lab.training.step import Step
from boundcheck.ranks import Ranks


def make_step(few, accumulate: int) -> Step:
    encoder = new_encoder(few, "convnet", seed=0)[0].double().train()
    return Step(
        images=torch.from_numpy(few.images),
        labels=torch.from_numpy(few.labels),
        model=encoder,
        optimizer=torch.optim.SGD(encoder.parameters()),
        loss=partial(hscl, temperature=0.5, beta=1.0),
        draws=False,
        classifies=False,
        recipe=recipe_for(1, 8, "digits"),
        seed=0,
        accumulate=accumulate,
        bf16=False,
        ranks=Ranks(0, 1, torch.device("cpu")),
    )


def gradient(step: Step) -> torch.Tensor:
    return torch.cat([p.grad.flatten() for p in step.model.parameters()])


def test_accumulated_gradients_are_the_mean_over_batches(few):
    together = make_step(few, accumulate=3)
    loss = together(4, 0, np.arange(96), rate=0.0)
    parts = []
    for k in range(3):
        alone = make_step(few, accumulate=1)
        parts.append((alone(4, 0, np.arange(32 * k, 32 * (k + 1)), rate=0.0), gradient(alone)))
    np.testing.assert_allclose(loss, np.mean([value for value, _ in parts]), rtol=1e-12)
    torch.testing.assert_close(gradient(together), torch.stack([g for _, g in parts]).mean(dim=0))


def test_accumulated_batches_are_not_one_large_batch(few):
    small, large = make_step(few, accumulate=3), make_step(few, accumulate=1)
    small(0, 0, np.arange(96), rate=0.0)
    large(0, 0, np.arange(96), rate=0.0)
    assert not torch.allclose(gradient(small), gradient(large), rtol=0.05)


def test_a_loss_that_is_not_finite_leaves_the_weights(few):
    step = make_step(few, accumulate=1)
    before = [p.detach().clone() for p in step.model.parameters()]
    broken = Step(**{**vars(step), "loss": lambda z, y: z.sum() * torch.nan})
    assert np.isnan(broken(0, 0, np.arange(32), rate=0.1))
    assert all(torch.equal(a, b) for a, b in zip(before, step.model.parameters(), strict=True))
