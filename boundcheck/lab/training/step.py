"""One step of the optimizer: views, embeddings, the loss of the batch, its gradients."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from boundcheck.augment import ViewRecipe, views
from boundcheck.ranks import Ranks

PRECISIONS = ("float32", "bf16")


@dataclass(frozen=True)
class Step:
    """The data on the device and everything a step needs.

    Attributes:
        images: (n, ch, h, w) bytes.
        labels: (n,).
        model: the encoder, or `WithClassifier`, or DistributedDataParallel around either.
        optimizer: of the model's parameters.
        loss: from embeddings (b, v, d) and labels (b,) to a scalar.
        draws: whether the loss draws random numbers: it then takes a `generator`.
        classifies: whether the model has a classifier: the loss then takes its `class_logits` (b, v, c).
        recipe: how views are made.
        n_views: v, views of every image.
        normalise: whether embeddings are L2-normalised before the loss.
        seed: of the views and of the loss's draws.
        accumulate: micro-batches whose gradients are averaged.
        bf16: whether the encoder computes in bfloat16 where that is safe; on GPUs only.
        ranks: the processes that share each batch.
        watch: called with the embeddings (b, v, d) and labels (b,) of every batch, without gradients.
    """

    images: Tensor
    labels: Tensor
    model: nn.Module
    optimizer: torch.optim.Optimizer
    loss: Callable[..., Tensor]
    draws: bool
    classifies: bool
    recipe: ViewRecipe
    seed: int
    accumulate: int
    bf16: bool
    ranks: Ranks
    n_views: int = 2
    normalise: bool = True
    watch: Callable[[Tensor, Tensor], object] | None = None

    def __call__(self, epoch: int, number: int, index: Int[np.ndarray, " b"], rate: float) -> float:
        """Takes one step, unless the loss is not finite.

        Args:
            epoch: from 0; the views are the data set's views number v epoch to v epoch + v - 1.
            number: of the step in the epoch, from 0.
            index: the images of all micro-batches and of all processes.
            rate: learning rate.

        Returns:
            The mean of the micro-batches' losses, nats.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad()
        losses = []
        for k, batch in enumerate(np.split(index, self.accumulate)):
            with self._local() if k + 1 < self.accumulate else contextlib.nullcontext():
                z, scores = self.embed(epoch, batch)
                inputs: dict[str, object] = {"generator": self._generator(epoch, number, k)} if self.draws else {}
                inputs |= {"class_logits": scores} if self.classifies else {}
                loss = self.loss(z, self.labels[batch], **inputs)
                # DistributedDataParallel averages over the processes; their sum is the gradient
                torch.autograd.backward(loss * (self.ranks.size / self.accumulate))
            losses.append(loss.item())
            if self.watch is not None and self.ranks.is_first:
                self.watch(z.detach(), self.labels[batch])
        mean = float(np.mean(losses))
        if math.isfinite(mean):
            self.optimizer.step()
        return mean

    def embed(
        self, epoch: int, batch: Int[np.ndarray, " b"]
    ) -> tuple[Float[Tensor, "b v d"], Float[Tensor, "b v c"] | None]:
        """Embeddings of the views of the images as the loss takes them, those of the other processes included.

        Returns:
            The embeddings, and the classifier's outputs where there is one.
        """
        own = self.ranks.share(batch)
        images = self.images[own]
        v = self.n_views
        made = [views(images, own, v * epoch + k, self.seed, self.recipe) for k in range(v)]
        with torch.autocast(images.device.type, torch.bfloat16, enabled=self.bf16):
            first, raw = self.model(torch.cat(made).contiguous(memory_format=torch.channels_last))
        z = self._gathered(F.normalize(_wide(raw), dim=1) if self.normalise else _wide(raw))
        return z, self._gathered(_wide(first)) if self.classifies else None

    def _gathered(self, rows: Float[Tensor, "rows k"]) -> Float[Tensor, "b v k"]:
        """Rows of this process, view after view, as those of the global batch."""
        return self.ranks.gather(rows.view(self.n_views, len(rows) // self.n_views, -1).transpose(0, 1))

    def _generator(self, *place: int) -> torch.Generator:
        """What the loss draws depends on the seed and the place in the run alone, as a resumed run needs it."""
        state = np.random.SeedSequence([self.seed, *place]).generate_state(1, np.uint64)
        return torch.Generator().manual_seed(int(state[0]))

    def _local(self) -> contextlib.AbstractContextManager[None]:
        """Gradients stay on this process until the last micro-batch."""
        if isinstance(self.model, DistributedDataParallel):
            local: contextlib.AbstractContextManager[None] = self.model.no_sync()
            return local
        return contextlib.nullcontext()


def _wide(x: Tensor) -> Tensor:
    """At least float32: the loss is never computed in bfloat16."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
