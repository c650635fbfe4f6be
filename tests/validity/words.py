"""What the tests of this folder read from a verification, whichever words the tables use."""

from __future__ import annotations

import numpy as np
import pandas as pd

import boundcheck as bc
from boundcheck.losses import LossKey

DECIDED = {"holds", "violated", "occurs", "does not occur"}
FOR, AGAINST = {"holds", "occurs"}, {"violated", "does not occur"}


def claim_rows(found: bc.Verification, claim: str) -> pd.DataFrame:
    """The claim's rows by beta, with `gap` whatever the column is called."""
    frame = found.to_frame().rename(columns={"margin": "gap"})
    return frame[frame.claim == claim].set_index(frame[frame.claim == claim].beta.fillna(0.0))


def loss_row(found: bc.Verification, loss: str, beta: float = 0.0) -> pd.Series:
    """The loss's row of losses.csv."""
    frame = found.run.losses
    return frame[(frame.loss == loss) & np.isclose(frame.beta.fillna(0.0), beta)].iloc[0]


def relied_on(row: pd.Series) -> bool:
    """Whether the row's interval is offered as one to rely on."""
    return bool(row.get("reliable", True))


def covers(row: pd.Series, truth: float, slack: float = 0.0) -> bool:
    """Whether the row's interval holds the truth, which is known to `slack`."""
    return bool(row.ci_low - slack <= truth <= row.ci_high + slack)


def key(found: bc.Verification, loss: str, beta: float = 0.0) -> LossKey:
    """The loss of the verification's table."""
    return next(k for k in found.losses.keys if k.loss.id == loss and np.isclose(k.hardening.beta or 0.0, beta))


def warned_of(found: bc.Verification, *words: str) -> bool:
    """Whether a warning of the run has all of these words."""
    return any(all(word in text.lower() for word in words) for text in found.run.manifest["warnings"])
