"""Draws curves.png from the tables of both runs: python results/callbacks/figure.py"""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from boundcheck.report.style import COLUMN, HOLDS, LOSS_COLOUR, LOSS_DASH, LOSS_MARKER, LOSS_NAME, NEUTRAL, PAGE, paper

HERE = Path(__file__).parent
RUNS = {
    "lightning": "H-SCL (β = 1) trained with Lightning, 4,000 images",
    "lightly": "SimCLR trained with lightly, 2,000 images",
}
COLOURS = {1.0: HOLDS, 5.0: NEUTRAL}


def band(ax: plt.Axes, rows: pd.DataFrame, names: tuple[str, str, str], **look: object) -> None:
    """A line over epochs with its interval; hollow where the interval is not to be relied on."""
    value, low, high = names
    ax.plot(rows["epoch"], rows[value], **look)
    ax.fill_between(rows["epoch"], rows[low], rows[high], color=look["color"], alpha=0.15, linewidth=0)
    doubtful = rows[~rows["reliable"]] if value == "estimate" else rows[:0]  # of the loss or gap, not of the share
    ax.plot(doubtful["epoch"], doubtful[value], look["marker"], color=look["color"], markerfacecolor="white", zorder=3)


def column(axes: list[plt.Axes], folder: Path, title: str) -> None:
    """Losses, gaps and shares of one run."""
    losses, gaps = pd.read_csv(folder / "tracking.csv"), pd.read_csv(folder / "gaps.csv")
    interval = ("estimate", "ci_low", "ci_high")
    for loss in ("ucl", "hucl", "scl", "hscl"):
        rows = losses[(losses["loss"] == loss) & (losses["loss_beta"].isna() | (losses["loss_beta"] == 1))]
        look = {"color": LOSS_COLOUR[loss], "linestyle": LOSS_DASH[loss], "marker": LOSS_MARKER[loss]}
        band(axes[0], rows, interval, label=LOSS_NAME[loss] + (" (β = 1)" if "h" in loss else ""), **look)
    axes[0].set_title(title)
    for beta, colour in COLOURS.items():
        rows = gaps[(gaps["gap"] == "hucl-hscl") & (gaps["loss_beta"] == beta)]
        band(axes[1], rows, interval, label=f"β = {beta:g}", color=colour, marker="o")
        rows = losses[(losses["loss"] == "hscl") & (losses["loss_beta"] == beta)]
        shares = ("share_holding", "share_low", "share_high")
        band(axes[2], rows, shares, label=f"β = {beta:g}", color=colour, marker="o")
    axes[1].axhline(0, color="0.6", linewidth=0.8)
    axes[2].set_xlabel("epochs")


def main() -> None:
    """One column a run, one row a quantity."""
    with paper():
        figure, axes = plt.subplots(3, 2, figsize=(PAGE, 2 * COLUMN), sharex=True, sharey="row", layout="constrained")
        for place, (name, title) in enumerate(RUNS.items()):
            column(list(axes[:, place]), HERE / name, title)
        for row, label in zip(axes, ("loss (nats)", "H-UCL less H-SCL (nats)", "share with Assumption 1"), strict=True):
            row[0].set_ylabel(label)
            row[1].legend()
        figure.savefig(HERE / "curves.png", dpi=200)


if __name__ == "__main__":
    main()
