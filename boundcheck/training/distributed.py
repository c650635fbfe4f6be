"""One encoder on several processes.

The loss is that of the global batch on every process: embeddings are gathered, each process computes the
whole loss, and its gradients flow into its own share of the embeddings. DistributedDataParallel averages the
parameters' gradients over the processes, so `Step` multiplies the loss by their number.
"""

from __future__ import annotations

from datetime import timedelta

from torch import nn
from torch.nn.parallel import DistributedDataParallel

from boundcheck.workers import Workers

from .batchnorm import synchronised

TIME_OUT = timedelta(hours=4)  # the others wait while the first process runs the callbacks of an epoch


def spread(model: nn.Module, workers: Workers) -> nn.Module:
    """The model as the processes train it together: gradients averaged, batch normalisation over all of them.

    Args:
        model: on the workers' device, the same on all; its batch normalisation is changed in place.
        workers: the processes.

    Returns:
        The model itself where there is one process.
    """
    if workers.size == 1:
        return model
    synchronised(model, workers.device)
    return DistributedDataParallel(model, [workers.device.index] if workers.device.type == "cuda" else None)
