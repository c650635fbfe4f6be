"""A counterexample as a picture: its points in the plane that holds most of them."""

from __future__ import annotations

import base64
import io
from html import escape

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure

from boundcheck.embeddings import EmbeddingSet
from boundcheck.report.style import COLUMN, paper

MARKERS = "osD^vP*X"
OVERLAP = 0.05  # of the radius: markers nearer than this hide each other
FEW = 8  # views whose inner products are worth a table


@paper()
def draw(emb: EmbeddingSet) -> Figure:
    """The unit circle and the points, orthogonally projected; where several coincide their classes are written out.

    Args:
        emb: unit rows. In two dimensions they are drawn as they are, else in their two leading principal directions
            (about the origin), which the axis labels say.
    """
    flat = emb.z.reshape(-1, emb.d).astype(np.float64)
    plane, share = flat, 1.0
    if emb.d > 2:
        _, size, axes = np.linalg.svd(flat, full_matrices=False)
        plane, share = flat @ axes[:2].T, float((size[:2] ** 2).sum() / (size**2).sum())
    label = emb.y.repeat(emb.v)
    figure = Figure(figsize=(COLUMN, COLUMN), layout="constrained")
    ax = figure.subplots()
    angle = np.linspace(0, 2 * np.pi, 200)
    ax.plot(np.cos(angle), np.sin(angle), color="0.6", linewidth=0.8)
    colours = sns.color_palette("colorblind", emb.c)
    for c, name in enumerate(emb.classes):
        style = {
            "color": colours[c],
            "marker": MARKERS[c % len(MARKERS)],
            "linestyle": "",
            "markersize": 6,
            "alpha": 0.8,
        }
        ax.plot(plane[label == c, 0], plane[label == c, 1], label=f"class {name}", **style)
    cells, cell = np.unique(np.round(plane / OVERLAP), axis=0, return_inverse=True)
    for i, (x, y) in enumerate(cells * OVERLAP):
        counts = np.bincount(label[cell.ravel() == i], minlength=emb.c)
        if counts.sum() > 1:
            who = ", ".join(_times(emb.classes[c], int(counts[c])) for c in np.flatnonzero(counts))
            side = "right" if x > 0 else "left"
            ax.annotate(who, (x, y), (-7 if x > 0 else 7, 7), textcoords="offset points", ha=side, fontsize=7)
    ax.set(aspect="equal", xlim=(-1.15, 1.15), ylim=(-1.15, 1.15), xticks=[-1, 0, 1], yticks=[-1, 0, 1])
    if emb.d > 2:
        ax.set_xlabel(f"first two principal directions, {share:.0%} of squared length")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=min(emb.c, 4))
    return figure


def _times(name: str, count: int) -> str:
    return name if count == 1 else f"{name}×{count}"


def html(title: str, rows: list[tuple[str, str]], emb: EmbeddingSet) -> str:
    """The facts, the picture and, for a few points, the cosines that the losses are made of."""
    facts = "".join(
        f"<tr><th>{escape(key)}</th><td style='text-align:left'>{escape(text)}</td></tr>" for key, text in rows
    )
    buffer = io.BytesIO()
    draw(emb).savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    image = base64.b64encode(buffer.getvalue()).decode()
    return (
        f"<div><b>{escape(title)}</b><table>{facts}</table>"
        f"<img alt='the points, projected' src='data:image/png;base64,{image}'>{_cosines(emb)}</div>"
    )


def _cosines(emb: EmbeddingSet) -> str:
    flat, label = emb.z.reshape(-1, emb.d), emb.y.repeat(emb.v)
    if len(flat) > FEW:
        return ""
    names = [escape(f"class {emb.classes[c]}") for c in label]
    head = "".join(f"<th>{name}</th>" for name in names)
    body = "".join(
        f"<tr><th>{name}</th>{''.join(f'<td>{value:.3f}</td>' for value in row)}</tr>"
        for name, row in zip(names, flat @ flat.T, strict=True)
    )
    return f"<table><caption>inner products</caption><tr><th></th>{head}</tr>{body}</table>"
