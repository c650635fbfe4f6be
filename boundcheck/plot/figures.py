"""Figures of one run, each on the axes you give. Every function returns the axes, with a legend where there is one.

No function changes matplotlib's settings: draw inside `style(...)` or with settings of your own. Marks that are not to
be relied on are hollow; losses differ in colour, in lightness, in dash and in marker.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from boundcheck.errors import InputError, unknown_name
from boundcheck.hardening import hardening_label
from boundcheck.options import one_of
from boundcheck.report.downstream_figure import draw_downstream
from boundcheck.report.figures._axis import HardnessAxis
from boundcheck.report.figures._hollow import legend_entries
from boundcheck.report.figures._panels import limit_rows, loss_at
from boundcheck.report.figures.assumption import assumption_on
from boundcheck.report.figures.beta_star import beta_star_on
from boundcheck.report.figures.bounds import bounds_data, bounds_on
from boundcheck.report.figures.crossing import crossing_on
from boundcheck.report.figures.finite_k import finite_k_on
from boundcheck.report.figures.forest import forest_height, forest_on, forest_rows
from boundcheck.report.figures.gap import gap_on, gap_rows, verdict_marks
from boundcheck.report.figures.hardest_anchors import grid_size, hardest_on
from boundcheck.report.figures.losses import losses_on
from boundcheck.report.figures.margin import margin_edges, margin_on, margins_of
from boundcheck.report.format import percent
from boundcheck.report.sources import run_of, table_of, titles_of
from boundcheck.report.style import loss_style
from boundcheck.report.words import q_label
from boundcheck.runs import hardening_key, of_own

_LOSSES = ("loss", "hardening", "beta", "q", "k", "estimate", "ci_low", "ci_high")
_CLAIMS = ("claim", "kind", "hardening", "beta", "q", "gap", "ci_low", "ci_high", "verdict")
_SHARES = ("hardening", "beta", "share_holding", "share_low", "share_high")
_FINITE = ("loss", "hardening", "beta", "q", "k", "plugin", "gap_plugin", "gap_predicted", "minibatch", "minibatch_se")
_POOLS = {"all": ("ucl", "hucl"), "other": ("scl", "hscl")}


def losses(v: Any, ax: Axes | None = None, q: float | None = None) -> Axes:
    """The four losses against hardness, with confidence bands, nats.

    Args:
        v: A `Verification`, a `Run`, the folder of a saved run, or a frame with the columns of losses.csv.
        ax: Where; new axes by default.
        q: Which Q; the first by default.

    Raises:
        InputError: `v` is something else, it has no losses, or it has none of this Q.

    Examples:
        >>> import boundcheck as bc
        >>> import numpy as np
        >>> y = np.arange(60) % 3
        >>> z = np.eye(3, 8)[y] + 0.3 * np.random.default_rng(0).standard_normal((60, 8))
        >>> v = bc.verify(bc.EmbeddingSet(z, y), betas=[1, 2], claims="hscl_le_hucl")
        >>> with bc.plot.style("icml"):
        ...     ax = bc.plot.losses(v)
        >>> ax.get_ylabel()
        'loss (nats)'
    """
    rows = _some(limit_rows(table_of(v, "losses", _LOSSES)), "a loss")
    rows, title = _of_q(rows, q)
    ax = _axes(ax)
    losses_on(ax, HardnessAxis.of(rows), rows)
    return _finished(ax, title)


def gap(v: Any, ax: Axes | None = None, claim: str = "hscl_le_hucl", q: float | None = None) -> Axes:
    """The gap of one claim against hardness with its interval, nats: above zero the inequality holds.

    A circle is a verdict that holds, a cross one that does not, a square one that is undecided. H-UCL − H-SCL starts at
    η = 1, where it is UCL − SCL.

    Args:
        v: A `Verification`, a `Run`, the folder of a saved run, or a frame with the columns of claims.csv.
        ax: Where; new axes by default.
        claim: Its id.
        q: Which Q; the first by default.

    Raises:
        InputError: `v` is something else, or has no gap of this claim.
    """
    table = table_of(v, "claims", _CLAIMS)
    if claim not in set(table["claim"]):
        raise unknown_name("claim", claim, dict.fromkeys(table["claim"]))
    rows, title = _of_q(_some(gap_rows(table, claim), f"a gap of {claim}"), q)
    ax = _axes(ax)
    gap_on(ax, rows, claim)
    return _with_legend(ax, verdict_marks(ax, rows), title)


def crossing(v: Any, ax: Axes | None = None, q: float | None = None) -> Axes:
    """H-SCL and UCL against hardness, and the hardness from which H-SCL is the larger, nats.

    Args:
        v: A `Verification`, a `Run` or the folder of a saved run.
        ax: Where; new axes by default.
        q: Which Q; the first by default.

    Raises:
        InputError: `v` is something else, or lacks one of the two losses.
    """
    run = run_of(v)
    rows, title = _of_q(_some(limit_rows(run.losses), "a loss"), q)
    for loss in ("ucl", "hscl"):
        _some(loss_at(rows, loss), f"the loss {loss}")
    rows = rows[rows["loss"].isin(["ucl", "scl", "hscl"])]
    ax = _axes(ax)
    ax.set_title(title)
    crossing_on(ax, HardnessAxis.of(rows), rows, run.manifest.get("crossing", []), float(rows["q"].iloc[0]))
    return _finished(ax, ax.get_title())


def premise(v: Any, ax: Axes | None = None) -> Axes:
    """The share of anchors that satisfy Assumption 1 against hardness, per cent.

    Args:
        v: A `Verification`, a `Run`, the folder of a saved run, or a frame with the columns of assumption.csv.
        ax: Where; new axes by default.

    Raises:
        InputError: `v` is something else, or has no share.
    """
    rows = table_of(v, "assumption", _SHARES).dropna(subset=["share_holding"])
    rows = _some(rows, "a share of Assumption 1")
    ax = _axes(ax)
    assumption_on(ax, rows)
    return _finished(ax, "")


def margin(v: Any, ax: Axes | None = None, beta: float | None = None) -> Axes:
    """How far each anchor is from breaking Assumption 1: a histogram, nats.

    Args:
        v: A `Verification`, a `Run`, the folder of a saved run, or a frame with the columns of anchors.parquet.
        ax: Where; new axes by default.
        beta: Exponential hardness; 0 is η = 1; the first of the run by default.

    Raises:
        InputError: `v` is something else, or has no margins at this hardness.
    """
    found = {key: values for key, values in margins_of(table_of(v, "anchors", ())).items() if len(values)}
    _some(list(found), "a margin of Assumption 1")
    exponential = [key for key in found if key.startswith("exp:")]
    first = exponential[0] if exponential else next(iter(found))
    key = first if beta is None else "constant" if beta == 0 else hardening_key("exp", beta)
    if key not in found:
        raise InputError(f"beta: expected one of {', '.join(found)}, received {beta:g}")
    ax = _axes(ax)
    margin_on(ax, found[key], margin_edges(found[key]))
    ax.set(xlabel="margin of Assumption 1 (nats)", ylabel="anchors")
    name, _, parameter = key.partition(":")
    label = hardening_label("exp", float(parameter)) if name == "exp" else hardening_label(key, np.nan)
    ax.set_title(f"{label}: {percent(float(np.mean(found[key] >= 0)))} of {len(found[key]):,} anchors at or above zero")
    return ax


def critical_beta(v: Any, ax: Axes | None = None) -> Axes:
    """For each anchor, the least hardness at which its hard negatives cost as much as the whole pool: a histogram.

    Args:
        v: A `Verification`, a `Run`, the folder of a saved run, or a frame with the columns of anchors.parquet.
        ax: Where; new axes by default.

    Raises:
        InputError: `v` is something else, or has no anchors.
    """
    anchors = _some(table_of(v, "anchors", ("beta_star",)), "an anchor")
    ax = _axes(ax)
    beta_star_on(ax, anchors)
    return ax


def claims(v: Any, ax: Axes | None = None, claims: Sequence[str] | None = None) -> Axes:
    """Every claim's gap at every hardness with its interval, one line each.

    Args:
        v: A `Verification`, a `Run`, the folder of a saved run, or a frame with the columns of claims.csv.
        ax: Where; by default new axes, as high as the lines need.
        claims: Ids, in the order to show them; all theorems, conjectures and scenarios that
            apply in the run's configuration by default.

    Raises:
        InputError: `v` is something else, or has no such claim.
    """
    table = table_of(v, "claims", _CLAIMS)
    rows = forest_rows(table)
    if claims is None:
        rows = of_own(rows)
    else:
        for claim in claims:
            if claim not in set(rows["claim"]):
                raise unknown_name("claims", claim, dict.fromkeys(rows["claim"]))
        rows = pd.concat([rows[rows["claim"] == claim] for claim in claims])
    rows = _some(rows, "a claim that applies")
    titles, size = titles_of(v), float(mpl.rcParams["font.size"])
    across = _width(ax)
    wide = max(int((72 * across - 7 * size) / (0.42 * size)), 20)
    if ax is None:
        ax = _axes(None, height=0.9 + 1.2 * size / 72 * forest_height(rows, titles, wide))
    forest_on(ax, rows, titles, wide)
    return _with_legend(ax, verdict_marks(ax, rows), "")


def finite_k(v: Any, ax: Axes | None = None, pool: str = "other", q: float | None = None) -> Axes:
    """How far the losses at k negatives lie below their limit, nats, both axes logarithmic.

    Args:
        v: A `Verification` made with `negatives=...`, a `Run`, the folder of a saved run, or a frame with the columns
            of finite_k.csv.
        ax: Where; new axes by default.
        pool: "other": SCL and H-SCL, with negatives of other classes; "all": UCL and H-UCL.
        q: Which Q; the first by default.

    Raises:
        InputError: `v` is something else, or was made without `negatives`.
    """
    one_of("pool", pool, _POOLS)
    table = _some(table_of(v, "finite_k", _FINITE), "a loss at finite k: verify with negatives=[10, 100, 1000]")
    rows, title = _of_q(table[table["loss"].isin(_POOLS[pool])], q)
    ax = _axes(ax)
    finite_k_on(ax, rows, loss_style(_POOLS[pool][1])["color"])
    return _finished(ax, title)


def bounds(v: Any, ax: Axes | None = None) -> Axes:
    """The mean classifier's cross-entropy between its bounds by the contrastive loss, over negatives, nats.

    Args:
        v: A `Verification`, a `Run`, the folder of a saved run, or a frame with the columns of claims.csv.
        ax: Where; new axes by default.

    Raises:
        InputError: `v` is something else, or none of the bounds was applicable.
    """
    needs = "a bound on the mean classifier: verify with positives='class', self_pairs='include', claims='bao_upper'"
    data = _some(bounds_data(table_of(v, "claims", (*_CLAIMS, "lhs", "rhs"))), needs)
    ax = _axes(ax)
    bounds_on(ax, data)
    return _finished(ax, "")


def hardest_anchors(v: Any, ax: Axes | None = None) -> Axes:
    """The anchors of least margin as pictures, with the two neighbours that decide it.

    Args:
        v: A `Run` or the folder of one that was saved with images.
        ax: Where; by default new axes of the right shape.

    Raises:
        InputError: `v` is something else, or was made without images.
    """
    run = run_of(v)
    if run.pictures is None or run.hardest.empty:
        raise InputError("v: expected a run with pictures, received one without; verify a checkpoint on images")
    rows = run.hardest.head(16)
    across = _width(ax)
    columns = min(max(int(across / 0.63), 2), 8)
    width, height = grid_size(len(rows), columns)
    ax = _axes(ax, height=across * height / width)
    hardest_on(ax, rows, run.pictures, columns)
    return ax


def downstream(result: Any, ax: Axes | None = None) -> Axes:
    """Measured error of few-shot classifiers and every bound on it, against shots, both axes logarithmic.

    Args:
        result: What `downstream(emb)` returned.
        ax: Where; new axes by default.

    Raises:
        InputError: It is something else.
    """
    if not all(hasattr(result, name) for name in ("bounds", "measured", "classes")):
        raise InputError(f"result: expected what downstream(emb) returns, received a {type(result).__name__}")
    ax = _axes(ax)
    draw_downstream(ax, result.bounds, result.measured, result.classes)
    ax.set_ylabel("error (share)")
    return _finished(ax, "")


def _axes(ax: Axes | None, height: float | None = None) -> Axes:
    """The axes given, or new ones of the current settings' size."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt  # chooses a backend

    across, up = mpl.rcParams["figure.figsize"]
    _, fresh = plt.subplots(figsize=(across, up if height is None else height), layout="constrained")
    return fresh


def _width(ax: Axes | None) -> float:
    """Of the figure around the axes, or of a new one, inches."""
    return float(mpl.rcParams["figure.figsize"][0] if ax is None else ax.figure.bbox.width / ax.figure.dpi)


def _finished(ax: Axes, title: str) -> Axes:
    """With its legend, as `_with_legend`."""
    handles, _ = legend_entries([ax])
    return _with_legend(ax, handles, title)


def _with_legend(ax: Axes, handles: list[Any], title: str) -> Axes:
    """With a legend above the axes, where it hides nothing, headed by a title where there is one."""
    ax.set_title("")
    letters = 72 * _width(ax) * ax.get_position().width / (0.45 * mpl.rcParams["font.size"])
    columns = _columns([len(str(handle.get_label())) for handle in handles], letters)
    where: dict[str, Any] = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0), "borderaxespad": 0.3}
    ax.legend(handles=handles, title=title or None, ncols=columns, columnspacing=1.2, handletextpad=0.5, **where)
    return ax


def _columns(lengths: Sequence[int], room: float) -> int:
    """Columns of a legend in the fewest rows that fit, which matplotlib fills one column after the other."""
    for rows in range(1, len(lengths)):
        columns = math.ceil(len(lengths) / rows)
        if sum(max(block) + 6 for block in np.array_split(lengths, columns)) <= room:
            return columns
    return 2


def _some(rows: Any, what: str) -> Any:
    if len(rows) == 0:
        raise InputError(f"v: expected {what}, received a run without")
    return rows


def _of_q(rows: pd.DataFrame, q: float | None) -> tuple[pd.DataFrame, str]:
    """The rows of one Q, and a title where there are others."""
    there = list(dict.fromkeys(rows["q"].dropna()))
    if q is None:
        chosen = there[0] if there else None
    elif q in there:
        chosen = q
    else:
        raise InputError(f"q: expected one of {', '.join(map(q_label, there))}, received {q:g}")
    if chosen is None:
        return rows, ""
    return rows[rows["q"] == chosen], f"Q = {q_label(chosen)}" if len(there) > 1 else ""
