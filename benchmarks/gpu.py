"""How fast on a GPU, beside the tiles, KeOps and the floors: the log-sums of all ordered pairs.

python -m benchmarks.gpu --out results/benchmarks [--n 1281167] [--only fused,float16] [--repeats 3]
python -m benchmarks.gpu --out somewhere --size smoke     # a tiny run, through Triton's interpreter without a GPU

Writes gpu.csv. `error_nats` is the largest difference of a log-sum from the float64 tiles on a sample, so a recipe's
speed and its worth stand in one row; what it recommends goes into `pairwise.cuda.choice.RECIPES`.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeAlias

import pandas as pd
import torch

from benchmarks.cases import BETAS, SEED, Case
from benchmarks.measure import environment
from boundcheck.hardening import CONSTANT, Exponential, LogTerm, terms_for
from boundcheck.pairwise.cuda.choice import RECIPES, sampled_error
from boundcheck.pairwise.cuda.sums import Recipe, fused_sums
from boundcheck.pairwise.cumulants import CumulantTable, LogSumsOf
from boundcheck.pairwise.passes import ask
from boundcheck.pairwise.plan import PairPlan, plan_pairs
from boundcheck.spec import Progress

IMAGENET = 1_281_167
Terms: TypeAlias = tuple[LogTerm, ...]
Work: TypeAlias = Callable[[PairPlan, Terms], object]

WIDE, NARROW, PLAIN = RECIPES[torch.float32]
(DOUBLE,) = RECIPES[torch.float64]
# The shapes worth trying on a new GPU; those in use are among them.
SHAPES = {
    "128x128": WIDE,
    "128x128 3 stages": replace(WIDE, most_d=64, stages=3),
    "128x64": replace(WIDE, block_b=64),
    "128x64 4 warps": replace(WIDE, block_b=64, warps=4),
    "64x128 4 warps": replace(WIDE, block_a=64, warps=4),
    "64x64": NARROW,
    "64x64 held": replace(NARROW, most_d=128),
}


@dataclass(frozen=True)
class Entry:
    """One method: its work on a plan, and the recipe where it has one."""

    work: Work
    recipe: Recipe | None = None


def methods(dtype: torch.dtype) -> dict[str, Entry]:
    """Every method for plans of one precision, by name."""
    out = {"tiles": Entry(tiles)}
    if dtype == torch.float64:
        shapes = {
            "64x64": DOUBLE,
            "64x32": replace(DOUBLE, block_b=32),
            "128x64": replace(DOUBLE, block_a=128, warps=8),
        }
        out |= {f"fused float64 {shape}": _fused(recipe) for shape, recipe in shapes.items()}
        out["floor: products in float64"] = Entry(lambda plan, _: products(plan, torch.float64))
    else:
        for product in ("fp16x3", "tf32x3"):
            out |= {f"fused {product} {shape}": _fused(replace(r, product=product)) for shape, r in SHAPES.items()}
        out["fused ieee 64x64"] = _fused(PLAIN)
        out["floor: products in float32"] = Entry(lambda plan, _: products(plan, torch.float32))
        out["floor: three products in TF32"] = Entry(lambda plan, _: products(plan, torch.float32, times=3, tf32=True))
        out["floor: three products in float16"] = Entry(lambda plan, _: products(plan, torch.float16, times=3))
        out["floor: one exponential a pair"] = Entry(exponentials)
        if importlib.util.find_spec("pykeops") is not None:
            out["keops"] = Entry(keops)
    return out


def _fused(recipe: Recipe) -> Entry:
    return Entry(lambda plan, terms: fused_sums(plan, terms, precision_of(plan, terms), recipe), recipe)


class TileSums(LogSumsOf):
    """The same request, served neither by the fused kernel nor by compiled loops."""

    def mirrors(self, plan: PairPlan) -> bool:
        """Running maxima belong to one side."""
        return False

    def beside_tiles(self, plan: PairPlan, progress: Progress | None) -> CumulantTable | None:
        """Nothing but tiles."""
        return None


def tiles(plan: PairPlan, terms: Terms) -> object:
    """The torch path that every device runs."""
    return ask(plan, TileSums(terms))


def precision_of(plan: PairPlan, terms: Terms) -> torch.dtype:
    """Of the logits, as the sums of these terms need it."""
    return LogSumsOf(terms).dtype(plan)


def products(plan: PairPlan, dtype: torch.dtype, times: int = 1, tf32: bool = False) -> None:
    """The vendor's matrix product of all ordered pairs, chunk by chunk into one buffer."""
    anchors, candidates = ([chunk.z.to(dtype) for chunk in chunks] for chunks in (plan.anchors, plan.candidates))
    buffer = torch.empty(max(map(len, anchors)) * max(map(len, candidates)), dtype=dtype, device=plan.device)
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = tf32
    try:
        for a in anchors:
            for b in candidates:
                for _ in range(times):
                    torch.matmul(a, b.T, out=buffer[: len(a) * len(b)].view(len(a), len(b)))
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


def exponentials(plan: PairPlan, terms: Terms) -> None:
    """As many exponentials as there are pairs, in registers."""
    from benchmarks.gpu_floors import BLOCK, exp2_many

    blocks = -(-plan.pairs // BLOCK)
    programs = min(blocks, 16_384)
    out = torch.empty(programs, device=plan.device)
    exp2_many[(programs,)](out, -(-blocks // programs), num_warps=4)


def keops(plan: PairPlan, terms: Terms) -> object:
    """KeOps' sums over all candidates and over those of other classes; plain sums, without running maxima."""
    from pykeops.torch import LazyTensor

    a, b = (torch.cat([chunk.z for chunk in chunks]) for chunks in (plan.anchors, plan.candidates))
    y, classes = (
        torch.cat([chunk.y for chunk in chunks]).to(a.dtype)[:, None] for chunks in (plan.anchors, plan.candidates)
    )
    t = (LazyTensor(a[:, None]) * LazyTensor(b[None])).sum(-1)
    other = (LazyTensor(y[:, None]) - LazyTensor(classes[None])).abs().sign()
    values = [(term.gamma * t).exp() for term in terms if term.gamma]  # counts need no pass
    return [masked.sum(1) for value in values for masked in (value, value * other)]


def plan_of(case: Case, device: torch.device) -> PairPlan:
    """The plan of a case, whose logits have the precision that 1e-5 nats need."""
    z, y = case.data()
    rows = (64, 64) if device.type == "cpu" else None
    return plan_pairs(z[:, None], y, temperature=case.temperature, precision="auto", device=device, rows=rows)


def terms_of(case: Case) -> Terms:
    """The sums that a table of losses needs."""
    return terms_for((CONSTANT, *map(Exponential, case.betas)))


def measure(case: Case, plan: PairPlan, entry: Entry, repeats: int) -> dict[str, object]:
    """A row: warm on a small plan, then the median of some repeats."""
    terms = terms_of(case)
    dtype = precision_of(plan, terms)
    betas = " ".join(f"{beta:g}" for beta in case.betas)
    row: dict[str, object] = {**asdict(case), "betas": betas, "precision": str(dtype).removeprefix("torch.")}
    try:
        # A first, short run compiles; the sample is one for fused methods.
        if entry.recipe is not None:
            row["error_nats"] = sampled_error(plan, terms, dtype, entry.recipe)
        else:
            entry.work(plan_of(replace(case, n=min(case.n, 4_000)), plan.device), terms)
        seconds = [_timed(lambda: entry.work(plan, terms), plan.device) for _ in range(repeats)]
    except Exception as problem:  # too little shared memory, an unsupported product: the others still run
        row["failed"] = f"{type(problem).__name__}: {str(problem).splitlines()[0]}" if str(problem) else repr(problem)
    else:
        row |= {"seconds": statistics.median(seconds), "ns_per_pair": statistics.median(seconds) / plan.pairs * 1e9}
    return {
        **row,
        "repeats": repeats,
        "seed": SEED,
        "device": _device_name(plan.device),
        **_versions(),
        **environment(),
    }


def _timed(work: Callable[[], object], device: torch.device) -> float:
    _wait(device)
    start = time.perf_counter()
    work()
    _wait(device)
    return time.perf_counter() - start


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _versions() -> dict[str, object]:
    triton = importlib.metadata.version("triton") if importlib.util.find_spec("triton") else None
    return {"triton": triton, "cuda": torch.version.cuda}


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu, Triton's interpreter"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", choices=["smoke", "full"], default="full")
    parser.add_argument("--n", type=int, default=IMAGENET, help="embeddings of the full size")
    parser.add_argument("--only", default="", help="methods to run: parts of their names, with commas")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    smoke = options.size == "smoke"
    if not torch.cuda.is_available():
        if not smoke:
            parser.exit(2, "benchmarks.gpu: needs a CUDA GPU and found none; try --size smoke\n")
        os.environ["TRITON_INTERPRET"] = "1"
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    base = Case("gpu", n=100, d=16, classes=3) if smoke else Case("gpu", n=options.n, d=128, classes=1000)
    chosen = [part for part in options.only.split(",") if part] or [""]
    known = [*methods(torch.float32), *methods(torch.float64)]
    if not any(part in name for part in chosen for name in known):
        parser.exit(2, f"benchmarks.gpu: --only matches no method, received '{options.only}'; use parts of {known}\n")
    rows: list[dict[str, object]] = []
    options.out.mkdir(parents=True, exist_ok=True)
    for betas in ((5.0,), BETAS):
        case = replace(base, betas=betas)
        plan = plan_of(case, device)
        for name, entry in methods(precision_of(plan, terms_of(case))).items():
            wide = entry.recipe is not None and not name.endswith("64x64")  # one shape is enough for an interpreter
            if (smoke and wide) or not any(part in name for part in chosen):
                continue
            rows.append(measure(replace(case, method=name), plan, entry, options.repeats))
            shown = ("method", "betas", "seconds", "ns_per_pair", "error_nats", "failed")
            print({key: rows[-1][key] for key in shown if key in rows[-1]}, flush=True)
            # After each, since a run may be cut short.
            pd.DataFrame(rows).to_csv(options.out / "gpu.csv", index=False, float_format="%.4g")


if __name__ == "__main__":
    main()
