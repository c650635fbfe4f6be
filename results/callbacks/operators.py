"""Lets torchvision be imported beside a build of torch that its compiled part does not fit.

lightly imports torchvision whole, and torchvision's wheels hold operators compiled for one build of torch (CUDA's, on
PyPI for Linux); beside another build, `import torchvision` fails with "operator torchvision::nms does not exist".
Neither the losses nor the heads nor the transforms used here call any of these operators (detection and pooling of
regions), so their names are declared without code: a call of one would still fail. Where torchvision fits, nothing
happens.
"""

from __future__ import annotations

import sys

import torch

_NAMES = ("nms", "qnms", "roi_align", "roi_pool", "ps_roi_align", "ps_roi_pool", "deform_conv2d")
_KEPT: list[torch.library.Library] = []  # a declaration lasts as long as its object


def declare() -> None:
    """Imports torchvision; declares its operators first where that is needed."""
    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name in _NAMES:
            library.define(f"{name}() -> ()")
            if name not in ("nms", "qnms"):
                library.define(f"_{name}_backward() -> ()")
        _KEPT.append(library)
        import torchvision  # noqa: F401
