"""Differentiable batch losses for training, one per file, and `OBJECTIVES`, the dict of their names.

An objective of one's own is one file and one line:

    # my_loss.py
    def my_loss(z, y, *, temperature, margin=0.1):
        '''z (b, v, d) L2-normalised embeddings of b instances in v views; y (b,) labels; returns a scalar.'''
        ...

    # before training; or next to the others below, when it is to stay
    boundcheck.lab.objectives.OBJECTIVES["my_loss"] = my_loss

Its keyword-only parameters are its hyperparameters: `temperature`, `beta`, `positives` and `weight_gradient` are the
ones that training has arguments for, any other is passed by name (`--option margin=0.2`), read as the type of its
default. Two are filled in by the training loop, batch by batch: `generator`, a `torch.Generator` for its draws, and
`class_logits` (b, v, c), the outputs of a linear classifier on the backbone features, trained beside the encoder.
"""

from __future__ import annotations

from ._rules import check_positives
from .dcl import dcl
from .hcl import hcl
from .hscl import hscl
from .hucl import hucl
from .limits import LIMITS, Limit, limit_sentence
from .nscl import nscl
from .options import BATCH_INPUTS, Objective, batch_inputs, hyperparameters, parse_options
from .schane import schane
from .scl import scl
from .sscl import sscl
from .supcon import supcon
from .ucl import ucl

OBJECTIVES: dict[str, Objective] = {
    "ucl": ucl,
    "hucl": hucl,
    "scl": scl,
    "hscl": hscl,
    "dcl": dcl,
    "hcl": hcl,
    "sscl": sscl,
    "supcon": supcon,
    "nscl": nscl,
    "schane": schane,
}

__all__ = [
    "BATCH_INPUTS",
    "LIMITS",
    "OBJECTIVES",
    "Limit",
    "Objective",
    "batch_inputs",
    "check_positives",
    "dcl",
    "hcl",
    "hscl",
    "hucl",
    "hyperparameters",
    "limit_sentence",
    "nscl",
    "parse_options",
    "schane",
    "scl",
    "sscl",
    "supcon",
    "ucl",
]
