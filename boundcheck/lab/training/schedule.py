"""The learning rate of every step: linear warm-up, then a named schedule."""

from __future__ import annotations

import math
from collections.abc import Callable

SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda share: 1.0,
    "cosine": lambda share: (1 + math.cos(math.pi * share)) / 2,
}
"""Name to factor on the learning rate, given the share of the steps after warm-up that are done."""


def rate_at(step: int, *, steps: int, warmup: int, learning_rate: float, schedule: str) -> float:
    """The learning rate of one step, a function of its position alone, so that a resumed run needs no memory.

    Warm-up rises linearly and reaches `learning_rate` with its last step (Goyal et al. 2017, arXiv
    1706.02677); `cosine` then falls to zero by half a cosine (Loshchilov & Hutter 2017, arXiv 1608.03983,
    without restarts), as in SimCLR.

    Args:
        step: steps of the optimizer done before this one.
        steps: of the whole run.
        warmup: how many of them warm up.
        learning_rate: at full height.
        schedule: a name in `SCHEDULES`.

    Returns:
        The rate.
    """
    if step < warmup:
        return learning_rate * (step + 1) / warmup
    return learning_rate * SCHEDULES[schedule]((step - warmup) / (steps - warmup))
