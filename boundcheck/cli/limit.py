"""What `verify` says of the loss an encoder was trained with."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from boundcheck.embeddings import EmbeddingSet
    from boundcheck.spec import Variant


def limit_lines(emb: EmbeddingSet, variant: Variant) -> list[str]:
    """Which of the estimated losses is the limit of the training objective; nothing where that is not known.

    Args:
        emb: embeddings, whose provenance names the objective.
        variant: what was estimated.
    """
    from boundcheck.lab.objectives import OBJECTIVES, hyperparameters, limit_sentence

    known = emb.meta.get("encoder")
    config = known if isinstance(known, dict) else {}
    objective, beta = config.get("objective"), config.get("beta")
    if not isinstance(objective, str):
        return []
    positives = config.get("positives")
    if not isinstance(positives, str):
        if objective not in OBJECTIVES:
            return []
        own = hyperparameters(OBJECTIVES[objective]).get("positives")
        positives = None if own is None else own.default
    hardness = float(beta) if isinstance(beta, (int, float)) else None
    return [limit_sentence(objective, positives, hardness, variant, lambda name, value: f"--{name} {value}")]
