"""The anchors at which Assumption 1 fails worst, with the candidates that make it fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from boundcheck.embeddings import EmbeddingSet
from boundcheck.estimators.records import LossTable

if TYPE_CHECKING:
    from boundcheck.data import ImageSet

SHOWN = 12
_ROWS = 1 << 14  # instances at a time: z may be mapped from a file


def hardest_anchors(losses: LossTable) -> pd.DataFrame:
    """The anchors of least margin at the hardest exponential tilt, one view of an instance each, least first.

    Returns:
        rank, id, view, label, margin (nats), hardening, beta, then id, label and cosine of the same-class and of the
        other-class candidate with the largest logit (other instances only). Without an exponential tilt, the untilted
        margin.
    """
    emb = losses.emb
    summary = max(losses.margins.values(), key=lambda s: (s.hardening.beta is not None, s.hardening.beta or 0.0))
    rows = _least(summary.margin, losses.table.anchors, emb.v)
    if not rows:
        return pd.DataFrame()
    anchors = losses.table.anchors[rows]
    nearest = _nearest(emb, anchors)
    z = torch.from_numpy(emb.z)
    out = []
    for rank, (row, anchor) in enumerate(zip(rows, anchors.tolist(), strict=True)):
        i, view = divmod(anchor, emb.v)
        entry: dict[str, object] = {
            "rank": rank + 1,
            "id": emb.ids[i],
            "view": view,
            "label": emb.classes[emb.y[i]],
            "margin": float(summary.margin[row]),
            "hardening": summary.hardening.family,
            "beta": np.nan if summary.hardening.beta is None else summary.hardening.beta,
        }
        own = z[i, view].to(torch.float64)
        for place, group in enumerate(("same", "diff")):
            j, other_view = divmod(int(nearest[place, rank]), emb.v)
            other = z[j, other_view].to(torch.float64)
            entry |= {
                f"{group}_id": emb.ids[j],
                f"{group}_label": emb.classes[emb.y[j]],
                f"{group}_cosine": float(own @ other / (own.norm() * other.norm())),
            }
        out.append(entry)
    return pd.DataFrame(out)


def _least(margin: torch.Tensor, anchors: torch.Tensor, v: int) -> list[int]:
    """Rows of the least margins, one of each instance."""
    rows: list[int] = []
    seen: set[int] = set()
    for row in torch.argsort(margin.nan_to_num(torch.inf), stable=True).tolist():
        if torch.isnan(margin[row]) or len(rows) == SHOWN:
            break
        if (i := int(anchors[row]) // v) not in seen:
            seen.add(i)
            rows.append(row)
    return rows


def _nearest(emb: EmbeddingSet, anchors: torch.Tensor) -> torch.Tensor:
    """(2, a) the views of other instances with the largest logit, of the anchor's class and of others."""
    z, y = torch.from_numpy(emb.z), torch.from_numpy(emb.y)
    own, label = z[anchors // emb.v, anchors % emb.v].to(torch.float64), y[anchors // emb.v]
    best = torch.full((2, len(anchors)), -torch.inf, dtype=torch.float64)
    place = torch.zeros(2, len(anchors), dtype=torch.long)
    for start in range(0, emb.n, _ROWS):
        part, of = z[start : start + _ROWS].flatten(0, 1).to(torch.float64), y[start : start + _ROWS]
        instance = torch.arange(start, start + len(of)).repeat_interleave(emb.v)
        product = (own @ part.T).masked_fill(instance == (anchors // emb.v)[:, None], -torch.inf)
        same = label[:, None] == of.repeat_interleave(emb.v)
        for group, mask in enumerate((same, ~same)):
            top, at = torch.where(mask, product, -torch.inf).max(1)
            better = top > best[group]
            best[group], place[group] = (
                torch.where(better, top, best[group]),
                torch.where(better, start * emb.v + at, place[group]),
            )
    return place


def pictures_of(worst: pd.DataFrame, images: ImageSet) -> np.ndarray | None:
    """(rows, 3, ch, h, w) uint8: anchor, nearest same-class and other-class instance; None when ids do not match."""
    where = {str(name): index for index, name in enumerate(images.ids)}
    try:
        index = [[where[str(row[column])] for column in ("id", "same_id", "diff_id")] for _, row in worst.iterrows()]
    except KeyError:
        return None
    return images.images[np.array(index)] if index else None
