"""A comparison for a terminal: one table over all anchors, one of the classes, and what limits them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from boundcheck.hardening import hardening_label
from boundcheck.report.format import interval, number, p_value
from boundcheck.report.style import loss_name
from boundcheck.report.text import aligned
from boundcheck.report.words import plural, q_label
from boundcheck.runs import records

GAP = "hucl - hscl"


def quantity_label(name: str) -> str:
    """`H-UCL`, `H-UCL − H-SCL`; a loss of one's own by its id."""
    return " − ".join(loss_name(part) for part in name.split(" - "))


def class_place(frame: pd.DataFrame) -> tuple[str, float, float] | None:
    """The gap's hardening, beta and Q at which classes are shown: the hardest tilt that is relied on in all of them,
    else the one relied on in most; None without classes."""
    rows = frame[(frame["class"] != "") & (frame["quantity"] == GAP)]
    if rows.empty:
        return None
    places = rows.groupby(["q", "hardening", "beta"], sort=False, dropna=False)["reliable"].mean().reset_index()
    places = places[places["q"] == places["q"].iloc[0]]
    best = places[places["reliable"] == places["reliable"].max()].sort_values("beta").iloc[-1]
    return str(best["hardening"]), float(best["beta"]), float(best["q"])


def at_place(frame: pd.DataFrame, place: tuple[str, float, float]) -> pd.DataFrame:
    """The rows of the classes' gap there."""
    hardening, beta, q = place
    same = (frame["beta"] == beta) | (frame["beta"].isna() & (beta != beta))
    here = (frame["hardening"] == hardening) & same & (frame["q"] == q) & (frame["quantity"] == GAP)
    return frame[here & (frame["class"] != "")]


def comparison_text(frame: pd.DataFrame, notes: Sequence[str], manifest: Mapping[str, Any]) -> str:
    """What is compared, the tables, and the notes."""
    lines = [
        *_caption(manifest),
        "",
        *aligned(_table(frame[frame["class"] == ""], by_class=False)),
    ]
    place = class_place(frame)
    if place is not None:
        lines += ["", f"By class: {quantity_label(GAP)} at {hardening_label(*place[:2])}", ""]
        lines += aligned(_table(at_place(frame, place), by_class=True))
    lines += ["", *_reading(frame), *(f"note: {note}" for note in notes)]
    return "\n".join(lines) + "\n"


def _caption(manifest: Mapping[str, Any]) -> list[str]:
    """The methods, what each was judged on, and the settings; a line for each method where that differs."""
    config = manifest["config"]
    setting = f"temperature {config['temperature']:g}, {100 * config['confidence']:g} % intervals, nats"
    sizes: dict[str, list[str]] = {}
    for encoder in manifest["encoders"]:
        sizes.setdefault(encoder["method"], []).append(_size(encoder["data"]))
    named = {method: f"{method} ({plural(len(each), 'encoder')})" for method, each in sizes.items()}
    judged = {method: " and ".join(dict.fromkeys(each)) for method, each in sizes.items()}
    if len(set(judged.values())) == 1:
        return [f"{', '.join(named.values())}; {next(iter(judged.values()))}; {setting}"]
    return [*(f"{named[method]}: {judged[method]}" for method in named), setting]


def _size(data: Mapping[str, Any]) -> str:
    """`1,797 instances in one view of 10 classes (digits test)`."""
    views = "one view" if data["v"] == 1 else f"{data['v']} views"
    classes = f"{data['c']} classes" if data["c"] > 1 else "one class"
    recorded = [str(part) for part in (data.get("name"), data.get("split")) if part not in (None, "embeddings")]
    source = f" ({' '.join(recorded)})" if recorded else ""
    return f"{data['n']:,} instances in {views} of {classes}{source}"


def label(row: Any) -> str:
    """`hscl`, or `hscl − ucl` of a difference."""
    return f"{row.method} − {row.against}" if row.against else str(row.method)


def _table(rows: pd.DataFrame, by_class: bool) -> pd.DataFrame:
    """A line for each quantity, or class; a column for each method and difference."""
    several = rows["q"].nunique() > 1 and not by_class
    differences = rows[rows["against"] != ""]["method"].nunique()
    lines: dict[tuple[str, ...], dict[str, str]] = {}
    for row in records(rows.rename(columns={"class": "of"})):
        at = (row.of,) if by_class else (quantity_label(row.quantity), hardening_label(row.hardening, row.beta))
        cells = lines.setdefault((*at, q_label(row.q)) if several else at, {})
        cells[label(row)] = ("" if row.reliable else "~ ") + interval(row.estimate, row.ci_low, row.ci_high)
        if not row.against and row.seeds > 1:
            cells[f"{row.method}, sd of seeds"] = number(row.spread, row.spread)
        if row.against:
            cells[f"p ({label(row)})" if differences > 1 else "p"] = p_value(row.p_holm)
    names = ["Class"] if by_class else ["Quantity", "Hardening", *(["Q"] if several else [])]
    table = pd.DataFrame([{**dict(zip(names, at, strict=True)), **cells} for at, cells in lines.items()]).fillna("–")
    if not by_class:
        table["Quantity"] = table["Quantity"].mask(table["Quantity"] == table["Quantity"].shift(), "")
    return table


def _reading(frame: pd.DataFrame) -> list[str]:
    """What the intervals are over, what p is, and the mark."""
    names = frame.drop_duplicates(["method", "against"])
    said = [
        f"intervals over {over}: {', '.join(label(row) for row in records(rows))}"
        for over, rows in names.groupby("over", sort=False)
    ]
    differences = names[names["against"] != ""]
    if len(differences):
        paired = [label(row) for row in records(differences) if row.paired]
        said += [f"paired by instance: {', '.join(paired)}"] if paired else []
        said.append("p: two-sided of a difference, adjusted for all of the table (Holm)")
    if not frame["reliable"].all():
        said.append("~ not to be relied on; boundcheck verify says why")
    return said
