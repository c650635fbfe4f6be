"""Damaged inputs for every reader: read or refused in the package's own words, soon, and in little memory.

`pytest -m fuzz` tries 200 for each; FUZZ_INPUTS=10000 is the full campaign.
"""

from __future__ import annotations

import os

import pytest

from tests.fuzz.campaign import campaign
from tests.fuzz.readers import READERS


@pytest.mark.fuzz
@pytest.mark.timeout(0)
@pytest.mark.parametrize("name", READERS)
def test_damaged_inputs(name: str) -> None:
    inputs = int(os.environ.get("FUZZ_INPUTS", "200"))
    outcome = campaign(READERS[name], inputs)
    assert outcome.inputs == inputs and outcome.read + outcome.refused + len(outcome.faults) >= inputs
    assert outcome.refused, "no damage was noticed"
    assert outcome.faults == []
