"""boundcheck: does the theory of contrastive learning hold on a real, trained encoder?

Names are imported on first use, so that `import boundcheck` and the command line's `--help` stay instant.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from boundcheck.checkpoints import load_encoder as load_encoder
    from boundcheck.claims import CLAIMS as CLAIMS
    from boundcheck.claims.base import claim as claim
    from boundcheck.data import load_dataset as load_dataset
    from boundcheck.embeddings import EmbeddingSet as EmbeddingSet
    from boundcheck.embeddings import load_embeddings as load_embeddings
    from boundcheck.embeddings import save_embeddings as save_embeddings
    from boundcheck.encoders import shipped_checkpoint as shipped_checkpoint
    from boundcheck.errors import BoundcheckError as BoundcheckError
    from boundcheck.estimators import estimate as estimate
    from boundcheck.estimators import finite_k as finite_k
    from boundcheck.extraction import extract as extract
    from boundcheck.falsification import falsify as falsify
    from boundcheck.hardening import CONSTANT as CONSTANT
    from boundcheck.lab.training import train as train
    from boundcheck.report import render as render
    from boundcheck.sweeps import sweep as sweep
    from boundcheck.verification import Verification as Verification
    from boundcheck.verification import verify as verify

_HOME = {
    "CLAIMS": "claims",
    "CONSTANT": "hardening",
    "claim": "claims.base",
    "load_dataset": "data",
    "EmbeddingSet": "embeddings",
    "load_embeddings": "embeddings",
    "save_embeddings": "embeddings",
    "load_encoder": "checkpoints",
    "shipped_checkpoint": "encoders",
    "BoundcheckError": "errors",
    "estimate": "estimators",
    "finite_k": "estimators",
    "extract": "extraction",
    "falsify": "falsification",
    "render": "report",
    "sweep": "sweeps",
    "train": "lab.training",
    "Verification": "verification",
    "verify": "verification",
}

__all__ = [*_HOME, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'boundcheck' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"boundcheck.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
