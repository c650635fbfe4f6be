"""What a training log's number means: the objectives of known code bases in the terms used here.

Each prints scale x mean of log(e^(t_p) + sum over K others of e^t) - t_p: the loss at Q = K, or SupCon's with positives
among the others. Read from the code of each at one point in time; defaults may have changed since.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from boundcheck.errors import InputError
from boundcheck.options import POSITIVE, check, one_of, whole


@dataclass(frozen=True)
class CodeBase:
    """One objective of one code base, for batches of B images in two views.

    Attributes:
        id: the name.
        objective: its own name for it.
        temperature: its default.
        base_temperature: the printed value is multiplied by temperature / base_temperature; None where it is not.
        supervised: all views of the anchor's class but itself are positives, and stand in the denominator.
        queue: the negatives come from a memory of that many, not from the batch.
        remark: what else differs.
    """

    id: str
    objective: str
    temperature: float
    base_temperature: float | None = None
    supervised: bool = False
    queue: bool = False
    remark: str = ""


CODE_BASES = {
    base.id: base
    for base in (
        CodeBase("supcontrast", "SupConLoss", 0.07, 0.07, True, remark="mean over positives outside the log"),
        CodeBase("supcontrast-simclr", "SupConLoss without labels", 0.07, 0.07),
        CodeBase("hcl", "criterion", 0.5, remark="H-UCL at Q = K = 2B - 2; debiasing may go below the least"),
        CodeBase("pytorch-metric-learning", "NTXentLoss", 0.07, remark="each positive pair against all negatives"),
        CodeBase("pytorch-metric-learning-supcon", "SupConLoss", 0.1, supervised=True),
        CodeBase("solo-learn", "simclr_loss_func", 0.1, remark="more than two views: sum of positives inside the log"),
        CodeBase("lightly", "NTXentLoss", 0.5),
        CodeBase("lightly-memory", "NTXentLoss with a memory bank", 0.5, queue=True),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Translation:
    """A printed loss between its references, all in the printed units.

    Attributes:
        printed: the number.
        collapse: least value: the instances (supervised: the classes) are vertices of a simplex.
        full_collapse: all features one point.
        worst: no batch is above.
        loss: the printed value in nats, without the code base's factor.
        reading: one sentence.
    """

    printed: float
    collapse: float
    full_collapse: float
    worst: float
    loss: float
    reading: str


def translate(
    code_base: str,
    printed: float,
    batch: int,
    *,
    temperature: float | None = None,
    classes: int | None = None,
    queue: int | None = None,
) -> Translation:
    """What a printed loss says.

    Args:
        code_base: a name of `CODE_BASES`.
        printed: the value in the log.
        batch: B images, two views of each, over all devices where negatives are gathered.
        temperature: the default of the code base unless given.
        classes: C in the batch, equally frequent; needed where labels are used.
        queue: size of the memory; needed where there is one.

    Raises:
        InputError: the name is unknown, or a number is missing or out of range.
    """
    one_of("code_base", code_base, CODE_BASES)
    base = CODE_BASES[code_base]
    tau = base.temperature if temperature is None else temperature
    check("temperature", tau, POSITIVE, f"the default there is {base.temperature:g}")
    check("batch", batch, whole(2), "the usual is 256 images")
    if base.queue and (queue is None or queue < 1):
        raise InputError(f"queue: '{code_base}' needs the size of its memory, received {queue}; 4096 is usual")
    if base.supervised and (classes is None or not 2 <= classes <= batch):
        raise InputError(f"classes: '{code_base}' needs a number from 2 to {batch}, received {classes}")
    scale = 1.0 if base.base_temperature is None else tau / base.base_temperature
    views = 2 * batch
    negatives = queue if base.queue and queue is not None else views - 2
    others: float = negatives
    positives, vertices = 1.0, batch
    if base.supervised and classes is not None:
        positives, vertices = views / classes - 1, classes
        others = views - 1 - positives
    if base.queue:
        least = -2 / tau  # nothing keeps a memory's negatives from lying opposite
    else:
        least = -vertices / ((vertices - 1) * tau)
    collapse, full = (scale * math.log(positives + others * math.exp(x)) for x in (least, 0.0))
    # With several positives some may be near while others are far: all of them are counted as far from the one.
    log_apart = math.log(others + positives * (1.0 if base.supervised else math.exp(-2 / tau)))
    reading = _reading(printed, collapse, full, base, negatives) + (f" ({base.remark})" if base.remark else "")
    return Translation(printed, collapse, full, scale * (2 / tau + log_apart), printed / scale, reading)


def _reading(printed: float, collapse: float, full: float, base: CodeBase, negatives: int) -> str:
    if printed < collapse - 1e-3 * abs(collapse):
        return f"below {collapse:.3f}, the least there is: another temperature, batch or objective than stated"
    if abs(printed - full) <= 0.01 * full:
        said = "log of the number of other views" if base.supervised else f"log(1 + {negatives}), one and its negatives"
        return f"{full:.3f} is the {said}: all features are one point, or nothing is learned yet"
    if printed > full:
        return f"above {full:.3f}, which one point would give: positives lie farther than negatives"
    share = (full - printed) / (full - collapse)
    return f"{share:.0%} of the way from one point ({full:.3f}) to the simplex ({collapse:.3f})"
