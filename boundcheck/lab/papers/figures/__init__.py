"""Figures of the recipes: functions (results) -> (figure, its data), or None where there is nothing to draw."""

from __future__ import annotations

from .accuracy_by_beta import draw_accuracy_by_beta
from .accuracy_by_objective import draw_accuracy_by_objective
from .accuracy_over_epochs import draw_accuracy_over_epochs, draw_mean_over_epochs
from .assumption import draw_assumption
from .batch_losses import draw_batch_losses
from .collapse import draw_collapse
from .crossing import draw_crossing
from .losses_over_epochs import draw_losses_over_epochs
from .spectrum import draw_spectrum

__all__ = [
    "draw_accuracy_by_beta",
    "draw_accuracy_by_objective",
    "draw_accuracy_over_epochs",
    "draw_assumption",
    "draw_batch_losses",
    "draw_collapse",
    "draw_crossing",
    "draw_losses_over_epochs",
    "draw_mean_over_epochs",
    "draw_spectrum",
]
