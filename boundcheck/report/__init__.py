"""Reports: figures, tables and one HTML page from a run's saved numbers. Nothing here computes a statistic."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from boundcheck._places import collect_leftovers, hidden
from boundcheck.atlas_record import is_atlas, load_atlas
from boundcheck.errors import FileError
from boundcheck.ingest import reading
from boundcheck.report.atlas import write_atlas_report
from boundcheck.report.figures import FIGURES, write_figures
from boundcheck.report.page import summary_html, write_page
from boundcheck.report.search import is_search, load_search, write_search_page
from boundcheck.report.sweep import write_sweep_report
from boundcheck.report.tables import TABLES, write_tables
from boundcheck.report.text import summary_text
from boundcheck.runs import Run, load_run
from boundcheck.sweep_record import is_sweep, load_sweep

__all__ = ["FIGURES", "TABLES", "render", "summary_html", "summary_text", "write_report"]


def write_report(run: Run, directory: Path) -> Path:
    """Write figures/, tables/ and report.html into a directory; `save_run(..., also=[write_report])` adds them.

    Args:
        run: The run.
        directory: An existing directory.

    Returns:
        The page.
    """
    figures = write_figures(run, directory / "figures")
    write_tables(run, directory / "tables")
    return write_page(run, directory, figures)


def render(directory: str | os.PathLike[str]) -> Path:
    """Render a saved run's, sweep's, atlas's or search's report again from its numbers, in place of the old one.

    Args:
        directory: The run's directory.

    Returns:
        The page.

    Raises:
        FileError: The directory is not a run, is damaged, or cannot be written.
    """
    target = Path(directory)
    if is_sweep(target):
        write: Callable[[Path], object] = partial(write_sweep_report, load_sweep(target), home=target)
    elif is_search(target):
        write = partial(write_search_page, load_search(target))
    elif is_atlas(target):
        write = partial(write_atlas_report, load_atlas(target))
    else:
        write = partial(write_report, load_run(target))
    try:
        collect_leftovers(target)
        with hidden(target / "report") as folder:
            fresh, old = folder / "fresh", folder / "old"
            fresh.mkdir()
            old.mkdir()
            with reading(target, "a run that can be shown", "run it again"):  # tables may not fit together
                write(fresh)
            for part in sorted(fresh.iterdir()):
                if (target / part.name).exists():
                    (target / part.name).rename(old / part.name)
                part.rename(target / part.name)
    except OSError as error:
        why = error.strerror or str(error)
        raise FileError(f"report: cannot write into '{target}': {why}; free space or permit writing") from error
    return target / "report.html"
