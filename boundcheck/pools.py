"""Pools: which candidates an anchor is compared with, as a union of relations between two instances' labels.

Candidates are views of other instances (of every instance, with self pairs included). Two instances are related by
their classes and, where the data have a second label array `groups` (super-classes), by those
(docs/theory.md, eq. (2)):

| relation | classes | groups |
|---|---|---|
| same class | equal | whatever |
| sibling | different | equal |
| unrelated | different | different, or none |

A pool of one's own is one line: `Pool("far", "classes of other super-classes", frozenset({Relation.UNRELATED}))`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import TypeAlias


class Relation(IntEnum):
    """How the labels of two instances are related."""

    SAME_CLASS = 0
    SIBLING = 1
    UNRELATED = 2


@dataclass(frozen=True)
class Pool:
    """A set of candidates; two that hold the same are equal, whatever they are called.

    Attributes:
        id: the name in tables.
        title: in words.
        relations: candidates so related to the anchor are in it.
        groups: (n,) super-class of every instance, where the pool brings its own; None for those of the embedding set.
    """

    id: str = field(compare=False)
    title: str = field(compare=False)
    relations: frozenset[Relation]
    groups: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        assert self.relations, "a pool holds some relation"

    @property
    def needs_groups(self) -> bool:
        """Whether it tells siblings from unrelated instances."""
        return len(self.relations & _OTHER_CLASSES) == 1


_OTHER_CLASSES = frozenset({Relation.SIBLING, Relation.UNRELATED})

ALL = Pool("all", "all other instances", frozenset(Relation))
DIFF = Pool("diff", "other classes", _OTHER_CLASSES)
SAME = Pool("same", "the same class", frozenset({Relation.SAME_CLASS}))
SIBLINGS = Pool("siblings", "other classes of the same super-class", frozenset({Relation.SIBLING}))

POOLS: dict[str, Pool] = {pool.id: pool for pool in (ALL, DIFF, SAME, SIBLINGS)}


def siblings(groups: Iterable[object]) -> Pool:
    """Other classes of the same super-class, named for every instance: `groups` (n,), any labels."""
    return replace(SIBLINGS, groups=tuple(str(group) for group in groups))


Partition: TypeAlias = tuple[frozenset[Relation], ...]
"""Disjoint sets of relations that sums over candidates are kept apart for; together they are all relations."""

BY_CLASS: Partition = (SAME.relations, DIFF.relations)
BY_CLASS_AND_GROUP: Partition = tuple(frozenset({relation}) for relation in Relation)


def partition_for(pools: Iterable[Pool]) -> Partition:
    """The coarsest partition of which every pool is a union."""
    return BY_CLASS_AND_GROUP if any(pool.needs_groups for pool in pools) else BY_CLASS


def parts_of(pool: Pool, partition: Partition) -> tuple[int, ...]:
    """The parts that a pool is made of."""
    parts = tuple(i for i, relations in enumerate(partition) if relations <= pool.relations)
    assert frozenset().union(*(partition[i] for i in parts)) == pool.relations, f"{pool.id} is no union of parts"
    return parts
