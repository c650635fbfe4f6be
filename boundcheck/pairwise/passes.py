"""Passes over all pairs: whatever needs a sum over pairs asks for it, and one pass serves all that ask together.

A `Request` is such a sum: it makes a kernel for each thread, which is shown every tile, and puts their results
together. A `Task` is a computation that needs some: a generator that yields requests and is sent their results. `run`
collects what all tasks ask for at a time and serves it by as few passes as can be:

    def doubled(plan) -> Task[Tensor]:
        table = yield LogSums(terms)         # the first pass
        return (yield Effects(table)) * 2    # the second, as it needs the first

    one, two = run(plan, doubled(plan), another(plan))
"""

from __future__ import annotations

import operator
import threading
from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar

import torch
from torch import Tensor

from boundcheck.pairwise.chunks import Chunk
from boundcheck.pairwise.plan import PairPlan
from boundcheck.pairwise.tiles import Tile, tiles_of
from boundcheck.spec import Progress

R = TypeVar("R")
T = TypeVar("T")


class Kernel:
    """Sums over the tiles that one thread is shown; its scratch space is its own."""

    def begin(self, anchors: Chunk) -> None:
        """A row of tiles, of these anchors, begins."""

    def add(self, anchors: Chunk, tile: Tile) -> None:
        """Take a tile of the row: of all its anchors, or of those that any request here has a use for."""
        raise NotImplementedError

    def end(self, anchors: Chunk) -> None:
        """The row is complete."""


class Request(ABC, Generic[R]):
    """A sum over pairs, or several, wanted of a plan.

    Attributes:
        anchors: original indices of the anchors it is wanted for; None for those of the plan.
        same_only: whether tiles without a same-class pair are of no use to it.
    """

    anchors: Tensor | None = None
    same_only: ClassVar[bool] = False

    @abstractmethod
    def dtype(self, plan: PairPlan) -> torch.dtype:
        """The precision that the logits must have."""

    def mirrors(self, plan: PairPlan) -> bool:
        """Whether its kernels take a mirrored tile for both its sides."""
        return False

    def beside_tiles(self, plan: PairPlan, progress: Progress | None) -> R | None:
        """The result, where a device has a way of its own that forms no tiles."""
        return None

    @abstractmethod
    def kernel(self, plan: PairPlan) -> Kernel:
        """A kernel for one thread."""

    @abstractmethod
    def result(self, plan: PairPlan, kernels: Sequence[Any]) -> R:
        """What the threads' kernels found, put together."""

    def over_candidates(self, one: R, two: R) -> R:
        """The result for the candidates of two plans that have the same anchors."""
        return operator.add(one, two)  # type: ignore[no-any-return]

    def over_anchors(self, one: R, two: R) -> R:
        """The result for the anchors of two plans that together have the same candidates."""
        return operator.add(one, two)  # type: ignore[no-any-return]


Task: TypeAlias = Generator[Request[Any] | tuple[Request[Any], ...], Any, T]


def run(plan: PairPlan, *tasks: Task[Any], progress: Progress | None = None) -> tuple[Any, ...]:
    """Runs tasks side by side; what they ask for at a time is served together.

    Args:
        plan: the pairs.
        *tasks: the computations.
        progress: called with (done, total, "anchors") in each pass.

    Returns:
        What each task returned.
    """
    together = in_parallel(*tasks)
    answers: Any = None
    while True:
        try:
            asked = together.send(answers)
        except StopIteration as done:
            return tuple(done.value)
        answers = serve(plan, asked if isinstance(asked, tuple) else (asked,), progress)


def run_one(plan: PairPlan, task: Task[T], progress: Progress | None = None) -> T:
    """Runs one task."""
    (result,) = run(plan, task, progress=progress)
    return result  # type: ignore[no-any-return]


def ask(plan: PairPlan, request: Request[R], progress: Progress | None = None) -> R:
    """Serves one request."""
    (result,) = serve(plan, (request,), progress)
    return result  # type: ignore[no-any-return]


def in_parallel(*tasks: Task[Any]) -> Task[list[Any]]:
    """A task of several that ask together; returns what each returned."""
    results: list[Any] = [None] * len(tasks)
    waiting: dict[int, Any] = dict.fromkeys(range(len(tasks)))
    while waiting:
        asked: dict[int, tuple[Request[Any], ...]] = {}
        single: set[int] = set()
        for i, answer in list(waiting.items()):
            try:
                wanted = tasks[i].send(answer)
            except StopIteration as done:
                results[i] = done.value
                del waiting[i]
                continue
            if not isinstance(wanted, tuple):
                single.add(i)
            asked[i] = wanted if isinstance(wanted, tuple) else (wanted,)
        if not asked:
            break
        answers = iter((yield tuple(request for wanted in asked.values() for request in wanted)))
        for i, wanted in asked.items():
            found = [next(answers) for _ in wanted]
            waiting[i] = found[0] if i in single else found
    return results


def serve(plan: PairPlan, requests: Sequence[Request[Any]], progress: Progress | None = None) -> list[Any]:
    """The results of requests, by as few passes as can be; by all ranks where the plan is sharded."""
    if (answers := plan.served(requests, progress)) is not None:
        return answers
    results: dict[int, Any] = {}
    for chosen, numbers in _by_anchors(requests).items():
        part = plan if chosen is None else plan.of(requests[numbers[0]].anchors)
        left = []
        for i in numbers:
            found = requests[i].beside_tiles(part, progress) if part.anchors else None
            if found is None:
                left.append(i)
            else:
                results[i] = found
                _count(plan, part)
        for together in _rides(part, requests, left):
            served = [requests[i] for i in together]
            for i, found in zip(together, _one_pass(part, served, progress), strict=True):
                results[i] = found
    return [results[i] for i in range(len(requests))]


def _by_anchors(requests: Sequence[Request[Any]]) -> dict[int | None, list[int]]:
    """Places of the requests about the same anchors, by the identity of the index."""
    out: dict[int | None, list[int]] = {}
    for i, request in enumerate(requests):
        out.setdefault(None if request.anchors is None else id(request.anchors), []).append(i)
    return out


def _rides(plan: PairPlan, requests: Sequence[Request[Any]], numbers: Sequence[int]) -> list[list[int]]:
    """Which requests share a pass: those that take mirrored tiles, and those that would need every tile twice."""
    mirrored = [i for i in numbers if plan.symmetric and requests[i].mirrors(plan)]
    plain = [i for i in numbers if i not in mirrored]
    return [ride for ride in (mirrored, plain) if ride]


def _count(plan: PairPlan, part: PairPlan) -> None:
    plan.tally.passes += 1
    plan.tally.pairs += part.pairs


def _one_pass(plan: PairPlan, requests: Sequence[Request[R]], progress: Progress | None) -> list[R]:
    """One pass; anchor chunks go to the threads in a fixed order, so results do not depend on scheduling."""
    _count(plan, plan)
    same_only = all(request.same_only for request in requests)
    mirrored = plan.symmetric and all(request.mirrors(plan) for request in requests)
    dtype = torch.float64 if any(r.dtype(plan) == torch.float64 for r in requests) else torch.float32
    threads = max(1, min(plan.threads, len(plan.anchors)))
    lock, done = threading.Lock(), 0
    largest = max(map(len, plan.anchors), default=0) * max(map(len, plan.candidates))

    def work(thread: int) -> list[Kernel]:
        nonlocal done
        if plan.device.type == "cpu":
            # Both settings belong to this thread alone; underflowing exponentials are ten times slower as denormals.
            torch.set_num_threads(1)
            torch.set_flush_denormal(True)
        kernels = [request.kernel(plan) for request in requests]
        buffer = torch.empty(largest, dtype=dtype, device=plan.device)
        for row in range(thread, len(plan.anchors), threads):
            anchors = plan.anchors[row]
            for kernel in kernels:
                kernel.begin(anchors)
            for some, tile in tiles_of(plan, row, buffer, same_only=same_only, mirrored=mirrored):
                for kernel in kernels:
                    kernel.add(some, tile)
            for kernel in kernels:
                kernel.end(anchors)
            with lock:
                done += len(anchors)
                if progress is not None:
                    progress(done, plan.n_anchors, "anchors")
        return kernels

    with ThreadPoolExecutor(threads) as pool:
        by_thread = list(pool.map(work, range(threads)))
    by_request = zip(*by_thread, strict=True)
    return [request.result(plan, kernels) for request, kernels in zip(requests, by_request, strict=True)]
