"""One encoder of a comparison: what was estimated of it, and the influence of every instance on that."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from boundcheck.estimators import LossTable
from boundcheck.estimators.exact import exact, pair_plan
from boundcheck.estimators.reliability import FEWEST
from boundcheck.inference.influence import standard_error, top_share
from boundcheck.inference.intervals import Estimate
from boundcheck.inference.seeds import Part, freedom_of
from boundcheck.losses import LOSSES, LossKey
from boundcheck.runs import Run, loss_column, records
from boundcheck.spec import Execution

GAPS = {"ucl - scl": ("scl_le_ucl", "ucl", "scl"), "hucl - hscl": ("hscl_le_hucl", "hucl", "hscl")}
"""Gaps that are compared: the claim about them, and the two losses."""


@dataclass(frozen=True)
class Quantity:
    """What is compared.

    Attributes:
        name: a loss, or a gap such as "hucl - hscl".
        hardening: as in losses.csv.
        beta: of an exponential tilt; None where there is none.
        q: Q.
        of: the class of the anchors it is averaged over; empty for all.
    """

    name: str
    hardening: str
    beta: float | None
    q: float
    of: str = ""


@dataclass(frozen=True)
class Value:
    """One quantity of one encoder.

    Attributes:
        estimate: nats, less its bias.
        part: its error over samples of instances.
        reliable: whether it may be relied on, see `estimators.reliability`.
        influence: (n,) of the instances in the order of the member's ids; None where it was not kept.
    """

    estimate: float
    part: Part
    reliable: bool
    influence: np.ndarray | None


@dataclass(frozen=True)
class Member:
    """One encoder.

    Attributes:
        name: of the encoder.
        method: what it is a seed of.
        manifest: of its run.
        ids, labels: (n,) of its instances, by id; empty where they were not kept.
        values: of every quantity.
    """

    name: str
    method: str
    manifest: Mapping[str, Any]
    ids: np.ndarray
    labels: np.ndarray
    values: Mapping[Quantity, Value]


def member_of(name: str, method: str, run: Run, by_class: Mapping[str, LossTable] | None = None) -> Member:
    """An encoder by its run.

    Args:
        name: of the encoder.
        method: what it is a seed of.
        run: of it.
        by_class: its losses over the anchors of each class, see `losses_by_class`.
    """
    order = np.argsort(run.influences["id"].to_numpy(dtype=str), kind="stable")
    rows = run.influences.iloc[order]
    values = dict(_of_run(run, rows))
    for label, table in (by_class or {}).items():
        values |= _of_class(label, table, order, values)
    ids, labels = (rows[column].to_numpy(dtype=str) for column in ("id", "label"))
    return Member(name, method, run.manifest, ids, labels, values)


def part_of(influence: np.ndarray) -> Part:
    """The error of an average over samples of instances, from their influences (n,)."""
    values = torch.from_numpy(np.array(influence, dtype=np.float64))
    se = standard_error(values)
    return Part(se, Estimate(0.0, 0.0, se, top_share(values)).freedom)


def _of_run(run: Run, influences: pd.DataFrame) -> Iterator[tuple[Quantity, Value]]:
    """Every loss of the limit, then the gaps between them."""
    confidence = float(run.manifest["config"]["confidence"])
    found: dict[Quantity, Value] = {}
    for row in records(run.losses[run.losses["k"].isna() & run.losses["estimate"].notna()]):
        column = loss_column(row.loss, row.hardening, row.beta, row.q)
        kept = influences[column].to_numpy(dtype=float) if column in influences else None
        value = Value(row.estimate, _part(row, confidence, kept), _true(row.reliable), kept)
        found[Quantity(row.loss, row.hardening, _beta(row.beta), row.q)] = value
    yield from found.items()
    claims = {(row.claim, row.hardening, _beta(row.beta), row.q): row for row in records(run.claims)}
    for name, (claim, high, low) in GAPS.items():
        for at, above in found.items():
            below = found.get(Quantity(low, at.hardening, at.beta, at.q)) if at.name == high else None
            if below is None:
                continue
            row = claims.get((claim, at.hardening, at.beta, at.q))
            reliable = above.reliable and below.reliable if row is None else _true(row.reliable)
            gap = above.estimate - below.estimate
            both = above.influence is not None and below.influence is not None
            if both:
                kept = above.influence - below.influence  # type: ignore[operator]
                value = Value(gap, part_of(kept), reliable, kept)
            elif row is not None and math.isfinite(row.gap):
                value = Value(gap, _part(row, confidence, None), reliable, None)
            else:  # two standard errors say nothing of that of a difference
                continue
            yield Quantity(name, at.hardening, at.beta, at.q), value


def _part(row: Any, confidence: float, influence: np.ndarray | None) -> Part:
    """The standard error of a row, with the degrees of freedom of its influences or, without, of its interval."""
    if influence is not None:
        return part_of(influence)
    half = (row.ci_high - row.ci_low) / 2
    return Part(row.se, freedom_of(half / row.se, confidence)) if row.se > 0 else Part(row.se)


def losses_by_class(losses: LossTable, execution: Execution) -> dict[str, LossTable]:
    """The losses averaged over the anchors of each class, against the pools of all instances.

    Classes of one instance are left out: nothing can be said of others of theirs. Together they take as many pairs as
    the losses over all anchors.

    Args:
        losses: over all anchors, or sampled ones.
        execution: device and precision.
    """
    emb, variant, anchors = losses.emb, losses.variant, losses.table.anchors
    plan = pair_plan(emb, variant, execution)
    label = torch.from_numpy(emb.y)[anchors // emb.v]
    found = {}
    for code, name in enumerate(emb.classes):
        own = anchors[label == code]
        if emb.class_counts[code] > 1 and len(own) > 1:
            found[name] = exact(emb, variant, execution, anchors=own, plan=plan)
    return found


def _of_class(
    label: str, table: LossTable, order: np.ndarray, overall: Mapping[Quantity, Value]
) -> dict[Quantity, Value]:
    """The quantities of one class; relied on where those of all anchors are, and there are instances enough of it."""
    assert table.influence is not None, "estimated with intervals"
    n, count = table.emb.n, int(table.emb.class_counts[table.emb.classes.index(label)])
    # `standard_error` divides by n - 1, and the anchors' own part is an average over the class; strata allow for it.
    scale = 1.0 if table.variant.stratified else math.sqrt(count / (count - 1) * (n - 1) / n)

    def value(keys: tuple[LossKey, ...], whole: Quantity) -> Value:
        assert table.influence is not None
        influence = scale * (table.influence @ table.signs(keys)).numpy()[order]
        known = overall.get(whole)
        reliable = count >= FEWEST and known is not None and known.reliable and table.doubt(keys) is None
        return Value(table.contrast(keys).value, part_of(influence), reliable, influence)

    out: dict[Quantity, Value] = {}
    for key in table.keys:
        at = (key.hardening.family, key.hardening.beta, key.q)
        out[Quantity(key.loss.id, *at, of=label)] = value((key,), Quantity(key.loss.id, *at))
    for key in table.keys:
        for name, (_, high, low) in GAPS.items():
            below = LossKey(LOSSES[low], key.hardening, key.q)
            if key.loss.id == high and below in table.keys:
                at = (key.hardening.family, key.hardening.beta, key.q)
                out[Quantity(name, *at, of=label)] = value((below, key), Quantity(name, *at))
    return {quantity: found for quantity, found in out.items() if math.isfinite(found.estimate)}


def _beta(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _true(value: Any) -> bool:
    """A cell that is true or false, or empty where nothing was judged."""
    return bool(value) and value == value


def quantities_of(members: Sequence[Member]) -> tuple[Quantity, ...]:
    """What was estimated of every member, in the order of the first."""
    return tuple(q for q in members[0].values if all(q in member.values for member in members))
