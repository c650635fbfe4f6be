"""The 1,797 handwritten digits of scikit-learn, 8x8 grey: the data set that is always there."""

from __future__ import annotations

import numpy as np

from boundcheck.data.base import ImageSet, Places, Source, numbered_ids

TEST_SIZE, SPLIT_SEED = 597, 0


def read(source: Source, split: str, places: Places) -> ImageSet:
    """One part of a fixed split: 597 test images, 1,200 for training, each class in proportion.

    scikit-learn has no split of its own, so this one is made with `train_test_split(test_size=597,
    random_state=0, stratify=labels)`. Grey levels 0..16 become 0..255.
    """
    from sklearn.datasets import load_digits  # a quarter of a second to import
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    parts = train_test_split(
        np.arange(len(digits.target)), test_size=TEST_SIZE, random_state=SPLIT_SEED, stratify=digits.target
    )
    chosen = np.sort(parts[source.splits.index(split)])
    images = np.rint(digits.images[chosen, None] * (255 / 16)).astype(np.uint8)  # (n, 1, 8, 8)
    labels = digits.target[chosen].astype(np.int64)
    classes = tuple(str(name) for name in digits.target_names)
    return ImageSet(source.name, split, images, labels, classes, numbered_ids(split, len(chosen)))


SOURCE = Source("digits", ("train", "test"), read)
