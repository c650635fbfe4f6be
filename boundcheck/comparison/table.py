"""The table of a comparison: every method's mean over seeds, and its difference to the first, for every quantity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from boundcheck.comparison.member import Member, Quantity, part_of, quantities_of
from boundcheck.errors import InputError
from boundcheck.inference.multiplicity import holm, two_sided
from boundcheck.inference.seeds import Part, SeedMean, difference, mean_of_seeds

COLUMNS = [
    "method", "against", "class", "quantity", "hardening", "beta", "q", "seeds", "estimate", "spread", "se_instances",
    "se_seeds", "se", "freedom", "ci_low", "ci_high", "over", "instances_low", "instances_high", "seeds_low",
    "seeds_high", "paired", "p_value", "p_holm", "reliable",
]  # fmt: skip
ENCODER_COLUMNS = [
    "encoder", "method", "class", "quantity", "hardening", "beta", "q", "estimate", "se", "ci_low", "ci_high",
    "reliable",
]  # fmt: skip


def unpaired(members: Sequence[Member]) -> str:
    """Why the members cannot be paired instance by instance; empty where they can."""
    first = members[0]
    for member in members:
        if not len(member.ids):
            return f"'{member.name}' has no influences of its instances (made with an older version, or by clusters)"
        one, two = _origin(first), _origin(member)
        if None not in one + two and one != two:
            return f"'{first.name}' and '{member.name}' are of different data ({' '.join(one)}, {' '.join(two)})"
        if not np.array_equal(first.ids, member.ids):
            shared = len(np.intersect1d(first.ids, member.ids))
            return (
                f"'{first.name}' and '{member.name}' have other instances: of {len(first.ids):,} and "
                f"{len(member.ids):,} ids {shared:,} are in both"
            )
        if (other := np.flatnonzero(first.labels != member.labels)).size:
            at = other[0]
            return (
                f"'{first.name}' and '{member.name}' have other labels: instance '{first.ids[at]}' is "
                f"'{first.labels[at]}' and '{member.labels[at]}'"
            )
    return ""


def _origin(member: Member) -> tuple[Any, Any]:
    """Data set and split, where `embed` or `verify` recorded them."""
    source = member.manifest["data"].get("source") or {}
    return source.get("dataset"), source.get("split")


def compared(members: Sequence[Member], methods: tuple[str, ...], confidence: float) -> tuple[pd.DataFrame, list[str]]:
    """The table, and what there is to say about it."""
    quantities = quantities_of(members)
    if not quantities:
        raise InputError("betas: the encoders have no loss in common; verify them at the same betas, hardenings and Q")
    of_method = {name: [member for member in members if member.method == name] for name in methods}
    first = methods[0]
    within = {name: unpaired(seeds) for name, seeds in of_method.items()}
    across = {name: unpaired([*of_method[first], *of_method[name]]) for name in methods[1:]}
    rows = []
    for quantity in quantities:
        means = {name: _mean(seeds, quantity, not within[name]) for name, seeds in of_method.items()}
        rows += [
            _row(name, quantity, mean, confidence, _reliable(of_method[name], quantity)) for name, mean in means.items()
        ]
        for name, reason in across.items():
            both = [*of_method[first], *of_method[name]]
            one, other = (_mean_influence(of_method[each], quantity) for each in (name, first))
            paired = None if one is None or other is None or reason else part_of(one - other)
            found = difference(means[name], means[first], paired)
            row = _row(name, quantity, found, confidence, _reliable(both, quantity))
            rows.append(row | {"against": first, "paired": paired is not None, "p_value": _p_value(found)})
    frame = pd.DataFrame(rows).reindex(columns=COLUMNS)
    for of_class in (frame["class"] == "", frame["class"] != ""):  # two families
        frame.loc[of_class, "p_holm"] = holm(frame.loc[of_class, "p_value"].to_numpy(float))
    return frame, _notes(members, quantities, of_method, within, across)


def _notes(
    members: Sequence[Member],
    quantities: Sequence[Quantity],
    of_method: Mapping[str, Sequence[Member]],
    within: Mapping[str, str],
    across: Mapping[str, str],
) -> list[str]:
    """What was left out, and what is not paired and why."""
    notes = []
    every = {quantity for member in members for quantity in member.values if not quantity.of}
    if left := len(every.difference(quantities)):
        notes.append(f"left out: {left} losses and gaps that not every encoder has")
    for name, reason in within.items():
        if reason and len(of_method[name]) > 1:
            notes.append(f"{name}: its seeds are not paired, their errors over instances are taken as one: {reason}")
    for name, reason in across.items():
        if reason:
            notes.append(f"{name}: not paired with {next(iter(of_method))}, samples taken as independent: {reason}")
    if single := [name for name, seeds in of_method.items() if len(seeds) == 1]:
        notes.append(f"one encoder of {', '.join(single)}: its intervals say nothing of other training seeds")
    return notes


def _mean_influence(seeds: Sequence[Member], quantity: Quantity) -> np.ndarray | None:
    """(n,) of the mean over seeds that saw the same instances; None where one was not kept, or they did not."""
    influences = [member.values[quantity].influence for member in seeds]
    kept = [influence for influence in influences if influence is not None]
    if len(kept) < len(influences) or len({len(influence) for influence in kept}) > 1:
        return None
    mean: np.ndarray = np.mean(kept, axis=0)
    return mean


def _mean(seeds: Sequence[Member], quantity: Quantity, paired: bool) -> SeedMean:
    """Over the seeds of one method; where they did not see the same instances, as if all errors were one: the most
    that their mean's can be."""
    values = [member.values[quantity] for member in seeds]
    influence = _mean_influence(seeds, quantity) if paired and len(seeds) > 1 else None
    if influence is not None:
        part = part_of(influence)
    else:
        part = Part(float(np.mean([value.part.se for value in values])), min(value.part.freedom for value in values))
    return mean_of_seeds([value.estimate for value in values], part)


def _reliable(members: Sequence[Member], quantity: Quantity) -> bool:
    return all(member.values[quantity].reliable for member in members)


def _p_value(found: SeedMean) -> float:
    one_sided = np.array([found.total.about(found.value).p_value()])
    return float(two_sided(one_sided)[0])


def _row(method: str, quantity: Quantity, mean: SeedMean, confidence: float, reliable: bool) -> dict[str, Any]:
    training = mean.training or Part(float("nan"))
    seeds = training.about(mean.value).interval(confidence)
    instances = mean.instances.about(mean.value).interval(confidence)
    low, high = mean.total.about(mean.value).interval(confidence)
    return {
        "method": method,
        "against": "",
        "class": quantity.of,
        "quantity": quantity.name,
        "hardening": quantity.hardening,
        "beta": float("nan") if quantity.beta is None else quantity.beta,
        "q": quantity.q,
        "seeds": mean.seeds,
        "estimate": mean.value,
        "spread": mean.spread,
        "se_instances": mean.instances.se,
        "se_seeds": training.se,
        "se": mean.total.se,
        "freedom": mean.total.freedom,
        "ci_low": low,
        "ci_high": high,
        "over": "instances" if mean.training is None else "seeds and instances",
        "instances_low": instances[0],
        "instances_high": instances[1],
        "seeds_low": seeds[0],
        "seeds_high": seeds[1],
        "reliable": reliable,
    }


def members_frame(members: Sequence[Member], confidence: float) -> pd.DataFrame:
    """One row per encoder and quantity."""
    rows = []
    for member in members:
        for quantity, value in member.values.items():
            mean = mean_of_seeds([value.estimate], value.part)
            row = _row(member.method, quantity, mean, confidence, value.reliable)
            rows.append({"encoder": member.name} | row)
    return pd.DataFrame(rows)[ENCODER_COLUMNS]
