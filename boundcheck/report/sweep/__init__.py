"""A sweep's report: heat maps, tables and one page from its saved numbers."""

from __future__ import annotations

from pathlib import Path

from boundcheck.report.figures import write_drawings
from boundcheck.report.sweep.gap import draw_gap
from boundcheck.report.sweep.page import sweep_html, write_sweep_page
from boundcheck.report.sweep.share import draw_share
from boundcheck.report.sweep.tables import SWEEP_TABLES, sweep_text, write_sweep_tables
from boundcheck.report.sweep.verdicts import draw_verdicts
from boundcheck.sweep_record import SweepRecord

SWEEP_FIGURES = {"verdicts": draw_verdicts, "gap": draw_gap, "share": draw_share}

__all__ = ["SWEEP_FIGURES", "SWEEP_TABLES", "sweep_html", "sweep_text", "write_sweep_report"]


def write_sweep_report(record: SweepRecord, directory: Path, home: Path | None = None) -> Path:
    """Write figures/, tables/ and report.html into a directory; `save_sweep(..., also=[...])` adds them.

    Args:
        record: The sweep.
        directory: An existing directory.
        home: Where the page will be, from where it links to the pages of its runs; the directory unless given.

    Returns:
        The page.
    """
    figures = write_drawings(SWEEP_FIGURES, record, directory / "figures")
    write_sweep_tables(record, directory / "tables")
    return write_sweep_page(record, directory, figures, home or directory)
