"""The rules of options: what they take, and what a refusal says."""

from __future__ import annotations

import math

import pytest

from boundcheck.errors import InputError
from boundcheck.options import BELOW_ONE, CONFIDENCE, NOT_NEGATIVE, POSITIVE, SHARE, Rule, at_least, check, one_of

TAKEN = {
    POSITIVE: [1e-300, 1, 2.5],
    NOT_NEGATIVE: [0, 3.0],
    BELOW_ONE: [0, 0.99],
    SHARE: [0, 0.5, 1],
    CONFIDENCE: [0.95],
}
REFUSED = {POSITIVE: [0, -1], NOT_NEGATIVE: [-1e-9], BELOW_ONE: [1, -0.1], SHARE: [1.01, -0.1], CONFIDENCE: [0, 1, 95]}


@pytest.mark.parametrize("rule", TAKEN)
def test_a_rule_takes_what_it_says(rule: Rule) -> None:
    for value in TAKEN[rule]:
        check("option", value, rule)
    check("option", None, rule)
    for value in (*REFUSED[rule], math.nan, math.inf, -math.inf):
        with pytest.raises(InputError, match=f"^option: must be {rule.words}, received "):
            check("option", value, rule)


def test_a_refusal_says_what_to_do() -> None:
    with pytest.raises(InputError) as caught:
        check("episodes", 0, at_least(1), "the usual is 10")
    assert str(caught.value) == "episodes: must be at least 1, received 0; the usual is 10"
    with pytest.raises(InputError, match=r"received 1\.5$"):
        check("shots", 1.5, at_least(2))


def test_a_name_is_one_of_those_there_are() -> None:
    assert one_of("estimator", "exact", ["exact", "closed"]) == "exact"
    with pytest.raises(
        InputError, match="estimator: expected one of exact, closed, received 'exatc'; did you mean 'exact'"
    ):
        one_of("estimator", "exatc", ["exact", "closed"])
