"""A command that is stopped or killed gives the same numbers when tried again, and leaves nothing else.

FAULTS=all stops at every write and call; a few places of each command are tried otherwise.
"""

from __future__ import annotations

import itertools
import os

import pytest

from tests.faults.cases import COMMANDS
from tests.faults.kills import kill
from tests.faults.stops import FAULTS, evenly, stop

pytestmark = pytest.mark.slow

LONG = {"reproduce", "atlas"}  # seconds each time


@pytest.mark.parametrize(
    "command", [pytest.param(name, marks=pytest.mark.study if name in LONG else ()) for name in COMMANDS]
)
def test_a_stopped_command_can_be_tried_again(command: str) -> None:
    outcome = stop(command, None if os.environ.get("FAULTS") == "all" else 10)
    assert outcome.writes > 2 and outcome.calls > 2
    assert outcome.kinds.keys() == FAULTS.keys() and outcome.faults >= len(FAULTS) * 2
    assert outcome.stopped, "no fault was met"
    assert outcome.wrong == []


@pytest.mark.study
@pytest.mark.parametrize("command", ["verify", "sweep", "train", "embed"])
def test_a_killed_command_can_be_tried_again(command: str) -> None:
    assert kill(command, 5).wrong == []


def test_a_drawn_sample_is_spread_evenly() -> None:
    drawn = [evenly(range(10), 5, seed) for seed in range(200)]
    assert all(later - first == 2 for items in drawn for first, later in itertools.pairwise(items))
    assert {items[0] for items in drawn} == {0, 1}
    assert evenly(range(3), 5, 0) == range(3)
