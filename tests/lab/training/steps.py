"""A few steps of training in float64, on however many processes there are; also a program for torchrun."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from boundcheck.augment import recipe_for
from boundcheck.data import load_dataset
from boundcheck.errors import InputError
from boundcheck.lab.objectives import OBJECTIVES
from boundcheck.lab.training import train
from boundcheck.lab.training.classifier import WithClassifier
from boundcheck.lab.training.distributed import spread
from boundcheck.lab.training.prepare import new_encoder
from boundcheck.lab.training.step import Step
from boundcheck.ranks import Ranks, join_ranks

CASES = [("hscl", 1), ("hucl", 2), ("sscl", 1), ("schane", 2)]
RUN = {"objective": "hscl", "epochs": 2, "batch_size": 32, "schedule": "cosine", "device": "cpu"}


def images():
    return load_dataset("digits", "train").subset(slice(0, 96))


def few_steps(ranks: Ranks, objective: str, accumulate: int) -> dict[str, Any]:
    """Losses and gradients of three steps, and the weights after them."""
    few = images()
    encoder = new_encoder(few, "convnet", seed=5)[0].double().train()
    classifies = objective == "schane"
    model = WithClassifier(encoder, 10, seed=5).double() if classifies else encoder
    step = Step(
        images=torch.from_numpy(few.images),
        labels=torch.from_numpy(few.labels),
        model=spread(model, ranks),
        optimizer=torch.optim.Adam(model.parameters()),
        loss=partial(OBJECTIVES[objective], temperature=0.3, beta=2.0),
        draws=objective == "sscl",
        classifies=classifies,
        recipe=recipe_for(1, 8, "digits"),
        seed=3,
        accumulate=accumulate,
        bf16=False,
        ranks=ranks,
    )
    losses, gradients = [], []
    for number in range(3):
        order = np.arange(32 * number, 32 * (number + 1))
        losses.append(step(0, number, order, 1e-3))
        gradients.append({name: p.grad.clone() for name, p in model.named_parameters()})
    return {"losses": losses, "gradients": gradients, "weights": model.state_dict()}


def mistake(ranks: Ranks) -> str:
    """What this process is told when the first one refuses."""

    def refuse() -> None:
        raise InputError("out: the first process says no")

    try:
        ranks.from_first(refuse)
    except InputError as error:
        return str(error)
    return "nothing"


if __name__ == "__main__":
    torch.set_num_threads(1)
    out = Path(sys.argv[1])
    ranks = join_ranks(torch.device("cpu"))
    results = {f"{name}-{k}": few_steps(ranks, name, k) for name, k in CASES}
    torch.save({**results, "mistake": mistake(ranks)}, out / f"rank-{ranks.rank}.pt")
    told: list[int] = []
    train(images(), out=out / "run", progress=lambda *now: told.append(now[0]), **RUN)
    (out / f"told-{ranks.rank}.txt").write_text(str(len(told)))
    # As in boundcheck.__main__: the work is done and written, the interpreter's teardown may abort in torch's threads.
    os._exit(0)
