"""Mistakes drawn by a seed from all places of the core that `changes` knows: `python -m tests.trust.drawn`.

Every test that reaches a mistake runs with it, quickest first, until one notices. What none notices has survived, or
is in `EQUIVALENT`, which says why no test could notice it. Numbers are of the source as it stood when they were drawn;
`--again` looks for a mistake of the table by its words in the source as it is, and renews its row.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.trust.changes import Change, changes, count_places, switched
from tests.trust.judging import lines

ROOT = Path(__file__).parents[2]
COLUMNS = ["number", "kind", "file", "line", "was", "is", "outcome", "noticed_by", "tests"]
CORE = ("losses.py", "hardening.py", "claims", "inference", "estimators", "pairwise")
COMPILED = ("pairwise/loops.py", "pairwise/cuda", "pairwise/ring")
"""Without switches: numba and Triton compile what they read, and ranks are other processes."""
OWN: Mapping[str, Sequence[str]] = {
    "claims": ["claims/test_claims_of_error_and_floor.py", "claims/test_configurations.py",
               "claims/test_similarity_gap_errors.py", "claims/test_finite_k_below_limit.py"],
    "claims/judging.py": ["claims/test_judging.py", "claims/test_base.py"],
    "claims/requirements.py": ["claims/test_base.py", "claims/test_configurations.py"],
    "claims/evidence.py": ["claims/test_finite_k_below_limit.py", "claims/test_configurations.py"],
    "estimators/__init__.py": ["estimators/test_closed.py", "estimators/test_exact.py", "test_losses.py"],
    "estimators/anchor_losses.py": ["estimators/test_dense.py", "estimators/test_exact.py", "test_losses.py"],
    "estimators/convergence.py": ["estimators/test_reliability.py"],
    "estimators/dense.py": ["estimators/test_dense.py", "test_losses.py"],
    "estimators/finite.py": ["pairwise/laplace/test_pools.py", "estimators/test_finite_corrections.py",
                             "estimators/test_dense_finite.py", "inference/test_influence.py"],
    "estimators/measured.py": ["estimators/test_exact.py"],
    "estimators/permutation.py": ["estimators/test_reliability.py", "test_verification.py"],
    "estimators/quadrature.py": ["estimators/test_dense_finite.py", "claims/test_finite_k_below_limit.py"],
    "estimators/records.py": ["estimators/test_share_errors.py", "estimators/test_exact.py",
                              "estimators/test_closed.py", "inference/test_influence.py"],
    "estimators/shares.py": ["estimators/test_share_errors.py", "inference/test_influence.py"],
    "pairwise": ["pairwise/test_plan.py", "pairwise/test_cumulants.py", "pairwise/test_loops.py", "test_losses.py"],
    "pairwise/jackknife": ["pairwise/jackknife", "inference/test_influence.py"],
    "pairwise/laplace": ["pairwise/laplace", "estimators/test_dense_finite.py"],
    "pairwise/passes.py": ["estimators/test_exact.py", "pairwise/test_plan.py"],
}  # fmt: skip
"""Test files of a file, or of a folder of files, beside those named after it."""
EQUIVALENT: Mapping[tuple[str, int, str, str], str] = {
    ("estimators/anchor_losses.py", 74, "0.0", "1.0"): "is multiplied by a weight of 0",
    ("estimators/closed.py", 107, "1e-12", "2e-12"): "keeps a point below 1, where the last share ends",
    ("estimators/montecarlo.py", 136, "1", "2"): "another stream of random numbers",
    ("estimators/records.py", 230, "0.0", "1.0"): "is multiplied by a weight of 0",
    ("inference/influence.py", 82, "width <= 0", "width < 0"): "at width 0 every kernel weight is 0 or 0 / 0, made 0",
    ("pairwise/critical.py", 108, "4", "5"): "how far a Newton step may go, which is checked and halved",
    ("pairwise/jackknife/heavy.py", 117, "term.log(middle, plan.temperature) < level",
     "term.log(middle, plan.temperature) <= level"): "a bisection in floating point hits no level",
    ("pairwise/jackknife/heavy.py", 106, "1e-05", "2e-05"): "a few more pairs are looked at whether they are heavy",
    ("pairwise/plan.py", 359, "0", "1"): "stands for groups where there are none, and nothing reads it",
    ("pairwise/positives.py", 131, "0.0", "1.0"): "rho of an anchor of weight 0, whose loss is undefined",
    ("pairwise/powers.py", 74, "length < 4", "length <= 4"): "more chains are tried, as short a one is found",
    ("pairwise/powers.py", 100, "1", "2"): "marks a step that is no product: any number below 0",
}  # fmt: skip
"""(file, line, was, is) -> why every result is the same."""


def drawn(count: int, seed: int) -> dict[Path, dict[int, int]]:
    """File of the core -> switch -> number of its place: so many places, each as likely as another."""
    files = [path for part in CORE for path in _files(ROOT / "boundcheck" / part)]
    places = [(path, i) for path in files for i in range(count_places(path.read_text(encoding="utf-8")))]
    out: dict[Path, dict[int, int]] = {}
    for switch, (path, i) in enumerate(random.Random(seed).sample(places, count), 1):
        out.setdefault(path.relative_to(ROOT), {})[switch] = i
    return out


def named(rows: Sequence[Sequence[str]]) -> dict[Path, dict[int, int]]:
    """As `drawn`, of the mistakes in rows of a table, each at the nearest place of the same words in its file."""
    out: dict[Path, dict[int, int]] = {}
    for number, kind, file, line, was, becomes, *_ in rows:
        found = changes((ROOT / "boundcheck" / file).read_text(encoding="utf-8"))
        places = [i for i, made in found.items() if (made.kind, made.was, made.becomes) == (kind, was, becomes)]
        if not places:
            raise SystemExit(f"{number}: {file} has no {was!r} any more")
        nearest = min(places, key=lambda i: abs(found[i].line - int(line)))
        out.setdefault(Path("boundcheck") / file, {})[int(number)] = nearest
    return out


def _files(place: Path) -> list[Path]:
    found = sorted(place.rglob("*.py")) if place.is_dir() else [place]
    return [path for path in found if not path.relative_to(ROOT / "boundcheck").as_posix().startswith(COMPILED)]


def tests_of(file: str) -> list[str]:
    """Test files of a file of the core, relative to tests/: those named after it first."""
    folder, _, name = file.rpartition("/")
    own = f"{folder}/test_{name}" if folder else f"test_{name}"
    told = OWN.get(file) or next((OWN[place] for place in _folders(folder) if place in OWN), [])
    found = [ROOT / "tests" / place for place in (own, *told)]
    files = [path for place in found for path in (sorted(place.rglob("test_*.py")) if place.is_dir() else [place])]
    return list(dict.fromkeys(path.relative_to(ROOT / "tests").as_posix() for path in files if path.exists()))


def _folders(folder: str) -> list[str]:
    """The folder and those above it."""
    parts = folder.split("/")
    return ["/".join(parts[:i]) for i in range(len(parts), 0, -1)]


def put_in(chosen: Mapping[Path, Mapping[int, int]], copy: Path) -> dict[int, tuple[str, Change]]:
    """Writes the changes of files into a copy, each behind its switch; switch -> file and change."""
    out: dict[int, tuple[str, Change]] = {}
    for path, numbers in chosen.items():
        source, changes = switched((ROOT / path).read_text(encoding="utf-8"), numbers)
        (copy / path).write_text(source, encoding="utf-8")
        out |= {switch: (path.relative_to("boundcheck").as_posix(), made) for switch, made in changes.items()}
    return dict(sorted(out.items()))


def judge(copy: Path, alive: Mapping[int, Sequence[str]], seconds: float, noted: Path) -> None:
    """Runs tests of a copy, see `judging`; plug-ins that take seconds to import are left out."""
    tests = dict.fromkeys(file for files in alive.values() for file in files[:1])
    tests |= dict.fromkeys(file for files in alive.values() for file in files)
    alive = {mistake: [test.partition("::")[0] for test in files] for mistake, files in alive.items()}
    (copy / "mistakes.json").write_text(json.dumps({"alive": alive, "seconds": seconds}), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts="]
    command += ["-p", "pytest_timeout", "-p", "tests.trust.judging", "-m", "not study and not fuzz"]
    variables = {
        "PYTHONPATH": str(copy),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "MISTAKES": str(copy / "mistakes.json"),
        "JUDGED": str(noted),
    }
    subprocess.run([*command, *(f"tests/{name}" for name in tests)], cwd=copy, env={**os.environ, **variables})


def table(found: Mapping[int, tuple[str, Change]], noted: Path) -> list[list[object]]:
    """A row for every mistake; one is judged where a test noticed it, or where all its test files are through."""
    noticed: dict[int, str] = {}
    tried: dict[int, int] = {}
    through = {row["file"] for row in lines(noted) if "mistake" not in row}
    for row in lines(noted):
        if "mistake" in row:
            number = row["mistake"]
            tried[number] = tried.get(number, 0) + row["tests"]
            if row["noticed_by"] != "":
                noticed[number] = row["noticed_by"] or f"{row['file']}, ended by time or memory"
    rows: list[list[object]] = []
    for number, (file, made) in found.items():
        outcome = "survived" if through.issuperset(tests_of(file)) else "not judged"
        outcome = "killed" if number in noticed else outcome
        if outcome != "killed" and (reason := EQUIVALENT.get((file, made.line, made.was, made.becomes))):
            outcome, noticed[number] = "equivalent", reason
        change = [number, made.kind, file, made.line, made.was, made.becomes]
        rows.append([*change, outcome, noticed.get(number, ""), tried.get(number, 0)])
    return rows


def _rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))[1:]


def main() -> int:
    """Writes drawn.csv, or drawn-SEED.csv; the exit code says whether fewer than nine of ten are killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("results/trust"))
    parser.add_argument("--mistakes", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--again", type=int, nargs="*", help="Numbers of the table, whose rows are renewed.")
    parser.add_argument("--only", type=int, nargs="*", help="Numbers of the mistakes.")
    parser.add_argument("--tests", nargs="*", help="Below tests/, instead of those that `OWN` tells.")
    parser.add_argument("--seconds", type=float, default=60.0, help="Of a mistake in each test file, quickest first.")
    parser.add_argument("--noted", type=Path, help="File that keeps what was found, to go on from.")
    options = parser.parse_args()
    place = options.out / (f"drawn-{options.seed}.csv" if options.seed else "drawn.csv")
    told = _rows(place) if options.again else []
    again = [row for row in told if int(row[0]) in options.again]
    places = named(again) if told else drawn(options.mistakes, options.seed)
    with TemporaryDirectory() as name:
        copy = Path(name).resolve()
        for part in ("boundcheck", "tests", "benchmarks"):
            shutil.copytree(ROOT / part, copy / part)
        shutil.copy(ROOT / "pyproject.toml", copy)
        found = put_in(places, copy)
        noted = (options.noted or copy / "noted.jsonl").resolve()
        known = {row.get("mistake") for row in lines(noted) if row.get("noticed_by", "") != ""}
        alive = [switch for switch in options.only or found if switch not in known]
        judge(copy, {n: options.tests or tests_of(found[n][0]) for n in alive}, options.seconds, noted)
        rows = table(found, noted)
    renewed = {row[0]: row for row in rows}
    rows = [renewed.get(int(row[0]), row) for row in told] or rows
    options.out.mkdir(parents=True, exist_ok=True)
    with place.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    killed, judged = (sum(row[6] in outcomes for row in rows) for outcomes in (["killed"], ["killed", "survived"]))
    left = sum(row[6] == "not judged" for row in rows)
    print(f"{killed} of {judged} killed, {len(rows) - judged - left} equivalent, {left} not judged")
    return int(killed < 0.9 * judged)


if __name__ == "__main__":
    sys.exit(main())
