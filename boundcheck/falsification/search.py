"""The search: restarts of a descent within a budget, then shrinking and a certificate."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Unpack

import numpy as np

from boundcheck.claims import Claim, choose_claims
from boundcheck.claims.configurations import declared
from boundcheck.embeddings import EmbeddingSet
from boundcheck.errors import InputError
from boundcheck.falsification.certificate import certify
from boundcheck.falsification.counterexample import Counterexample, Effort, Search
from boundcheck.falsification.descent import descend
from boundcheck.falsification.evidence import dense_evidence
from boundcheck.falsification.problem import PREMISES, Point, Problem
from boundcheck.falsification.shrink import shrink
from boundcheck.falsification.starts import start
from boundcheck.options import POSITIVE, check, one_of, whole
from boundcheck.spec import Options, Progress, Variant, understood

POINTS_PER_CLASS = 8
MAX_VIEWS = 400  # some 0.1 s a step, and half a minute at 50 digits
SHRINKING = 0.2  # of the budget, at least, however late the find


@dataclass(frozen=True)
class Shape:
    """The points that a search begins with.

    Attributes:
        classes: C >= 2.
        points: n instances, 8 for each class unless given; a find is shrunk to fewer.
        dim: d >= 2.
        views: v of each instance.
    """

    classes: int = 3
    points: int | None = None
    dim: int = 8
    views: int = 1

    @property
    def n(self) -> int:
        """Instances."""
        return POINTS_PER_CLASS * self.classes if self.points is None else self.points

    def start(self, claim: Claim, restart: int, rng: np.random.Generator, equal: bool) -> EmbeddingSet:
        """A configuration to descend from, see `starts.start`."""
        return start(claim, self.classes, self.n, self.views, self.dim, restart, rng, equal)


class Points(Options, total=False):
    """The fields of `Shape`, and `beta` for `betas`, among the keywords of a search."""

    classes: int
    points: int | None
    dim: int
    views: int
    beta: float | Sequence[float]


def falsify(
    claim: str | Claim,
    variant: Variant | None = None,
    *,
    premise: str = "free",
    seconds: float = 30.0,
    **options: Unpack[Points],
) -> Counterexample | None:
    """Search for points on the sphere that violate a claim, by gradient descent on its gap.

    What is searched is the inequality between the *plug-in* losses of finitely many points taken as the whole
    population (without negative entries, where the claim is about what a ReLU leaves), in the variant that the options
    state; where they leave it open, in the one that the claim declares, else as `verify` has it: pools without the
    anchor's own instance. A violation is one of that functional. With self_pairs="include" and class positives the
    points are a discrete population in every respect. A violation counts beyond the claims' own rounding tolerance.

    The gradient is that of per-anchor slack where the slack averages to the claim's gap (as `evidence.compare` has
    it), else that of the averaged losses the gap depends on; a claim that uses neither is searched along random
    finite differences, which finds less. Class weights are searched through the sizes of the classes.

    Args:
        claim: an id of the catalogue, or a `Claim`.
        variant: which variant of the losses; by default with the one tilt beta = 1.
        premise: "free" looks for any violation and reports whether the premise holds there; "hold" only where the
            premise holds at every anchor; "fail" for a configuration where the premise itself fails.
        seconds: budget of the search; shrinking a late find may take a fifth more.
        **options: `classes`, `points`, `dim`, `views` of the points (see `Shape`); `beta`, a tilt or several; fields of
            `Variant`, in its place or to change it; `seed` of the starts and `progress`. Same seed, same descents; how
            many fit into the budget depends on the machine.

    Returns:
        The counterexample, shrunk and certified; None where none was found, which proves nothing (`search` returns the
        effort spent).

    Raises:
        InputError: an option is unknown or out of range, or the claim does not apply to what they ask for.
    """
    return search(claim, variant, premise=premise, seconds=seconds, **options).counterexample


def search(
    claim: str | Claim,
    variant: Variant | None = None,
    *,
    premise: str = "free",
    seconds: float = 30.0,
    **options: Unpack[Points],
) -> Search:
    """`falsify`, with the effort spent: restarts, steps, the least gap reached. Same arguments."""
    (chosen,) = choose_claims([claim])
    given: dict[str, Any] = dict(options)
    shape = Shape(**{f.name: given.pop(f.name) for f in fields(Shape) if f.name in given})
    if "beta" in given:
        beta = given.pop("beta")
        given["betas"] = (beta,) if isinstance(beta, (int, float)) else tuple(beta)
    variant, execution = understood(variant or Variant(betas=(1.0,)), None, given)
    _check(shape, premise, seconds)
    variant, shape = _as_declared(chosen, variant, shape, set(options))
    variant = variant.on(shape.start(chosen, 0, np.random.default_rng(execution.seed), equal=True))
    problem = Problem(chosen, variant, premise)
    config = asdict(shape) | {
        "points": shape.n,
        **variant.plain(),
        "premise": premise,
        "seconds": seconds,
        "seed": execution.seed,
    }
    with warnings.catch_warnings():
        # claims make floats of tensors that carry gradients, which torch warns of
        warnings.filterwarnings("ignore", "Converting a tensor with requires_grad", UserWarning)
        return _search(problem, shape, seconds, execution.seed, config, execution.progress)


def _as_declared(claim: Claim, variant: Variant, shape: Shape, asked: set[str]) -> tuple[Variant, Shape]:
    """The variant and the points in the configuration that the claim declares; what is asked for by name stays."""
    emb = shape.start(claim, 0, np.random.default_rng(0), equal=True)
    configuration = declared(claim, dense_evidence(emb, variant.on(emb)).losses)
    if configuration is None:
        return variant, shape
    changes = {name: value for name, value in configuration.changes if name not in asked | {"instances"}}
    views = changes.pop("views", shape.views)
    if changes.get("positives") == "augmentation" and "views" not in asked:
        views = max(2, views)
    return variant.but(**changes), replace(shape, views=views)


def _search(
    problem: Problem,
    shape: Shape,
    seconds: float,
    seed: int,
    config: dict[str, Any],
    progress: Progress | None,
) -> Search:
    began = time.perf_counter()
    restarts, steps = 0, 0
    gaps: list[float] = []
    found: Point | None = None
    while found is None and time.perf_counter() < began + seconds:
        rng = np.random.default_rng([seed, restarts])
        equal = restarts == 0 or bool(rng.random() < 0.5)
        emb = shape.start(problem.claim, restarts, rng, equal)
        if restarts == 0:
            _refuse_inapplicable(problem, emb)
        elif not equal and problem.point(emb, 0) is None:
            emb = shape.start(problem.claim, restarts, rng, equal=True)  # the claim is about balanced classes
        point, taken = descend(problem, emb, restarts // 3, rng, began + seconds)
        restarts, steps = restarts + 1, steps + taken
        gaps.append(point.gap if point is not None and _feasible(problem, point) else math.nan)
        if point is not None and point.found:
            found = point
        if progress is not None:
            done = time.perf_counter() - began
            progress(min(int(done), math.ceil(seconds)), math.ceil(seconds), "s of search")
    least = min((gap for gap in gaps if math.isfinite(gap)), default=math.nan)
    if found is None:
        return Search(problem, Effort(restarts, steps, time.perf_counter() - began, least, tuple(gaps)), None, config)
    now = time.perf_counter()
    deadline = max(began + seconds, now + SHRINKING * seconds)
    small, taken = shrink(problem, found, np.random.default_rng([seed, restarts]), deadline)
    judged, certificate = certify(problem, small.emb, small.aim)
    effort = Effort(restarts, steps + taken, time.perf_counter() - began, least, tuple(gaps))
    judgement = (judged or small).judgement
    counterexample = Counterexample(small.emb, problem, judgement, certificate, effort, found.emb.n, config)
    return Search(problem, effort, counterexample, config)


def _feasible(problem: Problem, point: Point) -> bool:
    """Whether the point's gap says something about what is looked for."""
    finding = point.judgement.finding
    return problem.premise != "hold" or (finding is not None and finding.premise_share == 1)


def _refuse_inapplicable(problem: Problem, emb: EmbeddingSet) -> None:
    """A requirement that equal classes on the sphere do not meet will not be met later."""
    judgements = problem.judgements(dense_evidence(emb, problem.variant))
    unmet = [judgement.reason for judgement in judgements if judgement.finding is None]
    if unmet:
        raise InputError(f"claim: '{problem.claim.id}' does not apply to these options: {unmet[0]}")


def _check(shape: Shape, premise: str, seconds: float) -> None:
    one_of("premise", premise, PREMISES)
    check("classes", shape.classes, whole(2), "the claims compare classes")
    if shape.n <= shape.classes:
        raise InputError(
            f"points: must exceed the {shape.classes} classes, received {shape.n}; the usual is 8 for each"
        )
    check("dim", shape.dim, whole(2), "there is nothing to follow on the 0-sphere")
    check("views", shape.views, whole(1), "the usual is 1")
    if shape.n * shape.views > MAX_VIEWS:
        received = shape.n * shape.views
        raise InputError(f"points: points x views must be at most {MAX_VIEWS}, received {received}; take fewer")
    check("seconds", seconds, POSITIVE, "the usual is 30")
