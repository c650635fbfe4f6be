"""Mistakes put into the core one at a time: `python -m tests.trust.mutants --drawn 40 --minutes 40`.

`NAMED` are mistakes that once passed all tests. The others are drawn by a seed from all places of the core where an
operator, a comparison or a number can be changed. Each runs in a copy of the package, against the tests of its file
alone: a mutant that these let pass may yet be noticed by others.
"""

from __future__ import annotations

import argparse
import ast
import csv
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
COLUMNS = ["origin", "file", "line", "was", "is", "outcome", "tests", "seconds"]
SECONDS = 240.0
CORE = ("losses.py", "hardening.py", "claims", "inference", "estimators", "pairwise/plain_sums.py",
        "pairwise/positives.py", "pairwise/cumulants.py", "pairwise/critical.py")  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One changed file, and the tests that are to notice."""

    origin: str
    file: str
    line: int
    was: str
    becomes: str
    source: str
    tests: tuple[str, ...]


NAMED = (
    ("estimators/records.py", "    instance = anchors // v\n    n = len", "    instance = anchors\n    n = len",
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
        yield Mutant("named", file, line, *shown, source.replace(was, becomes), tests)


_SWAPPED = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Lt: ast.GtE, ast.GtE: ast.Lt,
    ast.Gt: ast.LtE, ast.LtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip


def _sites(tree: ast.AST) -> list[ast.expr]:
    """Where something can be changed; numbers of decorators and annotations are no computation."""
    out: list[ast.expr] = []
    pending = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.expr) and _changes(node):
            out.append(node)
        for field, value in ast.iter_fields(node):
            if field not in ("annotation", "returns", "decorator_list"):
                inside = value if isinstance(value, list) else [value]
                pending += [child for child in inside if isinstance(child, ast.AST)]
    return sorted(out, key=lambda node: (node.lineno, node.col_offset, type(node).__name__))


def _changes(node: ast.expr) -> bool:
    """Whether `_change` knows what to make of it."""
    if isinstance(node, (ast.BinOp, ast.BoolOp)):
        return type(node.op) in _SWAPPED
    if isinstance(node, ast.Compare):
        return type(node.ops[0]) in _SWAPPED
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.USub)
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)


def _change(node: ast.expr) -> None:
    """Another operator or comparison, no sign, a number more or twice the number."""
    if isinstance(node, (ast.BinOp, ast.BoolOp)):
        node.op = _SWAPPED[type(node.op)]()
    elif isinstance(node, ast.Compare):
        node.ops[0] = _SWAPPED[type(node.ops[0])]()
    elif isinstance(node, ast.UnaryOp):
        node.op = ast.UAdd()
    elif isinstance(node, ast.Constant):
        node.value = node.value + 1 if isinstance(node.value, int) else node.value * 2 or 1.0


def drawn(count: int, seed: int) -> Iterator[Mutant]:
    """As many places of the core, each as likely as another."""
    files = [path for part in CORE for path in _files(ROOT / "boundcheck" / part)]
    places = [(path, i) for path in files for i in range(len(_sites(ast.parse(path.read_text(encoding="utf-8")))))]
    for path, i in random.Random(seed).sample(places, count):
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        node = _sites(tree)[i]
        was, line = ast.unparse(node), node.lineno
        _change(node)
        file = path.relative_to(ROOT / "boundcheck").as_posix()
        yield Mutant(f"drawn from {len(places)}", file, line, was, ast.unparse(node), ast.unparse(tree), _tests(file))


def _files(place: Path) -> list[Path]:
    return sorted(path for path in place.rglob("*.py") if path.name != "__init__.py") if place.is_dir() else [place]


def _tests(file: str) -> tuple[str, ...]:
    """Those named after the file, or after its folder where there are none."""
    folder, _, name = file.rpartition("/")
    own = f"{folder}/test_{name}" if folder else f"test_{name}"
    if folder == "claims":
        return ("claims",)
    if file == "estimators/finite.py":
        return ("estimators/test_dense_finite.py",)
    whole = {"estimators": ("estimators/test_exact.py", "estimators/test_montecarlo.py"), "inference": ("inference",)}
    return (own,) if (ROOT / "tests" / own).exists() else whole.get(folder, (folder or "test_losses.py",))


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
        "not study and not fuzz and not slow",
    ]
    command = [sys.executable, "-m", "pytest", *options, *(f"tests/{name}" for name in tests)]
    environment = {**os.environ, "PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=place, env=environment, capture_output=True, timeout=SECONDS).returncode


def main() -> int:
    """Writes mutants.csv after every mutant; the exit code says whether a named one survived."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("results/trust"))
    parser.add_argument("--drawn", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=60.0, help="After these no further mutant is begun.")
    parser.add_argument("--only", choices=["named", "drawn"])
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    rows: list[list[object]] = []
    start = time.monotonic()
    with TemporaryDirectory() as name:
        for part in ("boundcheck", "tests", "benchmarks"):
            shutil.copytree(ROOT / part, Path(name) / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", name)
        chosen = [*(named() if options.only != "drawn" else ())]
        chosen += drawn(options.drawn, options.seed) if options.only != "named" else ()
        sound: dict[tuple[str, ...], bool] = {}
        for mutant in chosen:
            if time.monotonic() - start > 60 * options.minutes:
                break
            if mutant.tests not in sound:
                sound[mutant.tests] = _passes(Path(name), mutant.tests)
            outcome, seconds = (
                judged(mutant, Path(name)) if sound[mutant.tests] else ("tests fail or take too long without it", 0.0)
            )
            change = [mutant.origin, mutant.file, mutant.line, mutant.was, mutant.becomes]
            rows.append([*change, outcome, " ".join(mutant.tests), f"{seconds:.0f}"])
            with (options.out / "mutants.csv").open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([COLUMNS, *rows])
    return int(any(row[0] == "named" and row[5] == "survived" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
