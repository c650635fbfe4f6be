"""Heat maps of the verdicts, one panel for each claim."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from boundcheck.report.overview import Mark, place_label
from boundcheck.report.style import FAILS, PAGE, paper
from boundcheck.report.sweep.grid import Cell, Grid, marks
from boundcheck.sweep_record import SweepRecord

# Light for what agrees with the theory or says nothing, dark for what contradicts it; the symbols say the same in grey.
_COLOUR = {
    "holds": "#a9cde8", "violated": FAILS, "harmless": "#f6cf9d", "undecided": "#d4d4d4", "vacuous": "#e3edf4",
    "inapplicable": "#f6f6f6",
}  # fmt: skip
_LINE = 1.2 * PAGE  # for the panels of one line, inches
_COLUMN, _ROW = 0.26, 0.16  # of a cell, inches
_WORDS = {
    "holds": "✓ ● holds, occurs, passes", "violated": "✗ violated",
    "harmless": "(✗) ○ violated but nothing contradicted, does not occur", "undecided": "? undecided",
    "vacuous": "✓ vacuous: could not have come out otherwise",
    "inapplicable": "– inapplicable",
}  # fmt: skip


@paper()
def draw_verdicts(record: SweepRecord) -> tuple[Figure, pd.DataFrame] | None:
    """The gravest verdict over Q by claim, encoder, temperature and hardening; claims that apply nowhere are left out.

    Args:
        record: The sweep.
    """
    applicable = record.claims.groupby("claim").verdict.transform(lambda verdicts: (verdicts != "inapplicable").any())
    claims = record.claims[applicable] if applicable.any() else record.claims
    panels = [_Panel.of(record, str(claim), rows) for claim, rows in claims.groupby("claim", sort=False)]
    lines = _lines(panels)
    height = 0.6 + len(lines) * (0.75 + _ROW * panels[0].grid.height)
    figure = Figure(figsize=(1.3 + _LINE, height), layout="constrained")
    rows = figure.add_gridspec(len(lines), 1)
    for i, line in enumerate(lines):
        widths = [panel.width for panel in line]
        places = rows[i].subgridspec(1, len(line) + 1, width_ratios=[*widths, max(_LINE - sum(widths), 0.01)])
        for j, panel in enumerate(line):
            _draw(figure.add_subplot(places[j]), panel, first=j == 0, last=j == len(line) - 1)
    seen = {m.style for panel in panels for m in panel.marks.values()}
    shown = [style for style in _COLOUR if style in seen]
    patches = [Patch(fc=_COLOUR[s], ec="0.6", lw=0.4, label=_WORDS[s]) for s in shown]
    figure.legend(handles=patches, loc="outside lower center", ncols=2)
    data = [
        {"claim": panel.claim, "encoder": encoder, "temperature": tau, "hardening": place_label(at),
         "verdict": m.verdict, "reading": m.reading}
        for panel in panels for (encoder, tau, at), m in panel.marks.items()
    ]  # fmt: skip
    return figure, pd.DataFrame(data)


@dataclass(frozen=True)
class _Panel:
    """One claim, with the hardenings it says something about."""

    claim: str
    title: str
    grid: Grid
    marks: dict[Cell, Mark]

    @classmethod
    def of(cls, record: SweepRecord, claim: str, rows: pd.DataFrame) -> _Panel:
        title = str(record.manifest["catalogue"].get(claim, {}).get("title") or claim)
        every = Grid.of(record.claims)
        return cls(claim, title, replace(every, places=Grid.of(rows).places), marks(rows))

    @property
    def width(self) -> float:
        """Inches, enough for its title."""
        return max(_COLUMN * len(self.grid.places) + 0.3, 1.25)


def _lines(panels: Sequence[_Panel]) -> list[list[_Panel]]:
    """The panels in order, as many on a line as fit."""
    lines: list[list[_Panel]] = [[]]
    for panel in panels:
        if lines[-1] and sum(other.width for other in lines[-1]) + panel.width > _LINE:
            lines.append([])
        lines[-1].append(panel)
    return lines


def _draw(ax: Axes, panel: _Panel, first: bool, last: bool) -> None:
    """One panel: encoders are named on the first of a line, temperatures on the last."""
    panel.grid.frame(ax, names=first, temperatures=last)
    painted = {cell: (_COLOUR[m.style], m.symbol) for cell, m in panel.marks.items()}
    said = {cell: f"{m.verdict}, {m.reading}" if m.reading else m.verdict for cell, m in panel.marks.items()}
    panel.grid.paint(ax, painted, said, fontsize=6)
    # bare numbers for betas: there is no room for more
    labels = [place_label(at).removeprefix("β = ") for at in panel.grid.places]
    ax.set_xticks(ax.get_xticks(), labels, rotation=45 if max(map(len, labels)) > 9 else 0, fontsize=6)
    ax.set_title(textwrap.fill(panel.title, round(17 * panel.width)), fontsize=7)
    ax.set_box_aspect(_ROW * panel.grid.height / (_COLUMN * len(panel.grid.places)))
