"""The horizontal axis that figures share: hardness on a square-root scale, other hardenings beside it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes

from boundcheck.hardening import hardening_label
from boundcheck.runs import records

_SLOT = 0.19  # width of a hardening's place beside the scale, in lengths of the scale
_NEAREST_TICKS = 0.085


@dataclass(frozen=True)
class HardnessAxis:
    """Where each hardening stands: exponential ones at sqrt(beta) from 0 to 1, any other in a place of its own.

    Args:
        betas: Finite hardnesses, ascending, from 0 (eta = 1).
        others: (hardening, beta) of everything else, such as ("threshold:0.5", nan) or the end ("exp", inf).
    """

    betas: tuple[float, ...]
    others: tuple[tuple[str, float], ...]

    @classmethod
    def of(cls, rows: pd.DataFrame) -> HardnessAxis:
        """The axis that holds every row of a table with columns hardening and beta."""
        pairs = sorted(set(zip(rows["hardening"], rows["beta"].astype(float), strict=True)), key=str)
        betas = {0.0} | {beta for name, beta in pairs if name == "exp" and math.isfinite(beta)}
        others = [name for name in dict.fromkeys(rows["hardening"]) if name not in ("exp", "constant", "")]
        ends = [("exp", math.inf)] if ("exp", math.inf) in pairs else []
        return cls(tuple(sorted(betas)), (*ends, *((name, math.nan) for name in others)))

    def position(self, hardening: str, beta: float) -> float:
        """The place of one hardening on the axis."""
        if hardening == "exp" and math.isfinite(beta):
            return math.sqrt(beta / self.betas[-1]) if beta else 0.0
        if hardening == "constant":
            return 0.0
        names = [self._name(*other) for other in self.others]
        return self._scale_end + _SLOT * (1 + names.index(self._name(hardening, beta)))

    def positions(self, rows: pd.DataFrame) -> list[float]:
        """The place of every row."""
        return [self.position(r.hardening, r.beta) for r in records(rows)]

    def on_scale(self, rows: pd.DataFrame) -> pd.Series:
        """Which rows stand on the scale of hardness (eta = 1 is its start)."""
        return (rows["hardening"] == "constant") | ((rows["hardening"] == "exp") & (rows["beta"] != math.inf))

    def draw(self, ax: Axes) -> None:
        """Ticks, limits and name of the axis, with a line between the scale and the places beside it."""
        start = "0" if len(self.betas) > 1 else "η = 1"
        places = [(self.position("exp", beta), f"{beta:g}" if beta else start) for beta in self._legible()]
        places += [(self.position(*other), self._name(*other)) for other in self.others]
        ax.set_xticks([x for x, _ in places], [text for _, text in places])
        end = places[-1][0]
        ax.set_xlim(-0.05, end + (0.12 if self.others else 0.05))
        for i in range(len(self.others)):
            ax.axvline(self._scale_end + _SLOT * (i + 0.5), color="0.75", linewidth=0.6, linestyle=":")
        ax.grid(False, axis="x")
        ax.set_xlabel("hardness β (square-root scale)" if len(self.betas) > 1 else "hardening")

    def _legible(self) -> Iterable[float]:
        """The betas whose labels fit: the ends, and those far enough from the last one kept and from the end."""
        kept = [0.0]
        reach = 1 + _SLOT * len(self.others)
        for beta in self.betas[1:-1]:
            x = self.position("exp", beta)
            if min(x - self.position("exp", kept[-1]), 1 - x) >= _NEAREST_TICKS * reach:
                kept.append(beta)
        return [*kept, *self.betas[1:][-1:]]

    @property
    def _scale_end(self) -> float:
        return 1.0 if self.betas[-1] else 0.0

    @staticmethod
    def _name(hardening: str, beta: float) -> str:
        if hardening == "exp":
            return "∞"
        return hardening_label(hardening, beta).replace("threshold ", "thr.\n").replace(" ", "\n")
