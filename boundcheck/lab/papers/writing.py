"""Writing a recipe's tables and figures."""

from __future__ import annotations

from pathlib import Path

from boundcheck.report.figures.saving import save_figure
from boundcheck.report.tables import to_markdown, to_tex

from .recipe import Recipe
from .results import Results
from .summary import comparisons
from .tables import notes


def write_tables(recipe: Recipe, results: Results, out: Path) -> None:
    """Writes comparisons.csv, and every table of the recipe as tables/NAME.md and .tex, failed trials below it."""
    comparisons(results.accuracy).to_csv(out / "comparisons.csv", index=False)
    folder = out / "tables"
    folder.mkdir(exist_ok=True)
    for name, build in recipe.tables.items():
        table, below = build(results), notes(results)
        (folder / f"{name}.md").write_text(to_markdown(table, below), encoding="utf-8")
        (folder / f"{name}.tex").write_text(to_tex(table, below), encoding="utf-8")


def write_figures(recipe: Recipe, results: Results, out: Path) -> None:
    """Writes every figure that the results have, as figures/NAME.png (200 dpi), .pdf, .svg and its data as .csv."""
    folder = out / "figures"
    folder.mkdir(exist_ok=True)
    for name, draw in recipe.figures.items():
        drawn = draw(results)
        if drawn is not None:
            save_figure(*drawn, folder, name)
