"""Supervised Contrastive Learning with Hard Negative Samples."""

from __future__ import annotations

from . import figures, findings, tables
from .presets import JIANG2022
from .recipe import Recipe

RECIPE = Recipe(
    id="jiang2022",
    source="Jiang, Nguyen, Ishwar, Aeron: Supervised Contrastive Learning with Hard Negative Samples "
    "(arXiv 2209.00078)",
    presets=JIANG2022,
    tables={
        "accuracy": tables.accuracy_table,
        "comparisons": tables.comparisons_table,
        "path": tables.path_table,
        "assumption": tables.assumption_table,
        "margin": tables.margin_table,
        "crossing": tables.crossing_table,
        "accuracy_embedding": tables.embedding_accuracy_table,
    },
    figures={
        "accuracy_by_objective": figures.draw_accuracy_by_objective,
        "accuracy_over_epochs": figures.draw_accuracy_over_epochs,
        "accuracy_by_beta": figures.draw_accuracy_by_beta,
        "assumption": figures.draw_assumption,
        "batch_losses": figures.draw_batch_losses,
        "losses_over_epochs": figures.draw_losses_over_epochs,
        "crossing": figures.draw_crossing,
    },
    findings=findings.jiang2022_findings,
)
