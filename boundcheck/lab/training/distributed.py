"""One encoder on several processes.

The loss is that of the global batch on every process: embeddings are gathered, each process computes the
whole loss, and its gradients flow into its own share of the embeddings. DistributedDataParallel averages the
parameters' gradients over the processes, so `Step` multiplies the loss by their number.
"""

from __future__ import annotations

from datetime import timedelta

from torch import nn
from torch.nn.parallel import DistributedDataParallel

from boundcheck.ranks import Ranks

from .batchnorm import synchronised

TIME_OUT = timedelta(hours=4)  # the others wait while the first process runs the callbacks of an epoch


def spread(model: nn.Module, ranks: Ranks) -> nn.Module:
    """The model as the processes train it together: gradients averaged, batch normalisation over all of them.

    Args:
        model: on the ranks' device, the same on all; its batch normalisation is changed in place.
        ranks: the processes.

    Returns:
        The model itself where there is one process.
    """
    if ranks.size == 1:
        return model
    synchronised(model, ranks.device)
    return DistributedDataParallel(model, [ranks.device.index] if ranks.device.type == "cuda" else None)
