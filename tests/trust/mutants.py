"""Mistakes that once passed all tests, put in one at a time: `python -m tests.trust.mutants`.

Each runs in a copy of the package, against the tests that are to notice it. `drawn` judges mistakes drawn by chance.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
COLUMNS = ["file", "line", "was", "is", "outcome", "tests", "seconds"]
SECONDS = 240.0


@dataclass(frozen=True)
class Mutant:
    """One changed file, and the tests that are to notice."""

    file: str
    line: int
    was: str
    becomes: str
    source: str
    tests: tuple[str, ...]


NAMED = (
    ("estimators/shares.py", "    instance = anchors // v\n    n = len", "    instance = anchors\n    n = len",
     ("estimators/test_share_errors.py::test_views_of_an_instance_are_one_observation",)),
    ("inference/intervals.py", "min(self.n, p * (1 - p) / self.se**2)", "p * (1 - p) / self.se**2",
     ("inference/test_intervals.py::test_an_error_that_implies_more_instances_than_there_are_counts_as_theirs",)),
    ("inference/influence.py", "unsampled**0.5 * (overall", "unsampled * (overall",
     ("inference/test_influence.py::"
      "test_class_shares_of_sampled_anchors_are_left_to_chance_in_proportion_to_what_is_unsampled",)),
    ("claims/ash_upper.py", "2 * max(1.0, 2 * (classes", "max(1.0, 2 * (classes",
     ("claims/test_bounds_by_enumeration.py::test_ash_s_constants_are_those_of_the_paper",)),
    ("pairwise/critical.py", "TOLERANCE = 1e-5", "TOLERANCE = 1e-3",
     ("pairwise/test_critical.py::test_equals_brentq_on_the_literal_rho",)),
    ("estimators/finite.py", "limit.correction - curvature / k", "limit.correction - 2 * curvature / k",
     ("estimators/test_finite_corrections.py",)),
    ("estimators/exact.py", "        if k is None:\n            # Row", "        if True:\n            # Row",
     ("estimators/test_finite_corrections.py",)),
    ("estimators/exact.py", "share_effect(margin, width, sign * delta)", "share_effect(margin, width, -sign * delta)",
     ("estimators/test_share_errors.py",)),
)  # fmt: skip


def named() -> Iterator[Mutant]:
    """The eight."""
    for file, was, becomes, tests in NAMED:
        source = (ROOT / "boundcheck" / file).read_text(encoding="utf-8")
        if source.count(was) != 1:
            raise SystemExit(f"{file} does not hold {was!r} once; write the mutant anew")
        line = source[: source.index(was)].count("\n") + 1
        shown = [" ".join(text.split("\n")[0].split()) for text in (was, becomes)]
        yield Mutant(file, line, *shown, source.replace(was, becomes), tests)


def judged(mutant: Mutant, place: Path) -> tuple[str, float]:
    """What became of a mutant in a copy of the package, and how many seconds that took."""
    path = place / "boundcheck" / mutant.file
    right = path.read_text(encoding="utf-8")
    path.write_text(mutant.source, encoding="utf-8")
    start = time.monotonic()
    try:
        code = _pytest(place, mutant.tests)
    except subprocess.TimeoutExpired:
        return "timed out", time.monotonic() - start
    finally:
        path.write_text(right, encoding="utf-8")
    return {0: "survived", 1: "killed", 2: "killed"}.get(code, f"pytest ended with {code}"), time.monotonic() - start


def _passes(place: Path, tests: tuple[str, ...]) -> bool:
    """Whether the tests pass in time on the package as it is."""
    try:
        return _pytest(place, tests) == 0
    except subprocess.TimeoutExpired:
        return False


def _pytest(place: Path, tests: tuple[str, ...]) -> int:
    options = [
        "-x",
        "-q",
        "-n",
        "0",
        "-p",
        "no:cacheprovider",
        "-o",
        "addopts=",
        "-m",
        "not study and not fuzz",
    ]
    command = [sys.executable, "-m", "pytest", *options, *(f"tests/{name}" for name in tests)]
    environment = {**os.environ, "PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=place, env=environment, capture_output=True, timeout=SECONDS).returncode


def main() -> int:
    """Writes mutants.csv after every mutant; the exit code says whether one survived."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("results/trust"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    rows: list[list[object]] = []
    with TemporaryDirectory() as name:
        for part in ("boundcheck", "tests", "benchmarks"):
            shutil.copytree(ROOT / part, Path(name) / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", name)
        sound: dict[tuple[str, ...], bool] = {}
        for mutant in named():
            if mutant.tests not in sound:
                sound[mutant.tests] = _passes(Path(name), mutant.tests)
            outcome, seconds = (
                judged(mutant, Path(name)) if sound[mutant.tests] else ("tests fail or take too long without it", 0.0)
            )
            change = [mutant.file, mutant.line, mutant.was, mutant.becomes]
            rows.append([*change, outcome, " ".join(mutant.tests), f"{seconds:.0f}"])
            with (options.out / "mutants.csv").open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([COLUMNS, *rows])
    return int(any(row[4] != "killed" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
