"""One descent: from a configuration down the gradient of a gap, over embeddings that the claim is about."""

from __future__ import annotations

import time

import numpy as np
import torch
from torch import Tensor

from boundcheck.embeddings import EmbeddingSet
from boundcheck.falsification.problem import Point, Problem
from boundcheck.falsification.starts import about

STEPS = 200
RATE = 0.1  # of Adam at the start, in units of the sphere's radius; a twentieth of it at the end
# A descent ends after so many steps without progress, in nats; a find, sooner and at a hundredth of its gap.
PATIENCE, PROGRESS = 40, 1e-6
FOUND_PATIENCE, FOUND_PROGRESS = 10, 0.01
DIRECTIONS, WIDTH = 8, 0.02  # of finite differences, where a claim carries no gradient


def descend(
    problem: Problem, emb: EmbeddingSet, aim: int, rng: np.random.Generator, deadline: float, steps: int = STEPS
) -> tuple[Point | None, int]:
    """Lower the score of one finding by Adam, every row put back on the sphere, or its orthant, after each step.

    A claim whose gap depends on neither per-anchor slack nor averaged losses (see `Problem`) carries no gradient; it
    is then estimated from central differences along random directions: slower, rougher, and it finds less.

    Args:
        problem: what is searched.
        emb: the start; its labels stay.
        aim: index of the finding to attack.
        rng: for those directions.
        deadline: on `time.perf_counter`'s clock.
        steps: at most; one is taken even past the deadline.

    Returns:
        The best point on the way, None where the claim does not apply at the start, and the steps taken.
    """
    x = torch.from_numpy(emb.z.copy()).to(torch.float64).requires_grad_()
    optimiser = torch.optim.Adam([x], lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps, eta_min=RATE / 20)
    best: Point | None = None
    least, since = np.inf, 0
    for step in range(steps):
        if step and time.perf_counter() > deadline:
            return best, step
        z = about(problem.claim, x)
        point = problem.point(_placed(emb, z), aim, z)
        if point is None:
            return best, step
        if best is None or point.rank < best.rank:
            best = point
        score = float(point.score.detach())
        wanted = max(PROGRESS, FOUND_PROGRESS * abs(score)) if point.found else PROGRESS
        least, since = (score, 0) if score < least - wanted else (least, since + 1)
        if since > (FOUND_PATIENCE if point.found else PATIENCE):
            return best, step + 1
        if point.score.requires_grad:
            (gradient,) = torch.autograd.grad(point.score, x)
        else:
            gradient = _differences(problem, emb, point.aim, x.detach(), rng)
        x.grad = gradient.nan_to_num(0.0)  # a polynomial tilt has none at cosine -1
        optimiser.step()
        schedule.step()
        with torch.no_grad():
            x.copy_(about(problem.claim, x))
    return best, steps


def _placed(emb: EmbeddingSet, z: Tensor) -> EmbeddingSet:
    """The same labels at other places."""
    return EmbeddingSet(z.detach().numpy(), emb.y, emb.ids, classes=emb.classes)


@torch.no_grad()
def _differences(problem: Problem, emb: EmbeddingSet, aim: int, x: Tensor, rng: np.random.Generator) -> Tensor:
    """An unbiased estimate of the gradient of the score smoothed over a Gaussian of standard deviation WIDTH."""
    total = torch.zeros_like(x)
    for _ in range(DIRECTIONS):
        direction = torch.from_numpy(rng.standard_normal(tuple(x.shape)))
        places = [about(problem.claim, x + sign * WIDTH * direction) for sign in (1, -1)]
        ends = [problem.point(_placed(emb, place), aim) for place in places]
        if ends[0] is not None and ends[1] is not None:
            total += float(ends[0].score - ends[1].score) / (2 * WIDTH) * direction
    return total / DIRECTIONS
