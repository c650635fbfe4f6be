"""What a file of weights may name.

Code bases save a few objects of the standard library, of numpy and of their optimizers beside the weights. Nothing that
a file names is imported or called; of what is named here, options become an `argparse.Namespace`, kinds of dict become
dicts, and everything else is left out. Another name is refused, for what it stands for is lost, and others' readers
would run it.
"""

from __future__ import annotations

import argparse
import re
from typing import Any

from boundcheck.errors import FileError
from boundcheck.ingest import Named, TensorMeaning

_DICTS = (
    "pytorch_lightning.utilities.parsing.AttributeDict",
    "lightning.pytorch.utilities.parsing.AttributeDict",
    "lightning.fabric.utilities.data.AttributeDict",
    "lightning_fabric.utilities.data.AttributeDict",
    "collections.defaultdict",
    "builtins.dict",
)
_NAMESPACE = "argparse.Namespace"
_ADMITTED = (
    _NAMESPACE,
    *_DICTS,
    "_codecs.encode",
    "builtins.bytearray",
    "builtins.complex",
    "builtins.getattr",
    "builtins.set",
    "collections.Counter",
    "collections.OrderedDict",
    "functools.partial",
    "numpy.dtype",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar",
    "pathlib.Path",
    "pathlib.PosixPath",
    "pathlib.WindowsPath",
    "pathlib._local.PosixPath",
    "torch.optim.sgd.SGD",
    "torch.optim.adam.Adam",
    "torch.optim.adamw.AdamW",
    # solo-learn wraps its scheduler's step in a partial of these
    "solo.methods.base.static_lr",
    "solo.utils.lr_scheduler.LinearWarmupCosineAnnealingLR",
    "solo.utils.lars.LARS",
)
# torch's own, which its restricted reader admits
_TORCH = re.compile(
    r"torch\.((cuda\.)?(sparse\.)?\w*Tensor|(cuda\.|storage\.)?\w*Storage|Size|device|nn\.parameter\.Parameter"
    r"|_utils\._rebuild_\w+|_tensor\._rebuild_from_type_v2|serialization\._get_layout|per_\w+|torch_version\.TorchVersion)"
)


class NotAdmittedError(FileError):
    """A file names something else; the message is the name."""


class Admitted(TensorMeaning):
    """Tensors, plain values, options, and what is admitted and left out."""

    def named(self, name: str) -> Any:
        """A dtype, a kind of storage, or an admitted name; protocol 2 calls the built-in functions as Python 2 did."""
        name = re.sub(r"^__builtin__\.", "builtins.", name)
        found = super().named(name)
        if isinstance(found, Named) and name not in _ADMITTED and not _TORCH.fullmatch(name):
            raise NotAdmittedError(name)
        return found

    def call(self, function: Any, arguments: tuple[Any, ...]) -> Any:
        """Options and kinds of dict are made here, their items follow."""
        name = function.name if isinstance(function, Named) else ""
        if name in _DICTS:
            return {}
        return argparse.Namespace() if name == _NAMESPACE else super().call(function, arguments)

    def state(self, target: Any, state: Any) -> None:
        """Options by name."""
        if isinstance(target, argparse.Namespace) and isinstance(state, dict):
            vars(target).update({key: value for key, value in state.items() if isinstance(key, str)})
