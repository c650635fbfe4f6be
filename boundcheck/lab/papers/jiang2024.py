"""Hard-Negative Sampling for Contrastive Learning: Optimal Representation Geometry."""

from __future__ import annotations

from . import figures, findings, tables
from .presets import JIANG2024
from .recipe import Recipe

RECIPE = Recipe(
    id="jiang2024",
    source="Jiang, Nguyen, Aeron, Ishwar: Hard-Negative Sampling for Contrastive Learning: Optimal Representation "
    "Geometry and Neural- vs Dimensional-Collapse (arXiv 2311.05139)",
    presets=JIANG2024,
    tables={
        "collapse": tables.collapse_table,
        "accuracy_embedding": tables.embedding_accuracy_table,
        "comparisons_embedding": tables.embedding_comparisons_table,
        "accuracy": tables.accuracy_table,
    },
    figures={
        "collapse": figures.draw_collapse,
        "spectrum": figures.draw_spectrum,
        "mean_over_epochs": figures.draw_mean_over_epochs,
        "losses_over_epochs": figures.draw_losses_over_epochs,
    },
    findings=findings.jiang2024_findings,
)
