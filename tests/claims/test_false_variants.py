"""`falsify` refutes a false variant of each claim about errors and floors, and none that is true."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
import torch

from boundcheck.falsification import search
from tests.claims.test_claims_of_error_and_floor import FALSE

pytestmark = pytest.mark.study

# Where two even classes of three in the plane cannot tell: uneven ones, and as many dimensions as a simplex needs.
SHAPES: dict[str, dict[str, Any]] = {
    "scl_ge_unbalanced": {"classes": 3, "points": 7, "dim": 3},
    "ucl_ge_instances": {"points": 4, "dim": 3},
}


@pytest.mark.parametrize("claim", list(FALSE))
def test_falsify_finds_the_false_variant_alone(claim: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shape = {"classes": 2, "points": 6, "dim": 2} | SHAPES.get(claim, {})
    torch.manual_seed(0)
    assert search(claim, **shape, seconds=3).counterexample is None
    module, wrong = FALSE[claim]
    for name, value in wrong.items():
        monkeypatch.setattr(import_module(f"boundcheck.claims.{module}"), name, value)
    assert search(claim, **shape, seconds=40).counterexample is not None
