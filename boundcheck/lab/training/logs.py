"""What a measurement is called in a tracker of experiments, and how each of them takes it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from boundcheck.errors import InputError

Values = dict[str, float]
Log = Callable[[Values, int], Any]

PREFIX = "boundcheck/"
_THEOREM = ("ucl-scl", "hucl-hscl")  # the gaps of Theorem 1, without and with a tilt


def scalars(losses: Iterable[Mapping[str, Any]], gaps: Iterable[Mapping[str, Any]]) -> Values:
    """Losses, shares of Assumption 1, and the gaps of Theorem 1 with their intervals, by names every logger takes.

    Args:
        losses: rows of `tracker.loss_rows`.
        gaps: rows of `tracker.gap_rows`.

    Returns:
        Nats and shares; a number that does not exist, such as the share where no anchor has a margin, is left out.
    """
    values: Values = {}
    for row in losses:
        at = _suffix(row["loss_beta"])
        values |= {row["loss"] + at: row["estimate"], "share" + at: row["share_holding"]}
    for row in gaps:
        if row["gap"] in _THEOREM:
            at = _suffix(row["loss_beta"])
            values |= {
                f"gap{at}": row["estimate"], f"gap{at}_ci_low": row["ci_low"], f"gap{at}_ci_high": row["ci_high"],
                f"gap{at}_reliable": row["reliable"],
            }  # fmt: skip
    return {PREFIX + name: float(value) for name, value in values.items() if math.isfinite(value)}


def _suffix(beta: float | None) -> str:
    return "" if beta is None else f"_beta{beta:g}"


def destination(log: object | None) -> Log:
    """How an object takes values: told by its methods, so that no package has to be there.

    Args:
        log: a `SummaryWriter` (`add_scalar`), the module `mlflow` or a logger of Lightning (`log_metrics`), the module
            `wandb` or a run of it (`log`), a function of (values, epoch), or None.

    Raises:
        InputError: it is none of these.
    """
    writer: Any = log
    if log is None:
        return lambda values, epoch: None
    if hasattr(log, "add_scalar"):
        return lambda values, epoch: [writer.add_scalar(name, value, epoch) for name, value in values.items()]
    if hasattr(log, "log_metrics"):
        return lambda values, epoch: writer.log_metrics(values, step=epoch)
    if hasattr(log, "log"):  # W&B's own step counts calls, and drops what names an earlier one
        return lambda values, epoch: writer.log({**values, f"{PREFIX}epoch": epoch})
    if callable(log):
        return log
    raise InputError(
        f"log: expected a SummaryWriter, mlflow, a W&B run, a Lightning logger or a function of (values, epoch), "
        f"received {type(log).__name__}"
    )
