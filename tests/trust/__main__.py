"""Writes results/trust: `python -m tests.trust`; `--readers`, `--commands` and `--killed` name some of them.

Rows of the others stay as an earlier call wrote them.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from boundcheck.manifest import environment
from boundcheck.runs import write_manifest
from tests.faults.cases import COMMANDS
from tests.faults.kills import kill
from tests.faults.stops import stop
from tests.fuzz.campaign import campaign
from tests.fuzz.readers import READERS

READER_COLUMNS = ["reader", "inputs", "read", "refused", "faults", "slowest_s", "most_memory_mb", "first_fault"]
FAULT_COLUMNS = ["command", "writes", "calls", "faults", "stopped", "wrong", "first_wrong"]
KILL_COLUMNS = ["command", "seconds", "kills", "late", "wrong", "first_wrong"]
KILLED = ("verify", "sweep", "train", "embed")


def main() -> int:
    """Tries every reader and every command; its exit code says whether anything broke."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("results/trust"))
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--faults", type=int, help="Of each command, drawn evenly; all if left out.")
    parser.add_argument("--kills", type=int, default=25, help="Of each command, at random moments.")
    parser.add_argument("--seed", type=int, default=0, help="Of the faults and the moments.")
    parser.add_argument("--readers", nargs="*", default=[*READERS])
    parser.add_argument("--commands", nargs="*", default=[*COMMANDS], help="That are stopped.")
    parser.add_argument("--killed", nargs="*", default=[*KILLED], help="Commands that are killed.")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    start = time.time()
    readers = _kept(options.out / "readers.csv", options.readers)
    faults = _kept(options.out / "faults.csv", options.commands)
    kills = _kept(options.out / "kills.csv", options.killed)
    for name in options.readers:
        done = campaign(READERS[name], options.inputs)
        broken = len(done.faults)
        first = done.faults[0] if broken else ""
        numbers = [f"{done.slowest:.3f}", f"{done.largest / 1e6:.1f}"]
        readers.append([name, done.inputs, done.read, done.refused, broken, *numbers, first])
        _write(options.out / "readers.csv", READER_COLUMNS, readers)
    for name in options.commands:
        tried = stop(name, options.faults, options.seed)
        first = tried.wrong[0] if tried.wrong else ""
        faults.append([name, tried.writes, tried.calls, tried.faults, tried.stopped, len(tried.wrong), first])
        _write(options.out / "faults.csv", FAULT_COLUMNS, faults)
    for name in options.killed:
        ended = kill(name, options.kills, options.seed)
        first = ended.wrong[0] if ended.wrong else ""
        kills.append([name, f"{ended.seconds:.2f}", ended.kills, ended.late, len(ended.wrong), first])
        _write(options.out / "kills.csv", KILL_COLUMNS, kills)
    manifest: Mapping[str, object] = {
        **environment(),
        "command": ["python", "-m", "tests.trust", *sys.argv[1:]],
        "wall_seconds": time.time() - start,
    }
    write_manifest(manifest, options.out)
    counts = ((readers, 4), (faults, 5), (kills, 4))
    return int(any(row[place] not in (0, "0") for rows, place in counts for row in rows))


def _kept(path: Path, renewed: Sequence[str]) -> list[list[object]]:
    """The rows of an earlier call but for those that this one makes anew."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [[*row] for row in list(csv.reader(file))[1:] if row[0] not in renewed]


def _write(path: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """After every row, so that a long campaign that is stopped keeps what it has."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns, *rows])


if __name__ == "__main__":
    sys.exit(main())
