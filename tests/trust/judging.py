"""A pytest plug-in that runs every test without a mistake, then with each that it reaches, until one notices.

`MISTAKES` names a file of the switches, the test files of each and the seconds that a mistake may spend in one of them;
`JUDGED` a file that gets a line of JSON for every mistake in every test file, and for every test file that is through.
All runs are forks of one process that has imported and collected everything, so that a mistake costs no more than the
tests that reach it.
"""

from __future__ import annotations

import itertools
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.trust import switch

SPARE_SECONDS, TIMES = 20, 10
"""Processor time that a mistake may take: as many seconds, and as many times what the tests take without it."""
SPARE_BYTES = 4 << 30


class Judge:
    """Takes the place of pytest's loop over the tests."""

    def __init__(self, alive: Mapping[int, Sequence[str]], seconds: float, out: Path) -> None:
        self.alive, self.seconds, self.out, self.failed = dict(alive), seconds, out, ""
        self.made_ready: list[int] = []  # by fixtures, which later tests may share

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed = report.nodeid

    def pytest_runtest_call(self) -> None:
        self.made_ready = sorted(switch.reached)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        root = session.config.rootpath / "tests"
        for path, items in itertools.groupby(session.items, lambda item: item.path):
            file = path.relative_to(root).as_posix()
            if any(file in files for files in self.alive.values()):
                self._of_file(file, list(items))
        return True

    def _of_file(self, file: str, items: list[pytest.Item]) -> None:
        found = _forked(lambda: self._without(items), 10_000.0)
        if found is None:
            self._note(file=file, tests=0, note="did not end")
            return
        good = {number: row for number, row in enumerate(found) if row["passed"]}
        for mistake in [mistake for mistake, files in self.alive.items() if file in files]:
            first = next((n for n, row in enumerate(found) if mistake in row["made_ready"]), len(found))
            reach = [n for n, row in good.items() if n >= first or mistake in row["reached"]]
            reach.sort(key=lambda n: good[n]["seconds"])
            spent = itertools.accumulate(good[n]["seconds"] for n in reach)
            reach = [n for i, (n, s) in enumerate(zip(reach, spent, strict=True)) if s <= self.seconds or i == 0]
            if reach:
                seconds = sum(good[n]["seconds"] for n in reach)
                limit = SPARE_SECONDS + TIMES * seconds
                failed = _forked(lambda m=mistake, chosen=reach: self._with(m, [items[n] for n in chosen]), limit)
                if failed != "":
                    del self.alive[mistake]
                self._note(mistake=mistake, file=file, tests=len(reach), noticed_by=failed)
        self._note(file=file, tests=len(good), seconds=sum(row["seconds"] for row in good.values()))

    def _without(self, items: list[pytest.Item]) -> list[dict[str, Any]]:
        rows = []
        signal.signal(signal.SIGPROF, _too_long)
        for item, following in itertools.zip_longest(items, items[1:]):
            self.failed, self.made_ready = "", []
            switch.reached.clear()
            start = time.process_time()
            signal.setitimer(signal.ITIMER_PROF, 2 * self.seconds)
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            signal.setitimer(signal.ITIMER_PROF, 0)
            seconds = time.process_time() - start
            row = {"passed": not self.failed, "seconds": seconds, "made_ready": self.made_ready}
            rows.append({**row, "reached": sorted(switch.reached)})
        return rows

    def _with(self, mistake: int, items: list[pytest.Item]) -> str:
        switch.active = mistake
        for item, following in itertools.zip_longest(items, items[1:]):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self.failed:
                break
        return self.failed

    def _note(self, **row: object) -> None:
        with self.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def _too_long(*_: object) -> None:
    raise TimeoutError("a test that takes so long would be run with no mistake")


def _forked(work: Any, seconds: float) -> Any:
    """What the work gives in a process of its own; None where that dies or takes longer than so much processor time."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        used = time.process_time()
        resource.setrlimit(resource.RLIMIT_CPU, (int(used + seconds) + 1, int(used + seconds) + 2))
        held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (held + SPARE_BYTES, held + SPARE_BYTES))
        try:
            with os.fdopen(write, "w") as pipe:
                pipe.write(json.dumps(work()))
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return json.loads(said) if said else None


def pytest_configure(config: pytest.Config) -> None:
    if "MISTAKES" in os.environ:
        told = json.loads(Path(os.environ["MISTAKES"]).read_text(encoding="utf-8"))
        alive = {int(mistake): files for mistake, files in told["alive"].items()}
        config.pluginmanager.register(Judge(alive, told["seconds"], Path(os.environ["JUDGED"])), "judge")
        sys.stdout.flush()


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """What a judge has noted so far."""
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)
