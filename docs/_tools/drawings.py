"""The two pictures of the site, made again by `python docs/_tools/drawings.py`.

The front figure comes from the committed runs; the drawing says how an embedding set becomes a verdict.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from boundcheck.report.style import paper

ROOT = Path(__file__).parents[2]
ASSETS = ROOT / "docs" / "assets"
ENCODERS = {"ucl": ("UCL", "#e69f00", "o"), "hucl": ("H-UCL", "#b35900", "s")}
ENCODERS |= {"scl": ("SCL", "#56b4e9", "^"), "hscl": ("H-SCL", "#0064a4", "D")}


@paper()
def front() -> Figure:
    """The gap of the main theorem on four encoders, with intervals, above the share of its premise."""
    figure = Figure(figsize=(6.4, 3.5), layout="constrained")
    gap, share = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
    for at, (name, (title, colour, marker)) in enumerate(ENCODERS.items()):
        run = ROOT / "results" / "fashion_mnist" / name
        rows = pd.read_csv(run / "claims.csv").query("claim == 'hscl_le_hucl'").reset_index(drop=True)
        premise = pd.read_csv(run / "assumption.csv").set_index("beta").loc[rows.beta]
        few = ~rows.reliable
        place = rows.index + 0.1 * (at - 1.5)
        middle, half = (rows.ci_low + rows.ci_high) / 2, (rows.ci_high - rows.ci_low) / 2
        gap.errorbar(place, middle, yerr=half, fmt="none", color=colour, capsize=2, linewidth=1)
        share.plot(place, 100 * premise.share_holding, marker, color=colour)
        for hollow in (False, True):
            drawn = few == hollow
            face = "white" if hollow else colour
            label = None if hollow else f"trained with {title}"
            gap.plot(place[drawn], middle[drawn], marker, color=colour, markerfacecolor=face, label=label)
    gap.axhline(0, color="0.4", linewidth=0.8)
    gap.set_ylabel("H-UCL − H-SCL (nats)")
    gap.legend(loc="upper right")
    gap.set_title("H-SCL ≤ H-UCL holds on all four encoders up to β = 2 (95 % intervals) …", loc="left")
    share.set_title("… although Assumption 1 fails at some anchors of every encoder", loc="left")
    share.set_ylabel("anchors where\nit holds (%)")
    share.set_ylim(72, 100)
    share.set_xticks(range(len(rows)), [f"β = {beta:g}" for beta in rows.beta])
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
