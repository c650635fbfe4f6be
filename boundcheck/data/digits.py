"""The 1,797 handwritten digits of scikit-learn, 8x8 grey: the data set that is always there."""

from __future__ import annotations

from base64 import b64decode
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

from boundcheck.data.base import ImageSet, Places, Source, numbered_ids
from boundcheck.errors import FileError

# A bit for each digit: 597 of them are for the test, each class in proportion. scikit-learn has no split of its own;
# this is its train_test_split(test_size=597, random_state=0, stratify=labels).
_TEST = b64decode(
    "SCAEyLUmMMAJFmEh10JFDFoADBEipAAoBiweCBEIlgoAkBkyBDD8oJLDluRCKErasEQXJMlCyOJKATCAYATYIUDroCAAWI3FgBBC"
    "DqCQAAVK6AHwEAAyjswJAFo2hACDuAU8o6aeTgIkAA/L1CgEpJndAhJAYeVAgSxgTpw3a4WSF0FUyEBIQqCkmApQALZLhWHuiROI"
    "zxJsgsAiBQaPQiEJ8gLBQb2IE8gJGQEBlI4hAsQQqOUhMyg5JMlEwMhojiECkyaCAokypkAtpgYhCKpggJiJoAwShgJqEoU8tB0g"
)


def read(source: Source, split: str, places: Places) -> ImageSet:
    """One part of a fixed split: 597 test images, 1,200 for training. Grey levels 0..16 become 0..255.

    Raises:
        FileError: scikit-learn has no such file.
    """
    rows = pd.read_csv(_file(), header=None, dtype=np.uint8).to_numpy()  # (1797, 64 pixels and the label)
    test = np.unpackbits(np.frombuffer(_TEST, np.uint8), count=len(rows)).astype(bool)
    chosen = rows[test if split == "test" else ~test]
    images = np.rint(chosen[:, None, :-1].reshape(-1, 1, 8, 8) * (255 / 16)).astype(np.uint8)
    labels = chosen[:, -1].astype(np.int64)
    return ImageSet(source.name, split, images, labels, tuple("0123456789"), numbered_ids(split, len(chosen)))


def _file() -> Path:
    """Where scikit-learn keeps them; importing it for one file would take a second."""
    package = find_spec("sklearn")
    path = Path(str(package and package.origin)).parent / "datasets" / "data" / "digits.csv.gz"
    if not path.is_file():
        raise FileError(f"digits: expected scikit-learn's {path.name}, not found; reinstall scikit-learn")
    return path


SOURCE = Source("digits", ("train", "test"), read)
