"""SCL and H-SCL tuned equally: learning rate, epochs, and whether gradients go through the weights of the tilt.

    python results/jiang2022/tuning.py [--runs runs/tuning] [--seeds 3] [--images 20000]

The images, the encoder and the probes are those of preset `cpu`, the seeds others (100 and up), so that what is chosen
here is not tested on the same encoders. Every finished run is kept in --runs and not done again. Writes tuning.csv (one
row a run) and tuning.md (means over seeds) beside itself.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import pandas as pd

from boundcheck.checkpoints import load_encoder
from boundcheck.errors import DivergedError
from boundcheck.lab.papers.images import load_trial_data, represent
from boundcheck.lab.papers.presets import JIANG2022
from boundcheck.lab.training import train
from boundcheck.lab.training.probes import probe

HERE = Path(__file__).parent
ENCODERS = [("scl", 0.0), ("hscl", 1.0), ("hscl", 2.0), ("hscl", 5.0)]
USUAL = {"learning_rate": 1e-3, "epochs": 10, "weight_gradient": True}
CHANGES = [{}, {"learning_rate": 3e-4}, {"learning_rate": 3e-3}, {"epochs": 30}, {"weight_gradient": False}]
KEYS = ["objective", "beta", *USUAL]


def settings():
    """Every encoder under every change; SCL has no weights to take gradients through."""
    for change in CHANGES:
        for objective, beta in ENCODERS:
            if objective != "scl" or "weight_gradient" not in change:
                yield {"objective": objective, "beta": beta} | USUAL | change


def measure(run: dict, seed: int, data, folder: Path) -> dict:
    """Trains one encoder, probes it, and keeps what was found."""
    name = "-".join(f"{value:g}" if not isinstance(value, str) else value for value in run.values())
    place = folder / f"{name}-seed{seed}"
    done = place / "accuracy.json"
    if not done.exists():
        row = run | {"seed": seed, "images": len(data.train), "linear": None, "knn": None}
        try:
            path = train(data.train, out=place / "train", seed=seed, device="cpu", resume=True, **run)
        except DivergedError:
            pass
        else:
            encoder = load_encoder(path).encoder
            outputs = [represent(encoder, images)[0] for images in (data.train, data.test)]
            for kind in ("linear", "knn"):
                row[kind] = probe(kind, outputs[0], data.train.labels, outputs[1], data.test.labels).top1.value
        done.parent.mkdir(parents=True, exist_ok=True)
        done.write_text(json.dumps(row))
    return json.loads(done.read_text())


def main() -> None:
    """Runs what is missing, seed by seed, and writes the tables after each run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=Path("runs/tuning"))
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--images", type=int, default=20_000)
    chosen = parser.parse_args()
    training = replace(JIANG2022["cpu"].trainings[0], images=chosen.images)
    data = load_trial_data(training, None)
    rows = []
    for seed in range(100, 100 + chosen.seeds):
        for run in settings():
            rows.append(measure(run, seed, data, chosen.runs / f"{chosen.images}"))
            print(rows[-1], flush=True)
            write(pd.DataFrame(rows), chosen.out)


def write(frame: pd.DataFrame, out: Path) -> None:
    """tuning.csv and tuning.md."""
    frame.to_csv(out / "tuning.csv", index=False)
    means = frame.groupby(KEYS, sort=False)[["linear", "knn"]].agg(["mean", "std", "count"])
    lines = ["| objective | beta | learning rate | epochs | weight gradient | linear probe (%) | 200-NN (%) | seeds |"]
    lines += ["|---|---:|---:|---:|---|---:|---:|---:|"]
    for key, row in means.iterrows():
        cells = [f"{100 * row[kind, 'mean']:.2f} ± {100 * row[kind, 'std']:.2f}" for kind in ("linear", "knn")]
        lines.append("| " + " | ".join([*map(str, key), *cells, f"{row['linear', 'count']:.0f}"]) + " |")
    note = "Means over seeds ± their standard deviation, top-1 on the 10,000 test images, backbone features."
    (out / "tuning.md").write_text("\n".join(lines) + f"\n\n{note}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
