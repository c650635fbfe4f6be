"""The anchors at which Assumption 1 fails worst, with the candidates that make it fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from boundcheck.estimators.records import LossTable
from boundcheck.pairwise.positives import BLOCK

if TYPE_CHECKING:
    from boundcheck.data import ImageSet

SHOWN = 12


def hardest_anchors(losses: LossTable) -> pd.DataFrame:
    """The anchors of least margin at the hardest exponential tilt, one view of an instance each, worst first.

    Returns:
        rank, id, view, label, margin (nats), hardening, beta, then id, label and cosine of the same-class and of the
        other-class candidate with the largest logit (other instances only). Without an exponential tilt, the untilted
        margin.
    """
    emb = losses.emb
    summary = max(losses.margins.values(), key=lambda s: (s.hardening.beta is not None, s.hardening.beta or 0.0))
    parts = torch.split(torch.from_numpy(emb.z).reshape(-1, emb.d), BLOCK)  # z may be mapped from a file
    norm = torch.cat([part.to(torch.float64).norm(dim=1) for part in parts])
    label = torch.from_numpy(emb.y).repeat_interleave(emb.v)
    order = torch.argsort(summary.margin.nan_to_num(torch.inf), stable=True)
    rows: list[dict[str, object]] = []
    seen: set[int] = set()
    for row in order.tolist():
        anchor = int(losses.table.anchors[row])
        i, view = divmod(anchor, emb.v)
        if torch.isnan(summary.margin[row]) or len(rows) == SHOWN:
            break
        if i in seen:
            continue
        seen.add(i)
        own = torch.from_numpy(emb.z[i, view]).to(torch.float64)
        product = torch.cat([part.to(torch.float64) @ own for part in parts])
        cosine = product / (norm * norm[anchor])
        product[i * emb.v : (i + 1) * emb.v] = -torch.inf
        entry: dict[str, object] = {
            "rank": len(rows) + 1,
            "id": emb.ids[i],
            "view": view,
            "label": emb.classes[emb.y[i]],
            "margin": float(summary.margin[row]),
            "hardening": summary.hardening.family,
            "beta": np.nan if summary.hardening.beta is None else summary.hardening.beta,
        }
        for group, mask in (("same", label == label[anchor]), ("diff", label != label[anchor])):
            candidate = int(torch.where(mask, product, -torch.inf).argmax())
            nearest = candidate // emb.v
            entry |= {
                f"{group}_id": emb.ids[nearest],
                f"{group}_label": emb.classes[emb.y[nearest]],
                f"{group}_cosine": float(cosine[candidate]),
            }
        rows.append(entry)
    return pd.DataFrame(rows)


def pictures_of(worst: pd.DataFrame, images: ImageSet) -> np.ndarray | None:
    """(rows, 3, ch, h, w) uint8: anchor, nearest same-class and other-class instance; None when ids do not match."""
    where = {str(name): index for index, name in enumerate(images.ids)}
    try:
        index = [[where[str(row[column])] for column in ("id", "same_id", "diff_id")] for _, row in worst.iterrows()]
    except KeyError:
        return None
    return images.images[np.array(index)] if index else None
