"""SCL and H-SCL trained on five classes, each two merged, and probed on the ten that they hide.

    python results/merged_classes/make.py [--runs runs/merged_classes] [--seeds 3]

The recipe is that of `boundcheck reproduce jiang2022 --preset cpu`, with the same 2,000 training images; classes
that look alike are merged. Finished runs are kept in --runs. Writes accuracy.csv and table.md beside itself.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from boundcheck.checkpoints import load_encoder
from boundcheck.inference.multiplicity import holm
from boundcheck.lab.papers.images import TrialData, load_trial_data, represent
from boundcheck.lab.papers.presets import JIANG2022
from boundcheck.lab.training import train
from boundcheck.lab.training.probes import paired_test, probe

HERE = Path(__file__).parent
RECIPE = JIANG2022["cpu"].trainings[0]
BETAS = (0.0, 0.5, 1.0, 2.0)  # 0 is SCL
PAIRS = [
    ("T-shirt/top", "Shirt"), ("Pullover", "Coat"), ("Trouser", "Dress"), ("Sandal", "Sneaker"), ("Bag", "Ankle boot"),
]  # fmt: skip
# by column: probe, whether of the merged classes, and what both are called
PROBES = {
    "fine": ("linear", False, "ten classes, linear"),
    "fine_knn": ("knn", False, "ten classes, 200-NN"),
    "merged": ("linear", True, "five classes, linear"),
}


def measure(beta: float, seed: int, data: TrialData, place: Path) -> dict:
    """Trains one encoder and probes it; what was found before is read."""
    done = place / "accuracy.json"
    if not done.exists():
        classes = data.train.classes
        merged = np.array([next(i for i, pair in enumerate(PAIRS) if name in pair) for name in classes])
        names = tuple(" and ".join(pair) for pair in PAIRS)
        path = train(
            replace(data.train, labels=merged[data.train.labels], classes=names),
            objective="hscl" if beta else "scl", out=place / "train", beta=beta, seed=seed, device="cpu", resume=True,
            epochs=RECIPE.epochs, batch_size=RECIPE.batch_size, temperature=RECIPE.temperature,
            learning_rate=RECIPE.learning_rate, weight_decay=RECIPE.weight_decay, views_apart=RECIPE.views_apart,
            options=RECIPE.options,
        )  # fmt: skip
        encoder = load_encoder(path).encoder
        known, asked = (represent(encoder, images)[0] for images in (data.train, data.test))
        row = {"beta": beta, "seed": seed, "images": len(data.train)}
        for name, (kind, coarse, _) in PROBES.items():
            y, y_test = (merged[part.labels] if coarse else part.labels for part in (data.train, data.test))
            row[name] = probe(kind, known, y, asked, y_test).top1.value
        done.write_text(json.dumps(row))
    found: dict = json.loads(done.read_text())
    return found


def table(frame: pd.DataFrame) -> str:
    """Means over seeds, and what H-SCL differs from SCL by; p-values by Holm over the three hardnesses of a probe."""
    lines = [
        "| objective | probe | accuracy (%) | less SCL (points) | p, Holm | seeds |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for name, (_, _, title) in PROBES.items():
        by_seed = frame.pivot(index="seed", columns="beta", values=name)
        tests = {beta: paired_test(by_seed[beta], by_seed[0.0]) for beta in BETAS[1:]}
        corrected = dict(zip(tests, holm(np.array([test.p_value for test in tests.values()])), strict=True))
        for beta in BETAS:
            cells = [f"H-SCL, β = {beta:g}" if beta else "SCL", title, f"{100 * by_seed[beta].mean():.1f}"]
            if beta:
                test = tests[beta]
                cells.append(f"{100 * test.difference:+.1f} [{100 * test.low:+.1f}, {100 * test.high:+.1f}]")
                cells.append(f"{corrected[beta]:.2f}")
            else:
                cells += ["–", "–"]
            lines.append("| " + " | ".join([*cells, f"{len(by_seed)}"]) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Runs what is missing, seed by seed, and writes the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=Path("runs/merged_classes"))
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--seeds", type=int, default=3)
    chosen = parser.parse_args()
    data = load_trial_data(RECIPE, None)
    rows = []
    for seed in range(chosen.seeds):
        for beta in BETAS:
            rows.append(measure(beta, seed, data, chosen.runs / f"beta{beta:g}-seed{seed}"))
            print(rows[-1], flush=True)
    frame = pd.DataFrame(rows)
    frame.to_csv(chosen.out / "accuracy.csv", index=False)
    (chosen.out / "table.md").write_text(table(frame), encoding="utf-8")


if __name__ == "__main__":
    main()
