"""Measured error and every bound against the number of shots, three encoders of 4,000 of Fashion-MNIST's test images.

python results/downstream_bounds/make.py          (--draw: the figure alone, from the tables)

Writes bounds.csv, measured.csv, pairs.csv and shots.png. The contrastive encoder is trained
where runs/downstream_bounds/ucl/encoder.pt is missing: 3 epochs of UCL on 3,000 images, seed 0. The linear maps
are fitted to the 10,000 images of which those are the first.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

import boundcheck as bc
from boundcheck.report.downstream_figure import draw_downstream
from boundcheck.report.style import PAGE, paper

HERE = Path(__file__).parent
ENCODER = Path("runs/downstream_bounds/ucl/encoder.pt")
FITTED = 10_000  # training images that the linear maps are fitted to
TRAINED, TESTED = 3_000, 4_000
SHOTS, EPISODES, GROUPS = (1, 5, 20, 90), 10, 10
TWO = ("Sandal", "Sneaker")


def encoders() -> dict[str, bc.EmbeddingSet]:
    """The test images by each encoder, rows of norm one."""
    train, test = (bc.load_dataset("fashion_mnist", split=split) for split in ("train", "test"))
    test = test.subset(slice(TESTED))
    some = train.subset(np.random.default_rng(0).permutation(len(train))[:FITTED])
    pixels, held = (images.images.reshape(len(images), -1) / 255.0 for images in (some, test))
    pca = PCA(64, random_state=0).fit(pixels)
    reduced, reduced_held = pca.transform(pixels), pca.transform(held)
    supervised = LinearDiscriminantAnalysis().fit(reduced, some.labels)
    if not ENCODER.exists():
        bc.train(some.subset(slice(TRAINED)), objective="ucl", out=ENCODER.parent, epochs=3, seed=0)
    contrastive = bc.extract(bc.load_encoder(ENCODER), test, views=2, seed=0)
    linear = {
        "principal components": reduced_held,
        "linear discriminants (supervised)": supervised.transform(reduced_held),
    }
    sets = {name: bc.EmbeddingSet(z, test.labels, test.ids, classes=test.classes) for name, z in linear.items()}
    return {"UCL, convnet": contrastive} | sets


def measure() -> None:
    """Write the tables."""
    tables = {"bounds": [], "measured": [], "pairs": []}
    for name, emb in encoders().items():
        two = emb.subset(np.isin(np.array(emb.classes)[emb.y], TWO))
        for task, some in (("10 classes", emb), (" and ".join(TWO), two)):
            result = bc.downstream(some, shots=SHOTS, episodes=EPISODES, groups=GROUPS)
            for table, frames in tables.items():
                frames.append(getattr(result, table).assign(encoder=name, task=task))
        print(name, flush=True)
    for table, frames in tables.items():
        pd.concat(frames).to_csv(HERE / f"{table}.csv", index=False, float_format="%.6g")


def draw() -> None:
    """Two rows of three panels, from the tables."""
    bounds, measured = (pd.read_csv(HERE / f"{table}.csv") for table in ("bounds", "measured"))
    names, tasks = (bounds[column].unique() for column in ("encoder", "task"))
    with paper():
        fig, axes = plt.subplots(2, len(names), figsize=(PAGE, 4.6), sharex=True, sharey=True, layout="constrained")
        for first, row, task, classes in zip((True, False), axes, tasks, (10, 2), strict=True):
            for ax, name in zip(row, names, strict=True):
                here = (frame[(frame.encoder == name) & (frame.task == task)] for frame in (bounds, measured))
                draw_downstream(ax, *here, classes)
                ax.set_title(f"{name}\n{task}" if first else task)
                ax.set_xlabel("" if first else "instances of each class, m")
            row[0].set_ylabel("error; grey: from 1 on, vacuous")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        fig.legend(handles, labels, loc="outside lower center", ncols=4)
        fig.savefig(HERE / "shots.png", dpi=200)


if __name__ == "__main__":
    if "--draw" not in sys.argv:
        measure()
    draw()
