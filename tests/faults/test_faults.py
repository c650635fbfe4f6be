"""A command that is stopped at a write says so in a line, leaves nothing, and gives the same numbers when tried again.

FAULTS=all stops at every write and call; a few places of each command are tried otherwise.
"""

from __future__ import annotations

import os

import pytest

from tests.faults.cases import COMMANDS, FAULTS, try_all

LONG = {"reproduce"}  # two trainings, and some 300 writes


@pytest.mark.parametrize(
    "command", [pytest.param(name, marks=pytest.mark.study if name in LONG else ()) for name in COMMANDS]
)
def test_a_stopped_command_can_be_tried_again(command: str) -> None:
    most = None if os.environ.get("FAULTS") == "all" else 3
    outcome = try_all(command, most)
    assert outcome.writes > 2 and outcome.faults >= len(FAULTS) * 2
    assert outcome.stopped, "no fault was met"
    assert outcome.wrong == []
