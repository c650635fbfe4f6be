"""SCL and H-SCL tuned equally: learning rate, epochs, augmentation, and gradients through the weights of the tilt.

    python results/jiang2022/tuning.py [--runs runs/tuning] [--seeds 1] [--fresh 10] [--images 2000]

The recipe is that of preset `cpu`, on four fifths of its training images. Encoders of --seeds seeds (100 and up) are
compared on 10,000 other images of the training split; the settings with the best mean there, one for each objective,
are trained anew with --fresh seeds (200 and up) and compared on the 10,000 test images. H-SCL has four hardnesses and
SCL has none, so H-SCL has more settings to choose the luckiest of; luck does not carry over to the fresh seeds. Every
finished run is kept in --runs and not done again. Writes tuning.csv (one row a run) and tuning.md (means over seeds,
the settings chosen, their test) beside itself.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from boundcheck.checkpoints import load_encoder
from boundcheck.data import DATASETS, load_from
from boundcheck.errors import DivergedError
from boundcheck.lab.papers.images import load_trial_data, represent
from boundcheck.lab.papers.presets import JIANG2022
from boundcheck.lab.training import train
from boundcheck.lab.training.probes import paired_test, probe

HERE = Path(__file__).parent
RECIPE = JIANG2022["cpu"].trainings[0]
ENCODERS = [("scl", 0.0), ("hscl", 0.5), ("hscl", 1.0), ("hscl", 2.0), ("hscl", 5.0)]
USUAL = {"learning_rate": 1e-3, "epochs": RECIPE.epochs, "augment": True, "weight_gradient": True}
CHANGES = [
    {},
    {"learning_rate": 3e-4},
    {"learning_rate": 3e-3},
    {"epochs": 3 * RECIPE.epochs},
    {"augment": False},
    {"weight_gradient": False},
]
KEYS = ["objective", "beta", *USUAL]
TUNING, FRESH = 100, 200  # the first seeds
VALIDATION = 10_000


def settings():
    """Every encoder under every change; SCL has no weights to take gradients through."""
    for change in CHANGES:
        for objective, beta in ENCODERS:
            if objective != "scl" or "weight_gradient" not in change:
                yield {"objective": objective, "beta": beta} | USUAL | change


def measure(run: dict, seed: int, data: dict, folder: Path) -> dict:
    """Trains one encoder, probes it on the validation and on the test images, and keeps what was found."""
    name = "-".join(f"{value:g}" if not isinstance(value, str) else value for value in run.values())
    place = folder / f"{name}-seed{seed}"
    done = place / "measured.json"
    if not done.exists():
        row = run | {"seed": seed, "images": len(data["train"]), "validation": None, "test": None}
        try:
            path = train(
                data["train"],
                out=place / "train",
                seed=seed,
                device="cpu",
                resume=True,
                batch_size=RECIPE.batch_size,
                temperature=RECIPE.temperature,
                weight_decay=RECIPE.weight_decay,
                views_apart=RECIPE.views_apart,
                options=RECIPE.options,
                **run,
            )
        except DivergedError:
            pass
        else:
            encoder = load_encoder(path).encoder
            features = {part: represent(encoder, images)[0] for part, images in data.items()}
            for part in ("validation", "test"):
                known, asked = data["train"].labels, data[part].labels
                row[part] = probe("linear", features["train"], known, features[part], asked).top1.value
        done.parent.mkdir(parents=True, exist_ok=True)
        done.write_text(json.dumps(row))
    return json.loads(done.read_text())


def main() -> None:
    """Runs what is missing, seed by seed, and writes the tables after each run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=Path("runs/tuning"))
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--fresh", type=int, default=10)
    parser.add_argument("--images", type=int, default=RECIPE.images)
    chosen = parser.parse_args()
    loaded = load_trial_data(replace(RECIPE, images=chosen.images), None)
    train_images = loaded.train.subset(
        np.random.default_rng(1).permutation(len(loaded.train))[len(loaded.train) // 5 :]
    )
    everything = load_from(DATASETS[RECIPE.dataset], "train")
    others = np.random.default_rng(2).permutation(np.flatnonzero(~np.isin(everything.ids, train_images.ids)))
    data = {"train": train_images, "validation": everything.subset(others[:VALIDATION]), "test": loaded.test}
    rows = []
    runs = [(seed, run) for seed in range(TUNING, TUNING + chosen.seeds) for run in settings()]
    for seed, run in runs:
        rows.append(measure(run, seed, data, chosen.runs / f"{chosen.images}"))
        print(rows[-1], flush=True)
    best = choose(pd.DataFrame(rows))
    for seed in range(FRESH, FRESH + chosen.fresh):
        for run in best.values():
            rows.append(measure(run, seed, data, chosen.runs / f"{chosen.images}"))
            print(rows[-1], flush=True)
        write(pd.DataFrame(rows), best, chosen.out)


def means_of(frame: pd.DataFrame) -> pd.DataFrame:
    """Mean, standard deviation and number of validation accuracies of each setting; a diverged run has none."""
    tuned = frame[frame["seed"] < FRESH]
    return tuned.groupby(KEYS, sort=False)["validation"].agg(["mean", "std", "count"]).reset_index()


def choose(frame: pd.DataFrame) -> dict[str, dict]:
    """For each objective the setting with the best mean on the validation images; a diverged one comes last."""
    means = means_of(frame).set_index(KEYS)["mean"].fillna(0.0)
    tried = list(settings())
    return {
        name: max((run for run in tried if run["objective"] == name), key=lambda run: means[tuple(run.values())])
        for name in ("scl", "hscl")
    }


def write(frame: pd.DataFrame, best: dict[str, dict], out: Path) -> None:
    """tuning.csv and tuning.md."""
    frame.to_csv(out / "tuning.csv", index=False)
    lines = ["| objective | beta | learning rate | epochs | augmented | weight gradient | validation (%) | seeds |"]
    lines += ["|---|---:|---:|---:|---|---|---:|---:|"]
    for row in means_of(frame).itertuples(index=False):
        spread = f" ± {100 * row.std:.2f}" if row.count > 1 else ""
        cells = [*map(str, row[: len(KEYS)]), f"{100 * row.mean:.2f}{spread}", f"{row.count:.0f}"]
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", "Linear probe on backbone features, means over seeds, with several ± their standard deviation.", ""]
    tests = {}
    for name, run in best.items():
        same = (frame[KEYS] == pd.Series(run)).all(axis=1) & (frame["seed"] >= FRESH)
        tests[name] = own = frame[same].set_index("seed")["test"].dropna()
        chosen = ", ".join(f"{key} {run[key]}" for key in KEYS[1:])
        lines.append(f"- {name}: {chosen}; test accuracy {100 * own.mean():.2f} %, {len(own)} fresh seeds.")
    a, b = tests["hscl"].align(tests["scl"], join="inner")
    if len(a) > 1:
        test = paired_test(a.tolist(), b.tolist())
        lines.append(
            f"- H-SCL minus SCL, each as tuned, paired by seed: {100 * test.difference:+.2f} points "
            f"[{100 * test.low:+.2f}, {100 * test.high:+.2f}], p = {test.p_value:.2f}."
        )
    (out / "tuning.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
