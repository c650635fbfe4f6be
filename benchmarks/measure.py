"""Measure one case in a process of its own: the method and the floor by turns, so that both meet the same machine."""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch

import boundcheck
from benchmarks.cases import SEED, Case
from benchmarks.methods import METHODS, THREADED, gemm


def measure(case: Case, repeats: int) -> dict[str, object]:
    """One row of the table, measured in this process."""
    z, y = case.data()
    method, _ = METHODS[case.method]
    arguments = (z, y, case.temperature, case.betas)
    warm = min(case.n, max(500, 2 * case.classes))  # class positives need two of a class
    method(z[:warm], y[:warm], *arguments[2:])
    before = _peak()
    floor, seconds, peak = [], [], 0.0
    for _ in range(repeats):
        floor.append(_timed(lambda: gemm(*arguments)))
        seconds.append(_timed(lambda: method(*arguments)))
        peak = max(peak, _peak())
    ratio, cpu_ratio = (
        statistics.median(own[clock] / bare[clock] for own, bare in zip(seconds, floor, strict=True))
        for clock in range(2)
    )
    return {
        **asdict(case),
        "betas": " ".join(f"{beta:g}" for beta in case.betas),
        "seconds": statistics.median(wall for wall, _ in seconds),
        "cpu_seconds": statistics.median(cpu for _, cpu in seconds),
        "ns_per_pair": statistics.median(wall for wall, _ in seconds) / case.n**2 * 1e9,
        "floor_ns_per_pair": statistics.median(wall for wall, _ in floor) / case.n**2 * 1e9,
        "ratio_to_floor": ratio,
        "cpu_ratio_to_floor": cpu_ratio,
        "peak_gb": peak,
        "peak_before_gb": before,
        "repeats": repeats,
        "seed": SEED,
        **environment(),
    }


def in_own_process(case: Case, repeats: int) -> dict[str, object]:
    """The same in a fresh process, whose peak memory is the case's own; a case that fails says why."""
    request = json.dumps({"case": asdict(case), "repeats": repeats})
    threads = "1" if case.method in THREADED else str(os.cpu_count())
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.measure", request],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads},
    )
    if run.returncode:
        lines = run.stderr.strip().splitlines()
        reason = lines[-1] if lines else f"ended with code {run.returncode}"
        return {**asdict(case), "betas": " ".join(f"{b:g}" for b in case.betas), "failed": reason, **environment()}
    row: dict[str, object] = json.loads(run.stdout.splitlines()[-1])
    return row


def environment() -> dict[str, object]:
    """Hardware and versions."""
    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "boundcheck": boundcheck.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def _cpu_name() -> str:
    try:
        with Path("/proc/cpuinfo").open() as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds, the latter of all threads: what other work on the machine disturbs least."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def _peak() -> float:
    """Largest resident memory of this process so far, GB."""
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    return kilobytes * 1024 / 1e9


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    asked["case"]["betas"] = tuple(asked["case"]["betas"])
    print(json.dumps(measure(Case(**asked["case"]), asked["repeats"])))
