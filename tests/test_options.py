"""The rules of options: what they take, and what a refusal says."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from boundcheck.errors import InputError
from boundcheck.options import (
    BELOW_ONE,
    CONFIDENCE,
    NOT_NEGATIVE,
    POSITIVE,
    POSITIVE_OR_INF,
    SHARE,
    Rule,
    check,
    one_of,
    whole,
)

TAKEN: list[tuple[Rule, list[Any], list[Any]]] = [
    (POSITIVE, [1e-300, 1, 2.5, np.float32(1), torch.tensor(0.5)], [0, -1, math.inf, np.ones(2)]),
    (NOT_NEGATIVE, [0, 3.0], [-1e-9, math.inf]),
    (POSITIVE_OR_INF, [1e-300, math.inf], [0, -math.inf]),
    (BELOW_ONE, [0, 0.99], [1, -0.1]),
    (SHARE, [0, 0.5, 1], [1.01, -0.1]),
    (CONFIDENCE, [0.95], [0, 1, 95]),
    (whole(2), [2, np.int64(7), 2**63 - 1], [1, 2.5, 3.0, 2**63, math.inf]),
    (whole(1, 10), [1, 10], [0, 11, 1.5]),
]


@pytest.mark.parametrize(("rule", "taken", "refused"), TAKEN)
def test_a_rule_takes_what_it_says(rule: Rule, taken: list[Any], refused: list[Any]) -> None:
    for value in taken:
        check("option", value, rule)
    check("option", None, rule, optional=True)
    for value in (*refused, math.nan, "2", True, [1.0], None):
        with pytest.raises(InputError, match=f"^option: must be {rule.words}, received "):
            check("option", value, rule)


def test_a_refusal_says_what_to_do() -> None:
    with pytest.raises(InputError) as caught:
        check("episodes", 0, whole(1), "the usual is 10")
    assert str(caught.value) == "episodes: must be a whole number >= 1, received 0; the usual is 10"
    with pytest.raises(InputError, match=r"received '2'$"):
        check("views", "2", whole(1))


def test_a_name_is_one_of_those_there_are() -> None:
    assert one_of("estimator", "exact", ["exact", "closed"]) == "exact"
    with pytest.raises(InputError, match="expected one of exact, closed, received 'exatc'; did you mean 'exact'"):
        one_of("estimator", "exatc", ["exact", "closed"])
    with pytest.raises(InputError, match=r"expected one of exact, received '\['exact'\]'"):
        one_of("estimator", ["exact"], {"exact": 1})
