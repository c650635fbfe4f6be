"""Six objectives of other papers beside the four losses: the same encoder, images, steps and seeds.

    python results/sister_methods/make.py [--trials runs/trials] [--seeds 3]

The recipe is that of `boundcheck reproduce jiang2022 --preset cpu`, whose finished encoders are taken. Each objective
has its own defaults beyond it (positives, tau_plus, synthetic negatives). Writes accuracy.csv, losses.csv, gaps.csv,
tracking.csv, comparisons.csv, table.md and limits.png beside itself.
"""

import argparse
from pathlib import Path

import pandas as pd
import seaborn as sns

from boundcheck.inference.multiplicity import holm
from boundcheck.lab.papers.presets import JIANG2022, Trial
from boundcheck.lab.papers.queue import work_through
from boundcheck.lab.papers.results import collect
from boundcheck.lab.training.probes import paired_test

HERE = Path(__file__).parent
RECIPE = JIANG2022["cpu"].trainings[0]
BETA = 0.5  # the default of the authors of H-SCL
NAMES = {
    "ucl": "UCL", "hucl": "H-UCL", "dcl": "DCL", "hcl": "HCL", "sscl": "SSCL", "scl": "SCL", "hscl": "H-SCL",
    "nscl": "NSCL", "supcon": "SupCon", "schane": "SCHaNe",
}  # fmt: skip
TILTED = ("hucl", "hcl", "sscl", "hscl", "schane")
PROBES = [("linear", "backbone"), ("knn", "backbone"), ("mean", "embedding")]


def comparisons(accuracy: pd.DataFrame) -> pd.DataFrame:
    """Every other objective less H-SCL, paired by seed, each probe a family of nine by Holm."""
    parts = []
    for name, features in PROBES:
        rows = accuracy[(accuracy["probe"] == name) & (accuracy["features"] == features)]
        by_seed = rows.pivot(index="seed", columns="objective", values="top1")
        tests = {other: paired_test(by_seed[other], by_seed["hscl"]) for other in NAMES if other != "hscl"}
        frame = pd.DataFrame(
            {
                "probe": name, "features": features, "objective": list(tests),
                "difference": [t.difference for t in tests.values()],
                "ci_low": [t.low for t in tests.values()], "ci_high": [t.high for t in tests.values()],
                "p_value": [t.p_value for t in tests.values()], "seeds": [t.seeds for t in tests.values()],
            }
        )  # fmt: skip
        parts.append(frame.assign(p_holm=holm(frame["p_value"].to_numpy())))
    return pd.concat(parts, ignore_index=True)


def table(results, tests: pd.DataFrame) -> str:
    """Means over seeds of accuracy, limits and gaps, and what each differs from H-SCL by."""
    lines = [
        "| objective | linear probe (%) | less H-SCL (points) | 200-NN (%) | class mean (%) | UCL | SCL | H-UCL "
        "| H-SCL | UCL - SCL | H-UCL - H-SCL | Assumption 1 (%) |",
        "|---|" + "---:|" * 11,
    ]
    final = results.losses[results.losses["loss_beta"].isna() | (results.losses["loss_beta"] == BETA)]
    share = results.assumption[results.assumption["loss_beta"] == BETA]
    for objective, name in NAMES.items():
        cells = [name]
        for probe in PROBES:
            rows = _of(results.accuracy, probe, objective)
            cells.append(f"{100 * rows['top1'].mean():.1f}")
            if probe == PROBES[0]:
                cells.append("".join(map(_difference, _of(tests, probe, objective).itertuples())) or "–")
        means = final[final["objective"] == objective].groupby("loss")["estimate"].mean()
        cells += [f"{means[loss]:.3f}" for loss in ("ucl", "scl", "hucl", "hscl")]
        cells += [f"{means['ucl'] - means['scl']:.3f}", f"{means['hucl'] - means['hscl']:.3f}"]
        cells.append(f"{100 * share[share['objective'] == objective]['share_holding'].mean():.1f}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _of(frame: pd.DataFrame, probe: tuple[str, str], objective: str) -> pd.DataFrame:
    name, features = probe
    return frame[(frame["probe"] == name) & (frame["features"] == features) & (frame["objective"] == objective)]


def _difference(row) -> str:
    return f"{100 * row.difference:+.1f} [{100 * row.ci_low:+.1f}, {100 * row.ci_high:+.1f}]"


def draw(tracking: pd.DataFrame, place: Path) -> None:
    """The limits over epochs, means over seeds."""
    names = {"ucl": "UCL", "scl": "SCL", "hucl": f"H-UCL, β = {BETA:g}", "hscl": f"H-SCL, β = {BETA:g}"}
    kept = tracking[tracking["loss_beta"].isna() | (tracking["loss_beta"] == BETA)]
    frame = kept.assign(Limit=kept["loss"].map(names), Objective=kept["objective"].map(NAMES))
    grid = sns.relplot(
        frame, x="epoch", y="estimate", hue="Objective", style="Objective", hue_order=list(NAMES.values()),
        style_order=list(NAMES.values()), col="Limit", col_order=list(names.values()), col_wrap=2, kind="line",
        markers=True, dashes=False, errorbar=None, height=2.6, aspect=1.3, facet_kws={"sharey": False}, palette="tab10",
    )  # fmt: skip
    grid.set_axis_labels("Epoch", "Limit, held-out images (nats)").set_titles("{col_name}")
    grid.savefig(place, dpi=150)


def main() -> None:
    """Trains what is missing, and writes tables and figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=Path, default=Path("runs/trials"))
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--seeds", type=int, default=3)
    chosen = parser.parse_args()
    trials = [
        Trial(RECIPE, objective, BETA if objective in TILTED else None, seed)
        for seed in range(chosen.seeds)
        for objective in NAMES
    ]
    command = "python results/sister_methods/make.py"
    for trial in work_through(
        trials, chosen.trials, data_dir=None, device="cpu", command=command, tell=print, progress=None
    ):
        print(trial.key, flush=True)
    results = collect(trials, chosen.trials)
    tests = comparisons(results.accuracy)
    for name in ("accuracy", "losses", "gaps", "tracking"):
        getattr(results, name).to_csv(chosen.out / f"{name}.csv", index=False)
    tests.to_csv(chosen.out / "comparisons.csv", index=False)
    (chosen.out / "table.md").write_text(table(results, tests), encoding="utf-8")
    draw(results.tracking, chosen.out / "limits.png")


if __name__ == "__main__":
    main()
