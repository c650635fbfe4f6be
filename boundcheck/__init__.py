"""boundcheck: does the theory of contrastive learning hold on a real, trained encoder?

Names are imported on first use, so that `import boundcheck` and the command line's `--help` stay instant.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from boundcheck import plot as plot
    from boundcheck import pools as pools
    from boundcheck import table as table
    from boundcheck.bounds import references as references
    from boundcheck.bounds import translate as translate
    from boundcheck.checkpoints import load_encoder as load_encoder
    from boundcheck.claims import CLAIMS as CLAIMS
    from boundcheck.claims.base import Claim as Claim
    from boundcheck.claims.base import Evidence as Evidence
    from boundcheck.claims.base import Finding as Finding
    from boundcheck.claims.base import claim as claim
    from boundcheck.comparison import Comparison as Comparison
    from boundcheck.comparison import compare as compare
    from boundcheck.data import load_dataset as load_dataset
    from boundcheck.diagnostics import diagnose as diagnose
    from boundcheck.downstream_error import cross_entropy_bounds as cross_entropy_bounds
    from boundcheck.downstream_error import downstream as downstream
    from boundcheck.embeddings import EmbeddingSet as EmbeddingSet
    from boundcheck.embeddings import load_embeddings as load_embeddings
    from boundcheck.embeddings import save_embeddings as save_embeddings
    from boundcheck.encoders import shipped_checkpoint as shipped_checkpoint
    from boundcheck.errors import BoundcheckError as BoundcheckError
    from boundcheck.estimators import FiniteLosses as FiniteLosses
    from boundcheck.estimators import LossTable as LossTable
    from boundcheck.estimators import Population as Population
    from boundcheck.estimators import estimate as estimate
    from boundcheck.estimators import finite_k as finite_k
    from boundcheck.estimators import parse_population as parse_population
    from boundcheck.extraction import extract as extract
    from boundcheck.falsification import Counterexample as Counterexample
    from boundcheck.falsification import falsify as falsify
    from boundcheck.hardening import CONSTANT as CONSTANT
    from boundcheck.hardening import HARDENINGS as HARDENINGS
    from boundcheck.hardening import Hardening as Hardening
    from boundcheck.lab.training import Tracker as Tracker
    from boundcheck.lab.training import held_out_views as held_out_views
    from boundcheck.lab.training import lightning_callback as lightning_callback
    from boundcheck.lab.training import train as train
    from boundcheck.losses import LOSSES as LOSSES
    from boundcheck.losses import Loss as Loss
    from boundcheck.pools import Pool as Pool
    from boundcheck.report import render as render
    from boundcheck.runs import Run as Run
    from boundcheck.runs import load_run as load_run
    from boundcheck.spec import Execution as Execution
    from boundcheck.spec import Variant as Variant
    from boundcheck.sweeps import sweep as sweep
    from boundcheck.verification import verify as verify
    from boundcheck.verified import Verification as Verification

_HOME = {
    "CLAIMS": "claims",
    "CONSTANT": "hardening",
    "claim": "claims.base",
    "Comparison": "comparison",
    "compare": "comparison",
    "references": "bounds",
    "translate": "bounds",
    "load_dataset": "data",
    "diagnose": "diagnostics",
    "cross_entropy_bounds": "downstream_error",
    "downstream": "downstream_error",
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
    "Tracker": "lab.training",
    "held_out_views": "lab.training",
    "lightning_callback": "lab.training",
    "train": "lab.training",
    "Evidence": "claims.base",
    "Finding": "claims.base",
    "Claim": "claims.base",
    "FiniteLosses": "estimators",
    "LossTable": "estimators",
    "Population": "estimators",
    "parse_population": "estimators",
    "Counterexample": "falsification",
    "Hardening": "hardening",
    "HARDENINGS": "hardening",
    "LOSSES": "losses",
    "Loss": "losses",
    "Pool": "pools",
    "Run": "runs",
    "load_run": "runs",
    "Execution": "spec",
    "Variant": "spec",
    "Verification": "verified",
    "verify": "verification",
}

_MODULES = ("plot", "pools", "table")

__all__ = [*_HOME, *_MODULES, "__version__"]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"boundcheck.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'boundcheck' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"boundcheck.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
