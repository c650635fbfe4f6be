"""An atlas's report: figures, tables, findings and one page from its saved numbers."""

from __future__ import annotations

from pathlib import Path

from boundcheck.atlas_record import AtlasRecord
from boundcheck.report.atlas.assumption import draw_atlas_assumption
from boundcheck.report.atlas.errors import draw_atlas_errors
from boundcheck.report.atlas.page import atlas_html, atlas_markdown, write_atlas_page
from boundcheck.report.atlas.tables import ATLAS_TABLES
from boundcheck.report.atlas.verdicts import draw_atlas_verdicts
from boundcheck.report.figures import write_drawings
from boundcheck.report.tables import to_markdown, to_tex

ATLAS_FIGURES = {
    "atlas_verdicts": draw_atlas_verdicts,
    "atlas_assumption": draw_atlas_assumption,
    "atlas_errors": draw_atlas_errors,
}

__all__ = ["ATLAS_FIGURES", "ATLAS_TABLES", "atlas_html", "atlas_markdown", "write_atlas_report"]


def write_atlas_report(record: AtlasRecord, directory: Path) -> Path:
    """Write figures/, tables/, summary.md and report.html into a directory; `save_atlas(..., also=[...])` adds them.

    Args:
        record: the atlas.
        directory: an existing directory.

    Returns:
        The page.
    """
    figures = write_drawings(ATLAS_FIGURES, record, directory / "figures")
    tables = {name: (caption, build(record)) for name, (caption, build) in ATLAS_TABLES.items()}
    folder = directory / "tables"
    folder.mkdir(exist_ok=True)
    for name, (_, table) in tables.items():
        if len(table):
            (folder / f"{name}.tex").write_text(to_tex(table), encoding="utf-8")
            (folder / f"{name}.md").write_text(to_markdown(table), encoding="utf-8")
    (directory / "summary.md").write_text(atlas_markdown(record, figures, tables), encoding="utf-8")
    return write_atlas_page(record, directory, figures, tables)
