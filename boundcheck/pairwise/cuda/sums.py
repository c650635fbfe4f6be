"""The fused path of a GPU: sums of e^{gamma t} with running maxima, by one Triton kernel for each candidate chunk.

float32 on the CUDA cores is slow, and TF32 alone errs by 1e-3. Each number is instead split into two float16 (22 bits,
as TF32x3 has, at twice its rate), and three products on the tensor cores make one (Ootomo and Yokota 2022). Plans in
float64 keep float64 products; there only what follows the subtraction of the maximum is float32, which costs under
1e-6 nats at any temperature: an exponent's error is a relative one, and large negative exponents have no weight.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import torch
from torch import Tensor

from boundcheck.hardening import LogTerm
from boundcheck.pairwise.chunks import Chunk
from boundcheck.pairwise.cuda.streaming import arriving, room, slabs
from boundcheck.pairwise.plan import PairPlan
from boundcheck.pairwise.powers import chain
from boundcheck.spec import Progress

LOG2E = math.log2(math.e)
# Places in the partition by class, and what a block of anchors meets in a chunk of candidates with some of both.
SAME, DIFF, BOTH = 0, 1, 2


@dataclass(frozen=True)
class Recipe:
    """How the kernel is compiled.

    Attributes:
        product: "fp16x3", or Triton's input_precision: "tf32x3", "ieee".
        block_a: anchors of a program.
        block_b: candidates at a time.
        block_d: columns at a time where the anchors cannot stay on the chip; d where they can.
        most_d: the largest d at which they can.
        warps: of a program.
        stages: of the loads' pipeline.
        capability: the least major compute capability that has the registers for it.
    """

    product: str
    block_a: int
    block_b: int
    block_d: int
    most_d: int
    warps: int
    stages: int
    capability: int = 7

    @property
    def split(self) -> bool:
        """Whether rows are stored as pairs of float16."""
        return self.product == "fp16x3"

    def depth(self, d: int) -> int:
        """Columns at a time."""
        whole = max(16, 2 ** math.ceil(math.log2(d)))
        return whole if whole <= self.most_d else self.block_d


def fused_sums(
    plan: PairPlan,
    terms: tuple[LogTerm, ...],
    dtype: torch.dtype,
    recipe: Recipe,
    progress: Progress | None = None,
    most_rows: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Log-sums of every anchor and group, rows as the plan has them.

    Args:
        plan: the pairs; on the CPU only under TRITON_INTERPRET=1.
        terms: powers.
        dtype: of the products.
        recipe: how.
        progress: called as pairs are done, in units of anchors.
        most_rows: anchors of a slab; None takes as many as fit the device.

    Returns:
        (a, 2, g) log-sums and (a, 2) largest logits, float64 (see `plain_sums`).
    """
    parts: list[tuple[Tensor, Tensor]] = []
    done = 0
    for slab in slabs(plan.anchors, most_rows or room(plan, len(terms))):
        sums = _Sums(plan, terms, dtype, recipe, slab)
        for number, z in enumerate(arriving(plan)):
            sums.add(number, z)
            if progress is not None:
                if plan.device.type == "cuda":
                    torch.cuda.current_stream(plan.device).synchronize()
                progress(done + sums.rows * (number + 1) // len(plan.candidates), plan.n_anchors, "anchors")
        done += sums.rows
        parts.append(sums.logs())
    log_sums, largest = zip(*parts, strict=True)
    return torch.cat(log_sums), torch.cat(largest)


class _Sums:
    """The state of a slab of anchors on the device: running maxima, and sums relative to them."""

    def __init__(
        self,
        plan: PairPlan,
        terms: tuple[LogTerm, ...],
        dtype: torch.dtype,
        recipe: Recipe,
        anchors: Sequence[Chunk],
    ) -> None:
        self.plan, self.terms, self.dtype, self.recipe, self.anchors = plan, terms, dtype, recipe, anchors
        self.steps, self.place = kernel_steps(terms)
        self.rows = sum(map(len, anchors))
        d, device = plan.candidates[0].z.shape[1], plan.device
        self.depth = recipe.depth(d)
        self.d = -(-d // self.depth) * self.depth
        self.scales = [1.0, 1.0]
        if recipe.split:
            self.scales = [_power_of_two(plan.anchors, 1 / plan.temperature), _power_of_two(plan.candidates, 1.0)]
        self.z = torch.cat([self._stored(chunk.z, LOG2E / plan.temperature * self.scales[0]) for chunk in anchors])
        self.y = torch.cat([chunk.y for chunk in anchors]).int()
        self.instance = torch.cat([chunk.instance for chunk in anchors]).int()
        starts = [0, *accumulate(map(len, anchors))]
        spans = enumerate(pairwise(starts))
        blocks = [(row, i) for i, (start, stop) in spans for row in range(start, stop, recipe.block_a)]
        self.first, self.owner = torch.tensor(blocks, dtype=torch.int32, device=device).T.contiguous()
        self.end = torch.tensor(starts[1:], dtype=torch.int32, device=device)
        met = [[_met(plan, chunk, candidates) for chunk in anchors] for candidates in plan.candidates]
        self.met = torch.tensor(met, dtype=torch.int32, device=device)
        self.tops = torch.full((2, self.rows), -torch.inf, dtype=dtype, device=device)
        self.sums = torch.zeros(2, len(self.place), self.rows, dtype=torch.float64, device=device)

    def add(self, number: int, z: Tensor) -> None:
        """Add a chunk of candidates, whose rows are z."""
        from boundcheck.pairwise.cuda import kernel

        plan, recipe, chunk = self.plan, self.recipe, self.plan.candidates[number]
        kernel.add_chunk[(len(self.first),)](
            self.z,
            self.y,
            self.instance,
            self.first,
            self.owner,
            self.end,
            self.met[number],
            self._stored(z, self.scales[1]),
            chunk.y.int(),
            chunk.instance.int(),
            chunk.weight.float(),
            self.tops,
            self.sums,
            len(chunk),
            self.rows,
            self.d,
            1 / (self.scales[0] * self.scales[1]),
            STEPS=self.steps,
            TERMS=len(self.place),
            EXCLUDE=plan.self_pairs == "exclude",
            WEIGHTED=plan.weighted,
            SPLIT=recipe.split,
            PRECISION=recipe.product,
            HELD=self.d == self.depth,
            BLOCK_A=recipe.block_a,
            BLOCK_B=recipe.block_b,
            BLOCK_D=self.depth,
            num_warps=recipe.warps,
            num_stages=recipe.stages,
        )

    def logs(self) -> tuple[Tensor, Tensor]:
        """(rows, 2, terms) log-sums and (rows, 2) largest logits, in nats."""
        largest = self.tops.to(torch.float64) / LOG2E
        log_sums = self.sums[:, [self.place[term] for term in self.terms]].log()
        for k, term in enumerate(self.terms):
            log_sums[:, k] += torch.where(largest == -torch.inf, 0.0, term.gamma * largest)
        return log_sums.permute(2, 0, 1), largest.T

    def _stored(self, z: Tensor, scale: float) -> Tensor:
        """Rows as the kernel reads them: scaled, with zeros up to d columns, perhaps split in two."""
        z = z.to(self.plan.device, self.dtype)
        if self.recipe.split:
            exact = z.to(torch.float64) * scale
            high = exact.half()
            parts = [high, (exact - high).half()]
        else:
            parts = [z if scale == 1 else z * scale]
        return torch.cat([torch.nn.functional.pad(part, (0, self.d - z.shape[1])) for part in parts], 1).contiguous()


def kernel_steps(terms: tuple[LogTerm, ...]) -> tuple[tuple[tuple[float, int, int, int], ...], dict[LogTerm, int]]:
    """What the kernel evaluates, power by power, and each term's place among its sums."""
    order = chain(terms, torch.float32)
    at = {term: i for i, (term, _) in enumerate(order)}
    place: dict[LogTerm, int] = {}
    steps = []
    for term, factors in order:
        if term in terms:
            place[term] = len(place)
        left, right = (-1, -1) if factors is None else (at[factors[0]], at[factors[1]])
        steps.append((float(term.gamma), left, right, place.get(term, -1)))
    return tuple(steps), place


def _met(plan: PairPlan, anchors: Chunk, candidates: Chunk) -> int:
    """What these anchors meet in a chunk: only candidates of their class, only others, or what needs a mask."""
    if not anchors.classes.meets(candidates.classes):
        return DIFF
    own = plan.self_pairs == "exclude" and anchors.places.meets(candidates.places)
    return SAME if anchors.classes.is_all_of(candidates.classes) and not own else BOTH


def _power_of_two(chunks: Sequence[Chunk], scale: float) -> float:
    """What brings the largest number of these rows near 2^13: nothing overflows, and low parts are normal numbers."""
    largest = scale * float(torch.stack([chunk.z.abs().max() for chunk in chunks]).max())
    return 2.0 ** (13 - math.frexp(largest)[1])
