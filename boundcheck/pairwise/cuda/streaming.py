"""What a GPU holds at a time: slabs of anchors that fit, and candidates that may travel from host memory meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from boundcheck.pairwise.chunks import Chunk
from boundcheck.pairwise.plan import PairPlan

MOST_ROWS = 2**24  # of a slab: the fused kernel counts its sums in 32 bits


def room(plan: PairPlan, terms: int) -> int:
    """Anchors whose rows and sums take a third of the device's free memory."""
    if plan.device.type != "cuda":
        return MOST_ROWS
    z = plan.candidates[0].z
    free, _ = torch.cuda.mem_get_info(plan.device)
    return min(MOST_ROWS, free // 3 // (z.shape[1] * z.element_size() + 2 * 8 * (terms + 2)))


def slabs(anchors: Sequence[Chunk], most_rows: int) -> Iterator[list[Chunk]]:
    """Consecutive chunks of at most `most_rows` rows together, one at least."""
    slab: list[Chunk] = []
    for chunk in anchors:
        if slab and sum(map(len, slab)) + len(chunk) > most_rows:
            yield slab
            slab = []
        slab.append(chunk)
    yield slab


def arriving(plan: PairPlan) -> Iterator[Tensor]:
    """Rows of each candidate chunk, on the device; from host memory the next ones travel while these are worked on."""
    chunks = plan.candidates
    if plan.device.type != "cuda" or chunks[0].z.is_cuda:
        yield from (chunk.z for chunk in chunks)
        return
    rows, d = max(map(len, chunks)), chunks[0].z.shape[1]
    buffers = [torch.empty(rows, d, dtype=chunks[0].z.dtype, device=plan.device) for _ in range(2)]
    working = torch.cuda.current_stream(plan.device)
    copying = torch.cuda.Stream(plan.device)  # type: ignore[no-untyped-call]

    def fetch(number: int) -> None:
        copying.wait_stream(working)  # the kernel that last read this buffer is in there
        with torch.cuda.stream(copying):
            buffers[number % 2][: len(chunks[number])].copy_(chunks[number].z, non_blocking=True)

    fetch(0)
    for number, chunk in enumerate(chunks):
        working.wait_stream(copying)
        if number + 1 < len(chunks):
            fetch(number + 1)
        yield buffers[number % 2][: len(chunk)]
