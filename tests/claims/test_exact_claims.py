"""The study of the exact claims, small: results/validation/exact_claims.csv holds 10,000 cases."""

import pytest

from tests.studies.exact_claims import EXACT, exact_claims


@pytest.mark.slow
def test_no_false_alarm_on_random_sets() -> None:
    table = exact_claims(150)
    assert len(table) == len(EXACT) == 18
    assert (table.violated == 0).all() and (table.least_slack > -1e-5).all(), table
    assert (table.cases > 10).all() and (table.anchors > table.cases).all()
