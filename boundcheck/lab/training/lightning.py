"""The tracker as a callback of Lightning, which is imported only here, and only when one is made."""

from __future__ import annotations

import sys
import warnings
from importlib.util import find_spec
from typing import Any

from boundcheck._optional import import_optional
from boundcheck.errors import BoundcheckError

from .tracker import Tracker

_PACKAGES = ("lightning.pytorch", "pytorch_lightning")


def lightning_callback(tracker: Tracker) -> Any:
    """A callback that measures before the first epoch, after every `tracker.every`-th and after the last.

    The numbers go to all loggers of the trainer (TensorBoard, MLflow, W&B, CSV, ...), at its step, and into the
    tracker's tables. With several processes each encodes, and the first estimates and logs. Embeddings that cannot be
    measured, because training has broken down, are a warning and not the end of the training.

    Args:
        tracker: measures the module; its `embed` says how embeddings come from it where its forward does not return
            them.

    Returns:
        A `Callback` of `lightning`, of `pytorch_lightning`, or of both where both are loaded.

    Raises:
        InputError: neither can be imported.
    """

    class TrackBounds(*_bases()):  # type: ignore[misc]  # known when it is made
        def on_train_start(self, trainer: Any, module: Any) -> None:
            if trainer.current_epoch == 0:
                _measure(tracker, trainer, module, 0)

        def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
            epoch = trainer.current_epoch + 1  # counted from 0 there, finished ones here
            if epoch % tracker.every == 0:
                _measure(tracker, trainer, module, epoch)

        def on_train_end(self, trainer: Any, module: Any) -> None:
            if trainer.current_epoch % tracker.every:  # finished ones here too
                _measure(tracker, trainer, module, trainer.current_epoch)

        def __reduce__(self) -> Any:  # a class made in a function cannot be found again by name
            return lightning_callback, (tracker,)

    return TrackBounds()


def _bases() -> tuple[type, ...]:
    """The `Callback` classes of what is loaded; of what is installed where nothing is."""
    loaded = [sys.modules[name] for name in _PACKAGES if name in sys.modules]
    if not loaded:
        name = next((name for name in _PACKAGES if find_spec(name.partition(".")[0])), _PACKAGES[0])
        loaded = [import_optional(name, "lightning", "lightning", "callback")]
    return tuple(module.Callback for module in loaded)


def _measure(tracker: Tracker, trainer: Any, module: Any, epoch: int) -> None:
    z = tracker.encoded(module)  # on every process: a forward pass may need them all
    if not trainer.is_global_zero:
        return
    try:
        tracker.put(z, epoch)
    except BoundcheckError as error:
        if epoch == 0:
            raise
        warnings.warn(f"boundcheck: epoch {epoch} was not measured ({error})", stacklevel=2)
        return
    for logger in trainer.loggers:
        logger.log_metrics(tracker.values, step=trainer.global_step)
