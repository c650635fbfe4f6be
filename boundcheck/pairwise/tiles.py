"""The one loop over all pairs: every quantity that needs a look at each pair is a kernel run by `run_pass`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor

from boundcheck.pairwise.plan import Chunk, PairPlan

SAME, DIFF = 0, 1
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Part:
    """The candidates of a tile that belong to one group: all of them, or all but those in `drop`."""

    group: int  # SAME or DIFF
    drop: Tensor | None  # (a, b) bool, True where the pair is not in the group

    def keep_finite(self, values: Tensor, fill: float) -> Tensor:
        """`values` (a, b) with the pairs outside the group set to `fill`."""
        return values if self.drop is None else values.masked_fill(self.drop, fill)

    def mask(self, t: Tensor) -> Tensor:
        """`drop`, or as many rows of nothing where nothing is dropped: what the compiled loops take."""
        return t.new_empty(len(t), 0, dtype=torch.bool) if self.drop is None else self.drop


@dataclass(frozen=True)
class Tile:
    """Logits of one anchor chunk against one candidate chunk; `t` is a buffer that the next tile overwrites."""

    t: Tensor  # (a, b)
    candidates: Chunk
    parts: tuple[Part, ...]
    mirrored: bool = False  # its candidates are to be served as anchors too: no other tile holds these pairs


@runtime_checkable
class Kernel(Protocol):
    """Consumes all tiles of one anchor chunk; one instance per thread, so its scratch space is its own."""

    def __call__(self, anchors: Chunk, tiles: Iterator[Tile]) -> None:
        """Use up the iterator; write the rows of `anchors`."""


K = TypeVar("K", bound=Kernel)


def run_pass(
    plan: PairPlan,
    new_kernel: Callable[[], K],
    *,
    same_only: bool = False,
    mirrored: bool = False,
    progress: Progress | None = None,
) -> list[K]:
    """Run a kernel over all pairs of the plan and return the threads' kernels, whose scratch sums the caller adds up.

    Anchor chunks are dealt to the threads in a fixed order, so results do not depend on scheduling.

    Args:
        plan: the pairs.
        new_kernel: makes one kernel for each thread.
        same_only: skip tiles that hold no same-class pair.
        mirrored: where the plan is symmetric, form each tile off the diagonal once, for both its sides: half the work.
        progress: called with (anchors done, anchors in all, "anchors").
    """
    threads = max(1, min(plan.threads, len(plan.anchors)))
    lock, done = threading.Lock(), 0
    largest = max(map(len, plan.anchors)) * max(map(len, plan.candidates))

    def work(thread: int) -> K:
        nonlocal done
        if plan.device.type == "cpu":
            # Both settings belong to this thread alone; underflowing exponentials are ten times slower as denormals.
            torch.set_num_threads(1)
            torch.set_flush_denormal(True)
        kernel, buffer = new_kernel(), torch.empty(largest, dtype=plan.dtype, device=plan.device)
        for row in range(thread, len(plan.anchors), threads):
            anchors = plan.anchors[row]
            kernel(anchors, _tiles(plan, row, buffer, same_only, mirrored and plan.symmetric))
            with lock:
                done += len(anchors)
                if progress is not None:
                    progress(done, plan.n_anchors, "anchors")
        return kernel

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, range(threads)))


def _tiles(plan: PairPlan, row: int, buffer: Tensor, same_only: bool, mirrored: bool) -> Iterator[Tile]:
    """The tiles of one row of the plan; diagonal and class-border tiles carry masks, the others none."""
    anchors = plan.anchors[row]
    rows = anchors.z.to(plan.device)  # where the device has no room for all, they wait on the host
    for column in _half_row(row, len(plan.candidates)) if mirrored else range(len(plan.candidates)):
        candidates = plan.candidates[column]
        parts = _parts(plan, anchors, candidates)
        if same_only and all(part.group == DIFF for part in parts):
            continue
        t = buffer[: len(anchors) * len(candidates)].view(len(anchors), len(candidates))
        torch.matmul(rows, candidates.z.to(plan.device).T, out=t)
        yield Tile(t, candidates, parts, mirrored and column != row)


def _half_row(row: int, chunks: int) -> Iterator[int]:
    """Half of the chunks, from `row` onwards and around: every unordered pair falls to one row, all rows are alike."""
    for ahead in range(chunks // 2 + 1):
        if 2 * ahead < chunks or row < chunks // 2:
            yield (row + ahead) % chunks


def _parts(plan: PairPlan, anchors: Chunk, candidates: Chunk) -> tuple[Part, ...]:
    (a_low, a_high), (b_low, b_high) = anchors.classes, candidates.classes
    if a_high < b_low or b_high < a_low:
        return (Part(DIFF, None),)
    own = None
    if plan.self_pairs == "exclude" and _overlap(anchors.instances, candidates.instances):
        own = anchors.instance[:, None] == candidates.instance[None, :]
    if a_low == a_high == b_low == b_high:
        return (Part(SAME, own),)
    other = anchors.y[:, None] != candidates.y[None, :]
    return Part(SAME, other if own is None else other | own), Part(DIFF, ~other)


def _overlap(first: tuple[int, int], second: tuple[int, int]) -> bool:
    return first[0] <= second[1] and second[0] <= first[1]
