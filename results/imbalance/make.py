"""SCL and H-SCL on long-tailed Fashion-MNIST, beside the optimum that the class sizes allow.

    python results/imbalance/make.py [--runs runs/imbalance] [--seeds 3] [--longer 1]

The recipe is that of `boundcheck reproduce jiang2022 --preset cpu`, but every anchor counts the same (`average` is
`anchors`: over all pairs a class would count by the square of its size) and the 2,000 training images are of unequal
classes. Which class is how large is drawn by the seed, the same for every objective. Finished runs are kept in --runs.
Writes optimum.csv, encoders.csv, pairs.csv, differences.csv, table.md and cosines.png beside itself.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from optimum import Gram, collapse_ratio, free_embeddings, optimum, shares_of_batches
from tables import differences, draw, table

from boundcheck import EmbeddingSet, estimate, held_out_views
from boundcheck.checkpoints import load_encoder
from boundcheck.data import DATASETS, ImageSet, load_from
from boundcheck.lab.papers.geometry import class_means
from boundcheck.lab.papers.images import represent
from boundcheck.lab.papers.presets import JIANG2022
from boundcheck.lab.training import train
from boundcheck.lab.training.encode import encode
from boundcheck.lab.training.probes import probe

HERE = Path(__file__).parent
RECIPE = JIANG2022["cpu"].trainings[0]
CLASSES, IMAGES, HELD_OUT = 10, 2000, 1000
Q, TEMPERATURE = RECIPE.measured_q, RECIPE.temperature
BETAS = (0.0, 0.5, 2.0)  # 0 is SCL
PROFILES = [("exponential", 1), ("exponential", 50), ("one large", 40), ("exponential", 10)]
LONGER = PROFILES[1:3]  # that SCL is trained on four times as long as well


def shares(profile: str, ratio: float) -> np.ndarray:
    """Of classes by rank, the largest first, `ratio` times the smallest: falling alike, or all but one alike."""
    ranks = np.arange(CLASSES)
    weights = ratio ** (-ranks / (CLASSES - 1)) if profile == "exponential" else np.where(ranks, 1 / ratio, 1.0)
    return weights / weights.sum()


def sizes(profile: str, ratio: float, number: int) -> np.ndarray:
    """Whole numbers that sum to `number`, by largest remainders."""
    exact = number * shares(profile, ratio)
    whole = np.floor(exact).astype(int)
    whole[np.argsort(whole - exact, kind="stable")[: number - whole.sum()]] += 1
    return whole


def groups(profile: str) -> dict[str, slice]:
    """Which ranks are called large and small."""
    return {"large": slice(0, 1), "small": slice(1, None)} if profile == "one large" else {
        "large": slice(0, 3),
        "small": slice(CLASSES - 3, None),
    }  # fmt: skip


def cosines(gram: Gram, profile: str) -> dict[str, float]:
    """Mean cosines of pairs of class means within and between the groups; NaN for a group of one class."""
    large, small = groups(profile).values()
    kinds = {"large-large": (large, large), "large-small": (large, small), "small-small": (small, small)}
    apart = np.where(np.eye(CLASSES, dtype=bool), np.nan, gram)
    blocks = {kind: apart[block] for kind, block in kinds.items()}
    return {kind: float(np.nanmean(part)) if np.isfinite(part).any() else np.nan for kind, part in blocks.items()}


def predictions() -> tuple[pd.DataFrame, dict[tuple[str, int, float], Gram]]:
    """The optimum of every profile and hardness, and what its premises are worth."""
    rows, grams = [], {}
    for profile, ratio in PROFILES:
        few = np.maximum(sizes(profile, ratio, 100), 1)
        large = sizes(profile, ratio, IMAGES)
        for beta in BETAS:
            loss, gram, gap = optimum(large / large.sum(), beta, Q, TEMPERATURE)
            in_batches = shares_of_batches(large, RECIPE.batch_size)
            batch_loss, batch_gram, _ = optimum(in_batches, beta, Q, TEMPERATURE)
            few_loss, few_gram, _ = optimum(few / few.sum(), beta, Q, TEMPERATURE)
            free_loss, free_gram, free_norm = free_embeddings(few, beta, Q, TEMPERATURE)
            grams[profile, ratio, beta] = gram
            facts = {"profile": profile, "ratio": ratio, "beta": beta, "loss": loss, "gap": np.nan if beta else gap}
            batch = {"batch_loss": batch_loss, "batch_cosine_error": np.abs(batch_gram - gram).max()}
            free = {
                "free_loss": free_loss,
                "free_optimum": few_loss,
                "free_cosine_error": np.abs(free_gram - few_gram).max(),
                "free_least_norm": free_norm,
            }
            rows.append(facts | cosines(gram, profile) | batch | free)
            print(rows[-1], flush=True)
    return pd.DataFrame(rows), grams


def by_rank(images: ImageSet, order: np.ndarray) -> ImageSet:
    """The images with the rank of their class for a label."""
    names = tuple(images.classes[label] for label in order)
    return ImageSet(images.name, images.split, images.images, np.argsort(order)[images.labels], names, images.ids)


def long_tailed(images: ImageSet, counts: np.ndarray) -> ImageSet:
    """The first images of each class, in a fixed shuffle."""
    shuffled = np.random.default_rng(0).permutation(len(images))
    labels = images.labels[shuffled]
    chosen = [shuffled[labels == rank][:count] for rank, count in enumerate(counts)]
    return images.subset(np.concatenate(chosen))


def losses(z: np.ndarray, labels: np.ndarray, beta: float) -> dict[str, float]:
    """SCL, and the loss trained with, of the data as they are."""
    found = estimate(
        EmbeddingSet(z, labels), temperature=TEMPERATURE, betas=(beta,), q=(Q,), positives="class",
        losses=("scl", "hscl"), intervals=False,
    ).to_frame()  # fmt: skip
    by_loss = found.set_index("loss")["estimate"]
    return {"scl": float(by_loss["scl"]), "own": float(by_loss["hscl" if beta else "scl"])}


def measure(run: dict, data: dict[str, ImageSet], place: Path) -> dict:
    """Trains one encoder and measures it; what was found before is read."""
    done = place / "measured.json"
    if not done.exists():
        beta, counts = run["beta"], sizes(run["profile"], run["ratio"], IMAGES)
        order = np.random.default_rng([run["seed"], 1]).permutation(CLASSES)
        ranked = {part: by_rank(images, order) for part, images in data.items()}
        own = long_tailed(ranked["train"], counts)
        held_out = long_tailed(ranked["test"], sizes(run["profile"], run["ratio"], HELD_OUT))
        path = train(
            own, objective="hscl" if beta else "scl", out=place / "train", beta=beta, seed=run["seed"],
            epochs=run["epochs"], batch_size=RECIPE.batch_size, temperature=TEMPERATURE, device="cpu", resume=True,
            learning_rate=RECIPE.learning_rate, weight_decay=RECIPE.weight_decay, views_apart=RECIPE.views_apart,
            options={"average": "anchors"},
        )  # fmt: skip
        encoder = load_encoder(path).encoder
        row: dict = dict(run)
        for part, images in (("train", own), ("held_out", held_out)):
            z = encode(encoder, held_out_views(images)[0])
            unit = z / np.linalg.norm(z, axis=2, keepdims=True)
            row |= {f"{name}_{part}": value for name, value in losses(unit, images.labels, beta).items()}
            means = class_means(unit.reshape(-1, unit.shape[2]), np.repeat(images.labels, 2))
            norms = np.linalg.norm(means, axis=1)
            gram = means @ means.T / np.outer(norms, norms)
            row |= {f"{kind}_{part}": value for kind, value in cosines(gram, run["profile"]).items()}
            row |= {f"norm_{name}_{part}": norms[g].mean() for name, g in groups(run["profile"]).items()}
            row[f"gram_{part}"] = gram.tolist()
        features = {part: represent(encoder, ranked[part])[0] for part in ("balanced", "test")}
        test = ranked["test"].labels
        correct = probe("linear", features["balanced"], ranked["balanced"].labels, features["test"], test).correct
        per_class = np.bincount(test, correct) / np.bincount(test)
        row |= {"accuracy": per_class.mean()} | {
            f"accuracy_{name}": per_class[g].mean() for name, g in groups(run["profile"]).items()
        }
        done.parent.mkdir(parents=True, exist_ok=True)
        done.write_text(json.dumps(row))
    found: dict = json.loads(done.read_text())
    return found


def runs(seeds: int, longer: int) -> Iterator[dict]:
    """Every run, seed by seed, with one seed of the hardest tilt; then those of `LONGER`."""
    for seed in range(seeds):
        for profile, ratio in PROFILES:
            for beta in BETAS if seed == 0 else BETAS[:2]:
                yield {"profile": profile, "ratio": ratio, "beta": beta, "seed": seed, "epochs": RECIPE.epochs}
    for seed in range(longer):
        for profile, ratio in LONGER:
            yield {"profile": profile, "ratio": ratio, "beta": 0.0, "seed": seed, "epochs": 4 * RECIPE.epochs}


def pairs_of(rows: list[dict], grams: dict) -> pd.DataFrame:
    """Predicted and measured cosine of every pair of ranks, for every encoder."""
    first, second = np.triu_indices(CLASSES, 1)
    parts = []
    for row in rows:
        keys = {key: row[key] for key in ("profile", "ratio", "beta", "seed", "epochs")}
        predicted = grams[row["profile"], row["ratio"], row["beta"]][first, second]
        measured = {part: np.array(row[f"gram_{part}"])[first, second] for part in ("train", "held_out")}
        parts.append(pd.DataFrame({"first": first, "second": second, "predicted": predicted} | measured).assign(**keys))
    return pd.concat(parts, ignore_index=True)


def main() -> None:
    """Computes the optima, runs what is missing, and writes tables and figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=Path("runs/imbalance"))
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--longer", type=int, default=1, help="seeds of the longer runs")
    chosen = parser.parse_args()
    source = DATASETS[RECIPE.dataset]
    data = {"train": load_from(source, "train"), "test": load_from(source, "test")}
    data["balanced"] = data["train"].subset(np.random.default_rng(1).permutation(len(data["train"]))[:IMAGES])
    rows = []
    for run in runs(chosen.seeds, chosen.longer):
        name = "-".join(str(value).replace(" ", "_") for value in run.values())
        rows.append(measure(run, data, chosen.runs / name))
        print(name, f"SCL {rows[-1]['scl_train']:.3f} accuracy {rows[-1]['accuracy']:.3f}", flush=True)
    predicted, grams = predictions()
    predicted.to_csv(chosen.out / "optimum.csv", index=False)
    pairs = pairs_of(rows, grams)
    pairs.to_csv(chosen.out / "pairs.csv", index=False)
    encoders = pd.DataFrame(rows).drop(columns=["gram_train", "gram_held_out"])
    encoders.to_csv(chosen.out / "encoders.csv", index=False)
    tests = differences(encoders)
    tests.to_csv(chosen.out / "differences.csv", index=False)
    ratio = collapse_ratio(CLASSES - 1, Q, TEMPERATURE)
    said = f"With one large class SCL's optimum has all small ones at one point from ratio {ratio:.1f} on.\n"
    (chosen.out / "table.md").write_text(table(encoders, pairs, predicted, tests, Q) + "\n" + said, encoding="utf-8")
    draw(pairs, chosen.out / "cosines.png")


if __name__ == "__main__":
    main()
