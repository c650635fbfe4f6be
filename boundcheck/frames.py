"""The tables of a run: verdicts, anchors and known limits as frames with the columns of their files."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from boundcheck.claims import Judgement
from boundcheck.estimators import LossTable
from boundcheck.inference.intervals import Share
from boundcheck.losses import LossKey
from boundcheck.runs import CLAIM_COLUMNS, INFLUENCE_COLUMNS, hardening_key, loss_column


def claims_frame(judgements: list[Judgement], losses: LossTable, confidence: float) -> pd.DataFrame:
    """One row per claim, hardening and Q with the columns of claims.csv."""
    return pd.DataFrame([_claim_row(j, losses, confidence) for j in judgements], columns=CLAIM_COLUMNS)


def _claim_row(judgement: Judgement, losses: LossTable, confidence: float) -> dict[str, object]:
    row: dict[str, object] = {"claim": judgement.claim.id, "kind": judgement.claim.kind, "hardening": ""}
    finding = judgement.finding
    if finding is not None:
        low, high = finding.gap.interval(confidence)
        row |= {
            "hardening": finding.hardening or "",
            "beta": finding.beta,
            "q": finding.q,
            "lhs": finding.lhs,
            "rhs": finding.rhs,
            "gap": finding.gap.value,
            "se": finding.gap.se,
            "ci_low": low,
            "ci_high": high,
            "premise_share": finding.premise_share,
            "vacuous": bool(finding.vacuous),
            "reliable": judgement.reliable,
        }
        if isinstance(finding.premise, Share):
            row["premise_low"], row["premise_high"] = finding.premise.interval(confidence)
        if finding.share is not None:
            share_low, share_high = finding.share.interval(confidence)
            row |= {"share_holding": finding.share.value, "share_low": share_low, "share_high": share_high}
        slack = finding.slack
        table = losses if judgement.evidence is None else judgement.evidence.losses
        row["n_anchors"] = len(table.table.anchors) if slack is None else int((~torch.isnan(slack)).sum())
    return row | {
        "p_value": judgement.p_value,
        "p_holm": judgement.p_holm,
        "verdict": judgement.verdict,
        "reason": " ".join(part for part in (finding.vacuous if finding else "", judgement.reason) if part),
        "remedy": judgement.remedy,
        "configuration": judgement.configuration,
    }


def anchors_frame(losses: LossTable, critical: torch.Tensor) -> pd.DataFrame:
    """One row per anchor with the columns of anchors.parquet; `critical` is (a,) beta*, inf where there is none."""
    anchors = losses.table.anchors.numpy()
    emb = losses.emb
    instance = anchors // emb.v
    columns: dict[str, object] = {
        "id": emb.ids[instance],
        "view": anchors % emb.v,
        "label": np.array(emb.classes)[emb.y[instance]],
        "beta_star": torch.where(torch.isinf(critical), torch.nan, critical).numpy(),
    }
    for h, summary in losses.margins.items():
        name = hardening_key(h.family, np.nan if h.beta is None else h.beta)
        columns[f"margin[{name}]"] = summary.margin.numpy()
        if summary.ess is not None:
            columns[f"ess[{name}]"] = summary.ess.numpy()
    for f, key in enumerate(losses.keys):
        columns[_column(key)] = losses.losses.value[:, f].numpy()
    return _in_single_precision(pd.DataFrame(columns))


def influences_frame(losses: LossTable) -> pd.DataFrame:
    """One row per instance with the columns of influences.parquet; empty where standard errors are not read from it.

    Those are of clusters, and those that hold whenever one stops.
    """
    if losses.influence is None or losses.anytime is not None or losses.clusters is not None:
        return pd.DataFrame(columns=INFLUENCE_COLUMNS)
    emb = losses.emb
    columns: dict[str, object] = {"id": emb.ids, "label": np.array(emb.classes)[emb.y]}
    columns |= {_column(key): losses.influence[:, f].numpy() for f, key in enumerate(losses.keys)}
    return _in_single_precision(pd.DataFrame(columns))


def _column(key: LossKey) -> str:
    beta = np.nan if key.hardening.beta is None else key.hardening.beta
    return loss_column(key.loss.id, key.hardening.family, beta, key.q)


def _in_single_precision(frame: pd.DataFrame) -> pd.DataFrame:
    """Seven digits are more than any of these values has; half the size for large runs."""
    return frame.astype({name: np.float32 for name in frame if frame[name].dtype == np.float64})


def limits_frame(limits: pd.DataFrame, losses: LossTable, confidence: float) -> pd.DataFrame:
    """The exact limits with the estimates beside them, with the columns of population.csv."""
    columns = ["estimate", "se", "ci_low", "ci_high"]
    shares = [(s.share.value, s.share.se, *s.share.interval(confidence)) for s in losses.margins.values()]
    estimates = np.concatenate([losses.to_frame(confidence)[columns].to_numpy(), np.array(shares)])
    return limits.assign(**dict(zip(columns, estimates.T, strict=True)))
