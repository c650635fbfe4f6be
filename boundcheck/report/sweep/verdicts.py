"""Heat maps of the verdicts, one panel for each claim."""

from __future__ import annotations

import math
import textwrap

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from boundcheck.report.overview import place_label
from boundcheck.report.style import FAILS, PAGE, paper
from boundcheck.report.sweep.grid import Grid, marks
from boundcheck.sweep_record import SweepRecord

# Light for what agrees with the theory or says nothing, dark for what contradicts it; the symbols say the same in grey.
_COLOUR = {
    "holds": "#a9cde8", "violated": FAILS, "harmless": "#f6cf9d", "undecided": "#d4d4d4", "inapplicable": "#f6f6f6",
}  # fmt: skip
_SYMBOL = {"holds": "✓", "violated": "✗", "harmless": "(✗)", "undecided": "?", "inapplicable": "–"}
_WORDS = {
    "holds": "holds", "violated": "violated", "harmless": "violated, nothing contradicted", "undecided": "undecided",
    "inapplicable": "inapplicable",
}  # fmt: skip


@paper()
def draw_verdicts(record: SweepRecord) -> tuple[Figure, pd.DataFrame] | None:
    """The gravest verdict over Q by claim, encoder, temperature and hardening.

    Args:
        record: The sweep.
    """
    grid = Grid.of(record.claims)
    claims = list(dict.fromkeys(record.claims["claim"]))
    width = 0.26 * len(grid.places) + 0.4
    columns = max(1, min(len(claims), int((1.4 * PAGE - 1.2) / width)))
    lines = math.ceil(len(claims) / columns)
    figure = Figure(figsize=(1.2 + columns * width, 0.6 + lines * (0.75 + 0.16 * grid.height)), layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False)
    data, seen = [], set()
    for i, ax in enumerate(panels.flat):
        if i >= len(claims):
            ax.remove()
            continue
        found = marks(record.claims[record.claims["claim"] == claims[i]])
        last = i % columns == columns - 1 or i == len(claims) - 1
        grid.frame(ax, names=i % columns == 0, temperatures=last)
        grid.paint(ax, [(cell, _COLOUR[m.style], _SYMBOL[m.style]) for cell, m in found.items()], fontsize=6)
        _narrow(ax, grid)
        title = str(record.manifest["catalogue"].get(claims[i], {}).get("title") or claims[i])
        ax.set_title(textwrap.fill(title, max(16, round(17 * width))), fontsize=7)
        seen |= {m.style for m in found.values()}
        data += [
            {"claim": claims[i], "encoder": encoder, "temperature": tau, "hardening": place_label(at),
             "verdict": m.verdict, "reading": m.reading}
            for (encoder, tau, at), m in found.items()
        ]  # fmt: skip
    shown = [style for style in _COLOUR if style in seen]
    figure.legend(
        handles=[Patch(facecolor=_COLOUR[s], edgecolor="0.6", linewidth=0.4, label=_key(s)) for s in shown],
        loc="outside lower center",
        ncols=len(shown),
    )
    return figure, pd.DataFrame(data)


def _narrow(ax: Axes, grid: Grid) -> None:
    """Bare numbers for betas: the panels are too narrow for more."""
    labels = [place_label(at).removeprefix("β = ") for at in grid.places]
    ax.set_xticks(ax.get_xticks(), labels, rotation=45 if max(map(len, labels)) > 3 else 0, fontsize=6)


def _key(style: str) -> str:
    return f"{_SYMBOL[style]} {_WORDS[style]}"
