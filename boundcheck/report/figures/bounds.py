"""The mean classifier between its bounds by the contrastive loss, over the number of negatives (Bao 2022, Figure 1)."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from boundcheck.report.figures._pointing import say_at
from boundcheck.report.format import number
from boundcheck.report.style import COLUMN, NEUTRAL, paper
from boundcheck.runs import Run, of_own, records

_UPPER = {
    "arora_upper": ("Arora 2019", "#d6629f", "^"),
    "nozawa_sato_upper": ("Nozawa, Sato 2021", "#2a7f4f", "s"),
    "ash_upper": ("Ash 2022", "#f5cf66", "v"),
    "bao_upper": ("Bao 2022, upper", "#003f73", "o"),
}
_LOWER = {"bao_lower": ("Bao 2022, lower", "#7cb9ea", "D")}
BOUNDS = _UPPER | _LOWER
_HIGHEST = 100.0  # nats: above, a bound says nothing


@paper()
def draw_bounds(run: Run) -> tuple[Figure, pd.DataFrame] | None:
    """Each bound over K, and the loss it bounds; bounds above 100 nats, and infinite ones, are left out.

    Args:
        run: The run.
    """
    data = bounds_data(run.claims)
    if data.empty:
        return None
    figure = Figure(figsize=(COLUMN, 2.9), layout="constrained")
    bounds_on(figure.subplots(), data)
    figure.legend(loc="outside upper center", ncols=2)
    return figure, data


def bounds_data(claims: pd.DataFrame) -> pd.DataFrame:
    """Of claims.csv, what is drawn: bound, k, its value, the mean classifier's loss, nats; of all the data alone."""
    claims = of_own(claims)
    rows = claims[claims["claim"].isin(list(BOUNDS))].dropna(subset=["lhs", "rhs"])
    upper = rows["claim"].isin(list(_UPPER))
    return pd.DataFrame(
        {
            "bound": rows["claim"],
            "k": rows["q"],
            "value": rows["rhs"].where(upper, rows["lhs"]),
            "mean_classifier": rows["lhs"].where(upper, rows["rhs"]),
        }
    )


def bounds_on(ax: Axes, data: pd.DataFrame) -> None:
    """The bounds over K and the loss between them, without a legend.

    Args:
        ax: Where.
        data: See `bounds_data`.
    """
    for claim, (name, colour, marker) in BOUNDS.items():
        rows = data[(data["bound"] == claim) & (data["value"] <= _HIGHEST)]
        if len(rows):
            ax.plot(rows["k"], rows["value"], color=colour, marker=marker, label=name)
            words = [f"{name}, K = {row.k:g}: {number(row.value)} nats, exact on these data" for row in records(rows)]
            say_at(ax, rows["k"].tolist(), rows["value"].tolist(), words)
    ax.axhline(data["mean_classifier"].iloc[0], color=NEUTRAL, linestyle="--", label="mean classifier")
    ax.set_xscale("log", base=2)
    ax.set_yscale("symlog", linthresh=1)
    ax.margins(y=0.1)
    ax.set_xlabel("negatives K")
    ax.set_ylabel("cross-entropy (nats)")
