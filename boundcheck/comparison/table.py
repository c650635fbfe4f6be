"""The table of a comparison: every method's mean over seeds, and its difference to the first, for every quantity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from boundcheck.comparison.member import Member, Quantity, part_of, quantities_of
from boundcheck.comparison.populations import differing, same_classes, unpaired
from boundcheck.errors import InputError
from boundcheck.inference.intervals import NORMAL
from boundcheck.inference.multiplicity import holm
from boundcheck.inference.seeds import Error, Part, SeedMean, difference, freedom_of, mean_of_seeds

COLUMNS = [
    "method", "against", "class", "quantity", "hardening", "beta", "q", "seeds", "estimate", "spread", "se_instances",
    "se_seeds", "se", "freedom", "ci_low", "ci_high", "over", "instances_low", "instances_high", "seeds_low",
    "seeds_high", "paired", "p_value", "p_holm", "reliable",
]  # fmt: skip
ENCODER_COLUMNS = [
    "encoder", "method", "n", "class", "quantity", "hardening", "beta", "q", "estimate", "se", "ci_low", "ci_high",
    "reliable",
]  # fmt: skip


def compared(members: Sequence[Member], methods: tuple[str, ...], confidence: float) -> tuple[pd.DataFrame, list[str]]:
    """The table, and what there is to say about it."""
    quantities = [q for q in quantities_of(members) if not q.of or same_classes(members)]
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
            reliable = _reliable(both, quantity)
            row = _row(name, quantity, found, confidence, reliable)
            # An error that is not to be relied on tests nothing.
            p_value = found.total.p_value(found.value) if reliable else float("nan")
            rows.append(row | {"against": first, "paired": paired is not None, "p_value": p_value})
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
    every = {quantity for member in members for quantity in member.values}
    missing = every.difference(quantities)
    if left := sum(not quantity.of for quantity in missing):
        notes.append(f"left out: {left} losses and gaps that not every encoder has")
    if any(quantity.of for quantity in missing) and not same_classes(members):
        notes.append("left out: losses by class, as the encoders were judged on other classes, whatever their names")
    elif left := len({quantity.of for quantity in missing} - {quantity.of for quantity in quantities}):
        notes.append(f"left out: {left} classes of which too few instances were seen by some encoder")
    for name in across:
        if why := differing(of_method[next(iter(of_method))][0], of_method[name][0]):
            notes.append(
                f"{name}: {why}: its difference to {next(iter(of_method))} is one of populations as well as of methods"
            )
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


def _row(method: str, quantity: Quantity, mean: SeedMean, confidence: float, reliable: bool) -> dict[str, Any]:
    training = mean.training or Error((Part(float("nan")),))
    seeds, instances = (error.interval(mean.value, confidence) for error in (training, mean.instances))
    total = mean.total
    low, high = total.interval(mean.value, confidence)
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
        "se": total.se,
        "freedom": freedom_of(total.half(confidence) / total.se, confidence) if total.se > 0 else NORMAL,
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
            rows.append({"encoder": member.name, "n": member.manifest["data"]["n"]} | row)
    return pd.DataFrame(rows)[ENCODER_COLUMNS]
