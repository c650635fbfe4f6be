"""Every verdict of an atlas in one figure: sets down, claims across, temperatures side by side."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from boundcheck.atlas_record import AtlasRecord
from boundcheck.report.atlas.axis import height, name_lines, name_modalities, places
from boundcheck.report.atlas.summary import SCENARIO, THEOREM_1, tested
from boundcheck.report.figures._hollow import draw_marks
from boundcheck.report.overview import gravest, mark
from boundcheck.report.style import FAILS, HOLDS, paper
from boundcheck.report.words import hardening_label
from boundcheck.runs import records

_COLOUR = {
    "holds": HOLDS, "vacuous": "#9cc3e0", "undecided": "#9a9a9a", "harmless": "#e9a13b", "violated": FAILS,
}  # fmt: skip
_MARKER = {"holds": "s", "vacuous": "s", "undecided": "D", "harmless": "o", "violated": "X"}
_WORDS = {
    "holds": "holds, occurs", "vacuous": "vacuous", "undecided": "undecided",
    "harmless": "does not occur; violated where the premise fails", "violated": "contradicted",
}  # fmt: skip
_COLUMN = 0.27  # inches


@paper()
def draw_atlas_verdicts(record: AtlasRecord) -> tuple[Figure, pd.DataFrame] | None:
    """The gravest verdict over Q (and β, but for Theorem 1 and its scenario) by set, claim and temperature.

    Bounds on few-shot error have shots in the place of temperatures.

    Args:
        record: the atlas.
    """
    data = pd.DataFrame(_marks(record))
    if data.empty:
        return None
    at = places(record.frame)
    columns = list(dict.fromkeys(data["column"]))
    figure = Figure(figsize=(2.6 + _COLUMN * len(columns), 2.4 + height(at)), layout="constrained")
    ax = figure.subplots()
    name_lines(ax, at)
    name_modalities(ax, at)
    for edge in range(len(columns) + 1):
        ax.axvline(edge - 0.5, color="0.9", linewidth=0.5, zorder=0)
    for style, rows in data.groupby("style"):
        x = [columns.index(row.column) + row.offset for row in records(rows)]
        y = [at[row.data, row.modality, row.encoder] for row in records(rows)]
        draw_marks(ax, x, y, rows["reliable"].to_numpy(bool), color=_COLOUR[str(style)], marker=_MARKER[str(style)],
                   markersize=3.2, markeredgewidth=0.7)  # fmt: skip
    ax.set_xlim(-0.6, len(columns) - 0.4)
    ax.set_xticks(range(len(columns)), columns, rotation=90, fontsize=6.5)
    ax.grid(False)
    handles = [
        Line2D([], [], color=_COLOUR[style], marker=_MARKER[style], linestyle="", label=_WORDS[style])
        for style in _COLOUR
        if style in set(data["style"])
    ]
    hollow = Line2D([], [], color="0.3", marker="s", linestyle="", markerfacecolor="none", label="hollow: unreliable")
    figure.legend(handles=[*handles, hollow], loc="outside upper center", ncols=3)
    return figure, data.drop(columns=["offset"])


def _marks(record: AtlasRecord) -> Iterator[dict[str, object]]:
    """One mark per set, column and temperature or shots."""
    frame = tested(record.frame)
    frame = frame.assign(
        column=[_column(row) for row in records(frame)],
        place=frame["temperature"].fillna(frame["shots"]),
        reliable=frame["reliable"].fillna(1),
    )
    order = {column: i for i, column in enumerate(dict.fromkeys(frame["column"]))}
    steps = {
        True: sorted(frame.loc[frame["temperature"].notna(), "place"].unique()),
        False: sorted(frame.loc[frame["temperature"].isna(), "place"].unique()),
    }
    keys = ["column", "data", "modality", "encoder", "place"]
    for (column, data, modality, encoder, place), rows in sorted(
        frame.groupby(keys, sort=False), key=lambda group: order[group[0][0]]
    ):
        found = gravest([mark(row) for row in records(rows)])
        of = steps[bool(rows["temperature"].notna().all())]
        offset = 0.0 if len(of) == 1 else 0.6 * (of.index(place) / (len(of) - 1) - 0.5)
        yield dict(
            data=data, modality=modality, encoder=encoder, column=column,
            temperature=rows["temperature"].iloc[0], shots=rows["shots"].iloc[0], verdict=found.verdict,
            reading=found.reading, style=found.style, reliable=bool((rows["reliable"] == 1).all()), offset=offset,
        )  # fmt: skip


def _column(row: object) -> str:
    """The claim, and its hardening where that has a column of its own."""
    claim, beta = row.claim, row.beta  # type: ignore[attr-defined]
    split = claim in (THEOREM_1, SCENARIO) and not math.isnan(beta)
    return f"{claim}, {hardening_label('exp', beta)}" if split else str(claim)
