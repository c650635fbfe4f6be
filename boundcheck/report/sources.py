"""What a figure or a table may be made of: a verification, a run, its folder, or one of its tables."""

from __future__ import annotations

import os
from typing import Any

import pandas as pd

from boundcheck.errors import InputError
from boundcheck.report.words import title, unit
from boundcheck.runs import Run, load_run


def run_of(source: Any) -> Run:
    """The run behind a verification or in a folder.

    Args:
        source: A `Verification`, a `Run`, or the folder of a saved one.

    Raises:
        InputError: It is something else.
        FileError: The folder holds no run.
    """
    found = getattr(source, "run", source)
    if isinstance(found, Run):
        return found
    if isinstance(found, (str, os.PathLike)):
        return load_run(found)
    raise InputError(
        f"v: expected a Verification, a Run or the folder of a saved run, received a {type(source).__name__}; "
        "make one with verify(emb)"
    )


def table_of(source: Any, name: str, columns: tuple[str, ...]) -> pd.DataFrame:
    """One table of a run, which may also be given itself.

    Args:
        source: As for `run_of`, or a frame.
        name: Of the table: "losses", "claims", "assumption", "anchors" or "finite_k".
        columns: Those a frame must have.

    Raises:
        InputError: A frame lacks one of the columns; and as `run_of`.
        FileError: As `run_of`.
    """
    if not isinstance(source, pd.DataFrame):
        table: pd.DataFrame = getattr(run_of(source), name)
        return table
    if missing := [column for column in columns if column not in source]:
        raise InputError(
            f"v: expected a frame with the columns of {name}.csv, received one without '{missing[0]}'; "
            "the columns are in the data dictionary"
        )
    return source


def titles_of(source: Any) -> dict[str, str]:
    """Titles of claims by id, as the run's manifest has them, with the unit of gaps that are not in nats.

    None where a frame was given.
    """
    if isinstance(source, pd.DataFrame):
        return {}
    run = run_of(source)
    units = {claim: unit(run, claim) for claim in run.manifest.get("catalogue", {})}
    return {claim: title(run, claim) + ("" if of == "nats" else f" ({of}, not nats)") for claim, of in units.items()}
