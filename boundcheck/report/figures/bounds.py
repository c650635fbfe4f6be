"""The mean classifier between its bounds by the contrastive loss, over the number of negatives (Bao 2022, Figure 1)."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from boundcheck.report.style import COLUMN, NEUTRAL, paper
from boundcheck.runs import Run

_UPPER = {
    "arora_upper": ("Arora 2019", "#cc79a7", "^"),
    "nozawa_sato_upper": ("Nozawa, Sato 2021", "#009e73", "s"),
    "ash_upper": ("Ash 2022", "#e69f00", "v"),
    "bao_upper": ("Bao 2022, upper", "#0064a4", "o"),
}
_LOWER = {"bao_lower": ("Bao 2022, lower", "#56b4e9", "o")}
_HIGHEST = 100.0  # nats: above, a bound says nothing


@paper()
def draw_bounds(run: Run) -> tuple[Figure, pd.DataFrame] | None:
    """Each bound over K, and the loss it bounds; bounds above 100 nats, and infinite ones, are left out.

    Args:
        run: The run.
    """
    claims = run.claims[run.claims["claim"].isin([*_UPPER, *_LOWER])].dropna(subset=["lhs", "rhs"])
    if claims.empty:
        return None
    upper = claims["claim"].isin(list(_UPPER))
    data = pd.DataFrame(
        {
            "bound": claims["claim"],
            "k": claims["q"],
            "value": claims["rhs"].where(upper, claims["lhs"]),
            "mean_classifier": claims["lhs"].where(upper, claims["rhs"]),
        }
    )
    figure = Figure(figsize=(COLUMN, 2.9), layout="constrained")
    ax = figure.subplots()
    for claim, (name, colour, marker) in (_UPPER | _LOWER).items():
        rows = data[(data["bound"] == claim) & (data["value"] <= _HIGHEST)]
        if len(rows):
            ax.plot(rows["k"], rows["value"], color=colour, marker=marker, label=name)
    ax.axhline(data["mean_classifier"].iloc[0], color=NEUTRAL, linestyle="--", label="mean classifier")
    ax.set_xscale("log", base=2)
    ax.set_yscale("symlog", linthresh=1)
    ax.margins(y=0.1)
    ax.set_xlabel("negatives K")
    ax.set_ylabel("cross-entropy (nats)")
    figure.legend(loc="outside upper center", ncols=2)
    return figure, data
