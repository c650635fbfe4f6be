"""What encoders were judged on: the same instances, samples of one population, or different data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from boundcheck.comparison.member import Member


def unpaired(members: Sequence[Member]) -> str:
    """Why the members cannot be paired instance by instance; empty where they can."""
    first = members[0]
    for member in members:
        if not len(member.ids):
            return f"'{member.name}' has no influences of its instances (made with an older version, or by clusters)"
        if why := differing(first, member):
            return why
        names = f"'{first.name}' and '{member.name}'"
        if not np.array_equal(first.ids, member.ids):
            shared = len(np.intersect1d(first.ids, member.ids))
            return (
                f"{names} have other instances: of {len(first.ids):,} and {len(member.ids):,} ids {shared:,} are in "
                "both"
            )
        if (other := np.flatnonzero(first.labels != member.labels)).size:
            at = other[0]
            return (
                f"{names} have other labels: instance '{first.ids[at]}' is '{first.labels[at]}' and "
                f"'{member.labels[at]}'"
            )
        if member is not first and are_row_numbers(first.ids) and not _one_source(first, member):
            return (
                f"the ids of {names} are row numbers, and nothing says that they count the same data; give the "
                "instances ids"
            )
    return ""


def differing(one: Member, other: Member) -> str:
    """Why two members were judged on different populations, as far as it is known; empty where nothing says so."""
    names = f"'{one.name}' and '{other.name}'"
    recorded = [(_source(one).get(key), _source(other).get(key)) for key in ("dataset", "split")]
    if any(a is not None and b is not None and a != b for a, b in recorded):
        told = (" ".join(str(part) for part in side if part is not None) for side in zip(*recorded, strict=True))
        return f"{names} are of different data ({', '.join(told)})"
    known = [_classes(member) for member in (one, other)]
    if all(known) and known[0] != known[1]:
        alone = sorted(known[0] ^ known[1])
        return f"{names} have other classes: '{alone[0]}' is in one alone ({len(alone)} such classes)"
    return ""


def same_classes(members: Sequence[Member]) -> bool:
    """Whether a class of one name is one class in all: no other data, and no class that one lacks."""
    for member in members:
        datasets = {_source(each).get("dataset") for each in (members[0], member)} - {None}
        if len(datasets) > 1 or _classes(members[0]) != _classes(member):
            return False
    return True


def are_row_numbers(ids: Sequence[str] | np.ndarray) -> bool:
    """Whether ids only count, 0, 1, 2, ... or 1, 2, 3, ..., in any order: what data without names get."""
    if not all(str(name).isdecimal() for name in ids):
        return False
    numbers = np.sort(np.array(ids, dtype=np.int64))
    return len(numbers) > 0 and bool(numbers[0] in (0, 1) and (np.diff(numbers) == 1).all())


def _one_source(one: Member, other: Member) -> bool:
    """Whether both record the same data: by the hash of the samples, else by data set and split."""
    a, b = _source(one), _source(other)
    for keys in (("data_digest",), ("dataset", "split")):
        pairs = [(a.get(key), b.get(key)) for key in keys]
        if all(None not in pair for pair in pairs):
            return all(x == y for x, y in pairs)
    return False


def _source(member: Member) -> Mapping[str, Any]:
    """Where the data came from, as `embed` or `verify` recorded it."""
    return member.manifest["data"].get("source") or {}


def _classes(member: Member) -> frozenset[str]:
    """The names of its classes; empty where they were not kept."""
    return frozenset(member.manifest["data"].get("class_counts") or member.labels.tolist())
