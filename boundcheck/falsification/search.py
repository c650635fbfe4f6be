"""The search: restarts of a descent within a budget, then shrinking and a certificate."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from boundcheck.claims import Claim, choose_claims
from boundcheck.embeddings import EmbeddingSet
from boundcheck.errors import InputError, unknown_name
from boundcheck.estimators import loss_spec
from boundcheck.falsification.certificate import certify
from boundcheck.falsification.counterexample import Counterexample, Effort, Search
from boundcheck.falsification.descent import descend
from boundcheck.falsification.evidence import dense_evidence
from boundcheck.falsification.problem import PREMISES, Point, Problem
from boundcheck.falsification.shrink import shrink
from boundcheck.falsification.starts import start
from boundcheck.pairwise.tiles import Progress

POINTS_PER_CLASS = 8
MAX_VIEWS = 400  # some 0.1 s a step, and half a minute at 50 digits
SHRINKING = 0.2  # of the budget, at least, however late the find
VARIANT = ("temperature", "hardening", "q", "positives", "self_pairs", "class_prior")


def falsify(
    claim: str | Claim,
    *,
    classes: int = 3,
    points: int | None = None,
    dim: int = 8,
    views: int = 1,
    temperature: float = 0.5,
    beta: float | Sequence[float] = 1.0,
    hardening: str | Sequence[str] = "exp",
    q: Sequence[float] = (1.0,),
    positives: str = "auto",
    self_pairs: str = "exclude",
    class_prior: str = "empirical",
    premise: str = "free",
    seconds: float = 30.0,
    seed: int = 0,
    progress: Progress | None = None,
) -> Counterexample | None:
    """Search for points on the sphere that violate a claim, by gradient descent on its margin.

    What is searched is the inequality between the *plug-in* losses of finitely many points taken as the whole
    population, in the variant that the options state: by default as `verify` has it, pools without the anchor's own
    instance. A violation is one of this finite-sample functional. With self_pairs="include" and class positives the
    points are a discrete population in every respect. A violation counts beyond the claims' own rounding tolerance.

    The gradient is that of per-anchor slack where the slack averages to the claim's margin (as `evidence.compare` has
    it), else that of the averaged losses the margin depends on; a claim that uses neither is searched along random
    finite differences, which finds less. Class weights are searched through the sizes of the classes.

    Args:
        claim: an id of the catalogue, or a `Claim`.
        classes: C >= 2.
        points: n instances at the start, 8 for each class unless given; a find is shrunk to fewer.
        dim: d >= 2.
        views: v of each instance.
        temperature, hardening, q, positives, self_pairs, class_prior: the variant, see `estimate`.
        beta: the tilt of the exponential hardening, or several.
        premise: "free" looks for any violation and reports whether the premise holds there; "hold" only where the
            premise holds at every anchor; "fail" for a configuration where the premise itself fails.
        seconds: budget of the search; shrinking a late find may take a fifth more.
        seed: of the starts. Same seed, same descents; how many fit into the budget depends on the machine.
        progress: called with (done, total, unit).

    Returns:
        The counterexample, shrunk and certified; None where none was found, which proves nothing (`search` returns the
        effort spent).

    Raises:
        InputError: an option is unknown or out of range, or the claim does not apply to what they ask for.
    """
    return search(**locals()).counterexample  # the same arguments, one for one


def search(
    claim: str | Claim,
    *,
    classes: int = 3,
    points: int | None = None,
    dim: int = 8,
    views: int = 1,
    temperature: float = 0.5,
    beta: float | Sequence[float] = 1.0,
    hardening: str | Sequence[str] = "exp",
    q: Sequence[float] = (1.0,),
    positives: str = "auto",
    self_pairs: str = "exclude",
    class_prior: str = "empirical",
    premise: str = "free",
    seconds: float = 30.0,
    seed: int = 0,
    progress: Progress | None = None,
) -> Search:
    """`falsify`, with the effort spent: restarts, steps, the least margin reached. Same arguments."""
    given = locals()
    (chosen,) = choose_claims([claim])
    points = POINTS_PER_CLASS * classes if points is None else points
    betas = (float(beta),) if isinstance(beta, (int, float)) else tuple(float(value) for value in beta)
    _check(classes, points, dim, views, premise, seconds)
    config = {name: value for name, value in given.items() if name not in ("claim", "progress")}
    config |= {"points": points, "beta": betas, "q": tuple(q)}
    shape = (classes, points, views, dim)
    first = start(*shape, 0, np.random.default_rng(seed), equal=True)
    spec = loss_spec(first, betas=betas, **{name: config[name] for name in VARIANT})
    problem = Problem(chosen, spec, premise)
    with warnings.catch_warnings():
        # claims make floats of tensors that carry gradients, which torch warns of
        warnings.filterwarnings("ignore", "Converting a tensor with requires_grad", UserWarning)
        return _search(problem, shape, seconds, seed, config, progress)


def _search(
    problem: Problem,
    shape: tuple[int, int, int, int],
    seconds: float,
    seed: int,
    config: dict[str, Any],
    progress: Progress | None,
) -> Search:
    began = time.perf_counter()
    restarts, steps, least = 0, 0, math.inf
    found: Point | None = None
    while found is None and time.perf_counter() < began + seconds:
        rng = np.random.default_rng([seed, restarts])
        equal = restarts == 0 or bool(rng.random() < 0.5)
        emb = start(*shape, restarts, rng, equal)
        if restarts == 0:
            _refuse_inapplicable(problem, emb)
        elif not equal and problem.point(emb, 0) is None:
            emb = start(*shape, restarts, rng, equal=True)  # the claim is about balanced classes
        point, taken = descend(problem, emb, restarts // 3, rng, began + seconds)
        restarts, steps = restarts + 1, steps + taken
        if point is not None and _feasible(problem, point):
            least = min(least, point.margin)
        if point is not None and point.found:
            found = point
        if progress is not None:
            done = time.perf_counter() - began
            progress(min(int(done), math.ceil(seconds)), math.ceil(seconds), "s of search")
    least = least if math.isfinite(least) else math.nan
    if found is None:
        return Search(problem, Effort(restarts, steps, time.perf_counter() - began, least), None, config)
    now = time.perf_counter()
    deadline = max(began + seconds, now + SHRINKING * seconds)
    small, taken = shrink(problem, found, np.random.default_rng([seed, restarts]), deadline)
    judged, certificate = certify(problem, small.emb, small.aim)
    effort = Effort(restarts, steps + taken, time.perf_counter() - began, least)
    judgement = (judged or small).judgement
    counterexample = Counterexample(small.emb, problem, judgement, certificate, effort, found.emb.n, config)
    return Search(problem, effort, counterexample, config)


def _feasible(problem: Problem, point: Point) -> bool:
    """Whether the point's margin says something about what is looked for."""
    finding = point.judgement.finding
    return problem.premise != "hold" or (finding is not None and finding.premise_share == 1)


def _refuse_inapplicable(problem: Problem, emb: EmbeddingSet) -> None:
    """A requirement that equal classes on the sphere do not meet will not be met later."""
    judgements = problem.judgements(dense_evidence(emb, problem.spec))
    unmet = [judgement.reason for judgement in judgements if judgement.finding is None]
    if unmet:
        raise InputError(f"claim: '{problem.claim.id}' does not apply to these options: {unmet[0]}")


def _check(classes: int, points: int, dim: int, views: int, premise: str, seconds: float) -> None:
    if premise not in PREMISES:
        raise unknown_name("premise", premise, PREMISES)
    if classes < 2:
        raise InputError(f"classes: must be >= 2, received {classes}; the claims compare classes")
    if points <= classes:
        raise InputError(f"points: must exceed the {classes} classes, received {points}; the usual is 8 for each")
    if dim < 2:
        raise InputError(f"dim: must be >= 2, received {dim}; there is nothing to follow on the 0-sphere")
    if views < 1:
        raise InputError(f"views: must be >= 1, received {views}; the usual is 1")
    if points * views > MAX_VIEWS:
        raise InputError(f"points: points x views must be at most {MAX_VIEWS}, received {points * views}; take fewer")
    if not 0 < seconds < math.inf:
        raise InputError(f"seconds: must be finite and > 0, received {seconds:g}; the usual is 30")
