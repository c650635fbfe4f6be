"""The grid that a sweep's tables and heat maps share: encoders in blocks of one temperature, hardenings as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb

from boundcheck.report.figures._pointing import say_over
from boundcheck.report.overview import Mark, gravest, mark, place, place_label
from boundcheck.runs import records
from boundcheck.sweep_record import SweepRecord

UNDEFINED = ("#f6f6f6", "–")  # colour and text of a cell without a number
_GAP = 0.45  # between the blocks of two temperatures, in rows

Place = tuple[int, float, str]
Cell = tuple[str, float, Place]


@dataclass(frozen=True)
class Grid:
    """Rows (encoder, temperature) and columns (hardening), in the order they are shown."""

    encoders: tuple[str, ...]
    temperatures: tuple[float, ...]
    places: tuple[Place, ...]

    @classmethod
    def of(cls, rows: pd.DataFrame) -> Grid:
        """The grid that holds every row of one of a sweep's tables."""
        places = sorted({place(row) for row in records(rows)})
        return cls(tuple(dict.fromkeys(rows["encoder"])), tuple(dict.fromkeys(rows["temperature"])), tuple(places))

    @property
    def height(self) -> float:
        """Of all blocks with the gaps between them, in rows."""
        return len(self.encoders) * len(self.temperatures) + _GAP * (len(self.temperatures) - 1)

    def top(self, encoder: str, temperature: float) -> float:
        """Where a row starts, counted down in rows."""
        block = self.temperatures.index(temperature)
        return block * (len(self.encoders) + _GAP) + self.encoders.index(encoder)

    def frame(self, ax: Axes, names: bool = True, temperatures: bool = True) -> None:
        """Limits, names of encoders (left), temperatures (right) and hardenings (below)."""
        ax.set_xlim(0, len(self.places))
        ax.set_ylim(self.height, 0)
        labels = [place_label(at) for at in self.places]
        ax.set_xticks([i + 0.5 for i in range(len(labels))], labels, rotation=45 if _wide(labels) else 0)
        if _wide(labels):
            for label in ax.get_xticklabels():
                label.set(ha="right", rotation_mode="anchor")
        rows = [(encoder, self.top(encoder, tau) + 0.5) for tau in self.temperatures for encoder in self.encoders]
        ax.set_yticks([y for _, y in rows], [name if names else "" for name, _ in rows])
        ax.tick_params(length=0)
        ax.grid(False)
        for side in ax.spines.values():
            side.set_visible(False)
        for tau in self.temperatures if temperatures else ():
            middle = self.top(self.encoders[0], tau) + len(self.encoders) / 2
            ax.text(len(self.places) + 0.15, middle, f"τ = {tau:g}", va="center", ha="left", fontsize=7)

    def paint(
        self, ax: Axes, cells: Mapping[Cell, tuple[Any, str]], said: Mapping[Cell, str], fontsize: float = 6.5
    ) -> None:
        """Fill cells with a colour and a text, dark on light colours and light on dark ones.

        Args:
            ax: Where.
            cells: Colour and text of each.
            said: What shows on pointing at them, behind what they are about.
            fontsize: Of the texts.
        """
        corners, colours = [], []
        for (encoder, tau, at), (colour, text) in cells.items():
            x, y = self.places.index(at), self.top(encoder, tau)
            corners.append([(x, y), (x + 1, y), (x + 1, y + 1), (x, y + 1)])
            colours.append(colour)
            ink = "white" if _luminance(colour) < 0.5 else "0.1"
            ax.text(x + 0.5, y + 0.5, text, ha="center", va="center", color=ink, fontsize=fontsize)
        names = [f"{encoder}, τ = {tau:g}, {place_label(at)}" for encoder, tau, at in cells]
        boxes = [(box[0], box[2]) for box in corners]
        say_over(ax, boxes, [f"{name}: {said.get(cell, 'nothing')}" for name, cell in zip(names, cells, strict=True)])
        ax.add_collection(PolyCollection(corners, facecolors=colours, edgecolors="white", linewidths=0.8))


def marks(rows: pd.DataFrame) -> dict[Cell, Mark]:
    """One claim's marks by cell, the gravest over Q."""
    found: dict[Cell, list[Mark]] = {}
    for row in records(rows):
        found.setdefault(cell_of(row), []).append(mark(row))
    return {cell: gravest(several) for cell, several in found.items()}


def cell_of(row: Any) -> Cell:
    """The cell that a row of one of a sweep's tables is about."""
    return row.encoder, row.temperature, place(row)


def thin_cells(record: SweepRecord) -> set[Cell]:
    """The cells with a loss that is not to be relied on."""
    thin = record.losses[~record.losses["reliable"].astype(bool)]
    return {cell_of(row) for row in records(thin)}


def _wide(labels: Sequence[str]) -> bool:
    return max(map(len, labels)) > 7


def _luminance(colour: Any) -> float:
    """How light a colour looks, 0 to 1."""
    red, green, blue = to_rgb(mpl.colors.to_hex(colour))
    return 0.299 * red + 0.587 * green + 0.114 * blue
