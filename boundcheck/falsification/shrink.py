"""Fewer points that still are a counterexample: take some away, and descend again where that alone does not do."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from boundcheck.embeddings import EmbeddingSet
from boundcheck.falsification.descent import descend
from boundcheck.falsification.problem import Point, Problem

SUBSETS = 8  # random ones tried for each number of points taken away
REPAIRS = 3  # of the most promising, descended from before the number is halved


def shrink(problem: Problem, point: Point, rng: np.random.Generator, deadline: float) -> tuple[Point, int]:
    """Greedy: half of the points, then a quarter, and at last every single one; classes stay as many.

    Unless the deadline comes first, no single point can be taken from the result, as it is or after a descent from the
    most promising of the sets that are left. A smaller counterexample of another shape may exist.

    Args:
        problem: what is searched.
        point: a find.
        rng: which subsets are tried.
        deadline: on `time.perf_counter`'s clock.

    Returns:
        The smallest find, and the steps taken by the descents on the way.
    """
    steps, away, settled = 0, max(1, point.emb.n // 2), False
    while time.perf_counter() < deadline:
        smaller, taken = _smaller(problem, point, away, rng, deadline)
        steps += taken
        if smaller is not None:
            point, settled = smaller, False
            away = min(away, max(1, point.emb.n // 2))
        elif away > 1:
            away //= 2
        elif not settled:
            best, taken = descend(problem, point.emb, point.aim, rng, deadline)
            steps, settled = steps + taken, True
            point = best if best is not None and best.rank < point.rank else point
        else:
            break
    return point, steps


def _smaller(
    problem: Problem, point: Point, away: int, rng: np.random.Generator, deadline: float
) -> tuple[Point | None, int]:
    """A find with about `away` points fewer, and the steps it took; None where none was reached."""
    steps = 0
    tried = [problem.point(subset, point.aim) for subset in _subsets(point.emb, away, rng)]
    ranked = sorted((candidate for candidate in tried if candidate is not None), key=lambda candidate: candidate.rank)
    if ranked and ranked[0].found:
        return ranked[0], steps
    for candidate in ranked[:REPAIRS]:
        repaired, taken = descend(problem, candidate.emb, point.aim, rng, deadline)
        steps += taken
        if repaired is not None and repaired.found:
            return repaired, steps
    return None, steps


def _subsets(emb: EmbeddingSet, away: int, rng: np.random.Generator) -> Iterator[EmbeddingSet]:
    """Sets with `away` instances fewer, and sets with as many fewer in every class, for claims about balanced ones."""
    singles = [np.array([i]) for i in range(emb.n)]
    few = singles if away == 1 else [rng.choice(emb.n, away, replace=False) for _ in range(SUBSETS)]
    each = -(-away // emb.c)
    if each < emb.class_counts.min():
        members = [np.flatnonzero(emb.y == c) for c in range(emb.c)]
        few += [np.concatenate([rng.choice(m, each, replace=False) for m in members]) for _ in range(SUBSETS)]
    for dropped in few:
        kept = np.setdiff1d(np.arange(emb.n), dropped)
        if len(np.unique(emb.y[kept])) == emb.c:
            yield emb.subset(kept)
