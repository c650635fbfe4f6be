"""Numbers as text, rounded to what their uncertainty supports."""

from __future__ import annotations

import math
from collections.abc import Callable

MISSING = "–"


def number(value: float, se: float = math.nan) -> str:
    """A value with as many decimals as leave two significant digits of its standard error.

    Args:
        value: The number; NaN gives a dash.
        se: Its standard error in the same unit; NaN or zero gives four significant digits.
    """
    if math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if not (se > 0 and math.isfinite(se)):
        return f"{value:#.4g}".removesuffix(".")
    return _without_negative_zero(f"{value:.{_decimals(se)}f}")


def interval(value: float, low: float, high: float, unit: str = "") -> str:
    """`value [low, high]`, rounded to two digits of a quarter of the interval's width; no bracket without one."""
    if math.isnan(value):
        return MISSING
    se = (high - low) / 4
    if not se > 0:
        return f"{number(value)}{unit}"
    return f"{number(value, se)}{unit} [{number(low, se)}, {number(high, se)}]"


def percent(share: float, low: float = math.nan, high: float = math.nan) -> str:
    """A share in per cent to one decimal, with its interval when there is one; 100 % only when nothing is left out.

    A share is the same number with an interval and without: share and lower end are rounded down, the upper end up.
    """
    if math.isnan(share):
        return MISSING
    ends = f" [{_tenths(low)}, {_tenths(high, math.ceil)}]" if high > low else ""
    return f"{_tenths(share)} %{ends}"


def p_value(p: float) -> str:
    """A p-value with two digits, or its bound."""
    if math.isnan(p):
        return MISSING
    return "< 0.001" if p < 0.001 else f"{p:.2g}" if p < 0.0995 else f"{p:.2f}"


def plain(value: object) -> str:
    """Any other cell: text as it is, whole numbers without a point, a dash for nothing."""
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() else number(value)
    if isinstance(value, int):
        return f"{value:,}"
    return MISSING if value is None or value == "" else str(value)


def _decimals(se: float) -> int:
    """Decimals that show two significant digits of se, after se itself is rounded to two."""
    return min(max(1 - int(f"{se:.1e}".partition("e")[2]), 0), 6)


def _tenths(share: float, rounded: Callable[[float], int] = math.floor) -> str:
    """Per cent to one decimal, less what floats add; down, so that 99.99 % is never shown as 100."""
    return f"{rounded(round(1000 * share, 6)) / 10:g}"


def _without_negative_zero(text: str) -> str:
    return text.removeprefix("-") if float(text) == 0 else text
