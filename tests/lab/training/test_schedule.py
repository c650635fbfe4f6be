from itertools import pairwise

import pytest

from boundcheck.lab.training.plan import Plan
from boundcheck.lab.training.schedule import rate_at

NUMBERS = {"images": 40, "batch_size": 10, "learning_rate": 2.0, "weight_decay": 0.0, "precision": "float32"}


def rates(schedule: str, warmup: int, steps: int = 12) -> list[float]:
    shared = {"steps": steps, "warmup": warmup, "learning_rate": 2.0, "schedule": schedule}
    return [rate_at(step, **shared) for step in range(steps)]


def test_constant_is_constant():
    assert rates("constant", 0) == [2.0] * 12


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_warm_up_is_linear_and_ends_at_full_height(schedule):
    assert rates(schedule, 4)[:5] == pytest.approx([0.5, 1.0, 1.5, 2.0, 2.0])


def test_cosine_falls_from_full_height_by_half_a_cosine():
    falling = rates("cosine", 4)[4:]
    assert falling[0] == 2.0 and falling[4] == pytest.approx(1.0) and falling[2] == pytest.approx(1 + 0.5**0.5)
    assert all(a > b > 0 for a, b in pairwise(falling))
    assert falling[-1] < 0.1


def test_a_plan_counts_steps_over_epochs_and_accumulated_batches():
    rest = {"epochs": 3, "schedule": "cosine", "warmup_epochs": 1, "save_every": None, "seed": 0}
    plan = Plan(**NUMBERS, accumulate=2, **rest)
    assert (plan.step_size, plan.steps) == (20, 2)
    seen = [plan.rate(epoch, step) for epoch in range(3) for step in range(2)]
    assert seen == [rate_at(k, steps=6, warmup=2, learning_rate=2.0, schedule="cosine") for k in range(6)]
