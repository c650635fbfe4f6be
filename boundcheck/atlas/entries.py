"""All entries, in the order of the table, and the choice among them."""

from __future__ import annotations

from collections.abc import Sequence

from boundcheck.atlas import graphs, images, series, text
from boundcheck.atlas.entry import Entry
from boundcheck.errors import unknown_name

ENTRIES: tuple[Entry, ...] = (*text.ENTRIES, *images.ENTRIES, *series.ENTRIES, *graphs.ENTRIES)


def choose_entries(only: Sequence[str] | None, entries: Sequence[Entry] = ENTRIES) -> tuple[Entry, ...]:
    """The entries whose modality, data set, encoder or name is among the given ones; None for all.

    Raises:
        InputError: nothing has a name that is given.
    """
    if only is None:
        return tuple(entries)
    known = [{word.lower() for word in (e.modality, e.data, e.encoder, e.name)} for e in entries]
    for word in only:
        if not any(word.lower() in words for words in known):
            names = dict.fromkeys([*(e.modality for e in entries), *(e.data for e in entries)])
            raise unknown_name("only", word, names)
    wanted = {word.lower() for word in only}
    return tuple(entry for entry, words in zip(entries, known, strict=True) if words & wanted)
