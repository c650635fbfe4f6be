"""Every verdict of an atlas in one figure: sets down, claims across, temperatures side by side."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from boundcheck.atlas_record import SETS, AtlasRecord
from boundcheck.atlas_summary import SCENARIO, THEOREM_1
from boundcheck.hardening import hardening_label
from boundcheck.report.atlas.axis import Set, height, name_lines, name_modalities, places
from boundcheck.report.figures._hollow import draw_marks
from boundcheck.report.overview import gravest, mark
from boundcheck.report.style import FAILS, HOLDS, paper
from boundcheck.runs import about_population, records

_COLOUR = {
    "holds": HOLDS, "vacuous": "#a9cde8", "undecided": "#9a9a9a", "harmless": "#e9a13b", "violated": FAILS,
}  # fmt: skip
_MARKER = {"holds": "s", "vacuous": "s", "undecided": "D", "harmless": "o", "violated": "X"}
_WORDS = {
    "holds": "holds, occurs", "vacuous": "holds: vacuous, or no better than a guess", "undecided": "undecided",
    "harmless": "does not occur; violated where the premise fails", "violated": "contradicted",
}  # fmt: skip
_COLUMN, _NAMES = 0.29, 1.35  # of a column, and of the claims' names below the lines, inches


@paper()
def draw_atlas_verdicts(record: AtlasRecord) -> tuple[Figure, pd.DataFrame] | None:
    """The gravest verdict over Q (and β, but for Theorem 1 and its scenario) by set, claim and temperature.

    Above what is claimed of the losses, below what bounds error and cross-entropy. Bounds on few-shot error have shots
    in the place of temperatures.

    Args:
        record: the atlas.
    """
    data = pd.DataFrame(_marks(record))
    if data.empty:
        return None
    at = places(record.frame)
    halves = [half for bound in (False, True) if len(half := data[data["bound"] == bound])]
    widest = max(half["column"].nunique() for half in halves)
    size = (2.6 + _COLUMN * widest, 0.6 + len(halves) * (_NAMES + height(at)))
    figure = Figure(figsize=size, layout="constrained")
    for ax, half in zip(figure.subplots(len(halves), 1, squeeze=False)[:, 0], halves, strict=True):
        _draw(ax, half, at, widest)
    handles = [
        Line2D([], [], color=_COLOUR[style], marker=_MARKER[style], linestyle="", label=_WORDS[style])
        for style in _COLOUR
        if style in set(data["style"])
    ]
    hollow = Line2D([], [], color="0.3", marker="s", linestyle="", markerfacecolor="none", label="hollow: unreliable")
    figure.legend(handles=[*handles, hollow], loc="outside upper center", ncols=3)
    return figure, data.drop(columns=["offset", "bound"])


def _draw(ax: Axes, data: pd.DataFrame, at: dict[Set, float], widest: int) -> None:
    """One panel, as wide as the widest."""
    columns = list(dict.fromkeys(data["column"]))
    name_lines(ax, at)
    name_modalities(ax, at)
    for edge in range(len(columns) + 1):
        ax.axvline(edge - 0.5, color="0.9", linewidth=0.5, zorder=0)
    for style, rows in data.groupby("style"):
        x = [columns.index(row.column) + row.offset for row in records(rows)]
        y = [at[row.data, row.modality, row.encoder] for row in records(rows)]
        draw_marks(ax, x, y, rows["reliable"].to_numpy(bool), color=_COLOUR[str(style)], marker=_MARKER[str(style)],
                   markersize=3.4, markeredgewidth=0.7)  # fmt: skip
    ax.set_xlim(-0.6, widest - 0.4)
    ax.set_xticks(range(len(columns)), columns, rotation=90, fontsize=6.5)
    ax.grid(False)


def _marks(record: AtlasRecord) -> Iterator[dict[str, Any]]:
    """One mark per column, set and temperature or shots."""
    frame = about_population(record.frame)
    bounds = set(frame.loc[frame["informative"].notna(), "claim"])
    frame = frame.assign(
        column=[_column(row) for row in records(frame)],
        place=frame["temperature"].fillna(frame["shots"]),
        reliable=frame["reliable"].fillna(1),
    )
    steps = {
        of_shots: sorted(frame.loc[frame["temperature"].isna() == of_shots, "place"].unique())
        for of_shots in (True, False)
    }
    for column, of_column in frame.groupby("column", sort=False):
        for key, rows in of_column.groupby([*SETS, "place"], sort=False):
            found = gravest([mark(row) for row in records(rows)])
            first: Any = next(records(rows))
            of = steps[bool(pd.isna(first.temperature))]
            guess = found.style == "holds" and (rows["informative"] == 0).any()
            yield dict(zip([*SETS, "place"], key, strict=True)) | dict(
                column=column, temperature=first.temperature, shots=first.shots, verdict=found.verdict,
                reading="no better than a guess" if guess else found.reading,
                style="vacuous" if guess else found.style, reliable=bool((rows["reliable"] == 1).all()),
                offset=0.0 if len(of) == 1 else 0.6 * (of.index(first.place) / (len(of) - 1) - 0.5),
                bound=first.claim in bounds,
            )  # fmt: skip


def _column(row: Any) -> str:
    """The claim, and its hardening where that has a column of its own."""
    split = row.claim in (THEOREM_1, SCENARIO) and not math.isnan(row.beta)
    return f"{row.claim}, {hardening_label('exp', row.beta)}" if split else str(row.claim)
