"""The two pictures of the site, made again by `python docs/_tools/drawings.py`.

The front figure comes from results/front; the drawing says how an embedding set becomes a verdict.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from boundcheck.report.figures._hollow import draw_marks
from boundcheck.report.style import LOSS_COLOUR, LOSS_MARKER, NEUTRAL, loss_name, paper

ROOT = Path(__file__).parents[2]
ASSETS = ROOT / "docs" / "assets"
_SAID = (
    "Convnets trained with the loss named on 2,000 Fashion-MNIST images (seed 0), measured on all {n:,} test images,\n"
    "{views} views each; temperature {temperature:g}, Q = {q:g}. Bars: 95 % intervals. Hollow: not to be relied on,\n"
    "as one image carries more than half of the variance."
)


@paper()
def front() -> Figure:
    """The gap of the main theorem on four encoders, with intervals, above the share of its premise."""
    table = pd.read_csv(ROOT / "results" / "front" / "gaps.csv")
    decided = table[table.beta <= 2]
    assert (decided.verdict == "holds").all() and (decided.premise_high < 1).all()  # what the titles say
    figure = Figure(figsize=(6.8, 4.1), layout="constrained")
    gap, share = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1.1])
    betas = sorted(table.beta.unique())
    for at, (loss, rows) in enumerate(table.groupby("trained_with", sort=False)):
        style = {"color": LOSS_COLOUR[str(loss)], "marker": LOSS_MARKER[str(loss)]}
        place = [betas.index(beta) + 0.1 * (at - 1.5) for beta in rows.beta]
        gap.vlines(place, rows.ci_low, rows.ci_high, color=style["color"], linewidth=1.4)
        share.vlines(place, 100 * rows.premise_low, 100 * rows.premise_high, color=style["color"], linewidth=1.4)
        sure = rows.reliable.astype(bool).to_numpy()
        draw_marks(gap, place, rows.gap.tolist(), sure, markersize=4.5, **style)
        draw_marks(share, place, (100 * rows.premise_share).tolist(), np.ones(len(rows), bool), markersize=4, **style)
        gap.plot([], [], linestyle="", markersize=4.5, label=f"trained with {loss_name(str(loss))}", **style)
    gap.axhline(0, color="0.3", linewidth=0.9)
    gap.set_ylabel("H-UCL − H-SCL (nats)")
    gap.legend(loc="lower left", ncols=2)
    gap.set_title("Theorem 1: H-SCL ≤ H-UCL, if Assumption 1 holds at every anchor. "
                  "On these four encoders\nthe gap lies above zero at β = 0.5, 1 and 2 …", loc="left")  # fmt: skip
    least, most = (100 * (1 - decided.premise_share.agg(each)) for each in ("max", "min"))
    share.set_title(f"… although Assumption 1 fails there at {least:.0f} to {most:.0f} % of the anchors", loc="left")
    share.set_ylabel("anchors where\nit holds (%)")
    share.set_xticks(range(len(betas)), [f"β = {beta:g}" for beta in betas])
    share.set_xlabel(_SAID.format(**table.iloc[0]), fontsize=6.2, color=NEUTRAL, loc="left", labelpad=8)
    return figure


BOXES = {  # name: (column, row, title, lines)
    "data": (0, 0, "Embedding set", ["z (n, V, d), labels y", "or encoder + images"]),
    "variant": (0, 1, "Variant", ["temperature, tilts, Q,", "positives, prior"]),
    "plan": (1, 0, "Pairs", ["logits of all ordered pairs", "in tiles, never n × n — (1)"]),
    "sums": (1, 1, "First pass: log-sums", ["per anchor, same and diff,", "a few powers of eᵗ — (10)"]),
    "losses": (2, 0, "Losses", ["tilted means ρ, positives", "at every Q — (6) to (9)"]),
    "margin": (2, 1, "Margins", ["ρ same − ρ diff: Assumption 1", "at every anchor — (23)"]),
    "jackknife": (2, 2, "Second pass: jackknife", ["bias, influences,", "effective sample — (50) to (58)"]),
    "claims": (3, 0, "Claims", ["requirements met?", "gap and its interval — (63)"]),
    "premise": (3, 1, "Premise", ["at which share of anchors", "does it hold? — (59)"]),
    "verdict": (3, 2, "Verdict", ["holds · violated · premise fails", "occurs · undecided · vacuous"]),
}
ARROWS = [
    ("data", "plan"), ("variant", "sums"), ("plan", "sums"), ("sums", "losses"), ("sums", "margin"),
    ("margin", "jackknife"), ("losses", "claims"), ("margin", "premise"), ("jackknife", "verdict"),
    ("claims", "premise"), ("premise", "verdict"),
]  # fmt: skip
WIDTH, HEIGHT, STEP_X, STEP_Y = 236, 84, 276, 120


def flow() -> str:
    """How an embedding set becomes a verdict, as SVG."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {3 * STEP_X + WIDTH + 20} {2 * STEP_Y + HEIGHT + 20}" '
        'font-family="DejaVu Sans, Verdana, sans-serif" role="img">',
        "<title>How an embedding set becomes a verdict</title>",
        '<defs><marker id="tip" markerWidth="8" markerHeight="8" refX="7" refY="4" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z" fill="#444"/></marker></defs>',
        '<rect width="100%" height="100%" rx="8" fill="#fff"/>',
    ]
    for start, end in ARROWS:
        parts.append(_arrow(BOXES[start][:2], BOXES[end][:2]))
    for column, row, title, lines in BOXES.values():
        x, y = 10 + column * STEP_X, 10 + row * STEP_Y
        fill = "#dcebf7" if title == "Verdict" else "#f4f4f1"
        parts.append(f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6" fill="{fill}" stroke="#444"/>')
        head = f'<text x="{x + 12}" y="{y + 26}" font-size="15" font-weight="bold">'
        parts.append(f"{head}{escape(title)}</text>")
        for index, line in enumerate(lines):
            parts.append(f'<text x="{x + 12}" y="{y + 50 + 20 * index}" font-size="12.5">{escape(line)}</text>')
    return "\n".join([*parts, "</svg>\n"])


def _arrow(start: tuple[int, int], end: tuple[int, int]) -> str:
    (c0, r0), (c1, r1) = start, end
    left, top = 10 + c0 * STEP_X, 10 + r0 * STEP_Y
    if c0 == c1:
        x, y = left + WIDTH / 2, top + HEIGHT
        return f'<line x1="{x}" y1="{y}" x2="{x}" y2="{10 + r1 * STEP_Y - 2}" stroke="#444" marker-end="url(#tip)"/>'
    x, y = left + WIDTH, top + HEIGHT / 2
    x2, y2 = 10 + c1 * STEP_X - 2, 10 + r1 * STEP_Y + HEIGHT / 2
    return f'<line x1="{x}" y1="{y}" x2="{x2}" y2="{y2}" stroke="#444" marker-end="url(#tip)"/>'


if __name__ == "__main__":
    ASSETS.mkdir(exist_ok=True)
    front().savefig(ASSETS / "front.png", dpi=200)
    (ASSETS / "verdict.svg").write_text(flow(), encoding="utf-8")
