"""What is written of the encoders: means with intervals over seeds, paired differences, a figure."""

from pathlib import Path

import matplotlib

matplotlib.use("agg")
import numpy as np
import pandas as pd
import seaborn as sns
from scipy import stats

from boundcheck.lab.training.probes import paired_test

SETTING = ["profile", "ratio", "epochs"]
KINDS = ("large-large", "large-small", "small-small")


def objective(beta: float) -> str:
    """Its name."""
    return f"H-SCL, β = {beta:g}" if beta else "SCL"


def interval(values: pd.Series, scale: float = 1, digits: int = 2) -> str:
    """Mean and, in brackets, 95 % t interval over seeds."""
    found = scale * values.dropna().to_numpy()
    if not len(found):
        return "–"
    if len(found) == 1:
        return f"{found[0]:.{digits}f}"
    half = stats.t(len(found) - 1).ppf(0.975) * found.std(ddof=1) / np.sqrt(len(found))
    return f"{found.mean():.{digits}f} [{found.mean() - half:.{digits}f}, {found.mean() + half:.{digits}f}]"


def correlation(pairs: pd.DataFrame) -> float:
    """Of the predicted with the measured cosines of one encoder's pairs; NaN where all are predicted alike."""
    return np.nan if np.ptp(pairs["predicted"]) < 1e-3 else float(np.corrcoef(pairs["predicted"], pairs["train"])[0, 1])


def table(encoders: pd.DataFrame, pairs: pd.DataFrame, predicted: pd.DataFrame, q: float) -> str:
    """The optimum beside the encoders, by class sizes, length and objective."""
    optima = predicted.set_index(["profile", "ratio", "beta"])
    point = np.log1p(q)
    lines = [
        "| sizes | epochs | objective | loss: optimum | training images | held out | way there (%) "
        "| large-large: optimum | measured | large-small: optimum | measured | small-small: optimum | measured "
        "| correlation | norm of means, large | small | accuracy (%) | large | small | seeds |",
        "|---|---:|---|" + "---:|" * 17,
    ]
    pairs_of_all = dict(iter(pairs.groupby([*SETTING, "beta"])))
    for (profile, ratio, epochs, beta), rows in encoders.groupby([*SETTING, "beta"], sort=False):
        best = optima.loc[(profile, ratio, beta)]
        cells = [f"{profile}, {ratio}", f"{epochs}", objective(beta), f"{best['loss']:.3f}"]
        cells += [interval(rows[f"own_{part}"], digits=3) for part in ("train", "held_out")]
        cells.append(interval((point - rows["own_train"]) / (point - best["loss"]), 100, 0))
        for kind in KINDS:
            cells.append("–" if np.isnan(best[kind]) else f"{best[kind]:.2f}")
            cells.append(interval(rows[f"{kind}_train"]))
        by_seed = pairs_of_all[profile, ratio, epochs, beta].groupby("seed")
        cells.append(interval(pd.Series([correlation(own) for _, own in by_seed])))
        cells += [interval(rows[f"norm_{name}_train"]) for name in ("large", "small")]
        cells += [interval(rows[name], 100, 1) for name in ("accuracy", "accuracy_large", "accuracy_small")]
        lines.append("| " + " | ".join([*cells, f"{len(rows)}"]) + " |")
    return "\n".join(lines) + "\n"


def differences(encoders: pd.DataFrame) -> pd.DataFrame:
    """Each H-SCL less SCL, and each setting less the balanced one, paired by seed."""
    names = ["accuracy", "accuracy_large", "accuracy_small", *(f"{kind}_train" for kind in KINDS)]
    rows = []
    for (profile, ratio, epochs, beta), own in encoders.groupby([*SETTING, "beta"], sort=False):
        same = (encoders["epochs"] == epochs) & (encoders["profile"] == profile) & (encoders["ratio"] == ratio)
        balanced = (encoders["epochs"] == epochs) & (encoders["ratio"] == 1) & (encoders["beta"] == beta)
        others = {"SCL": encoders[same & (encoders["beta"] == 0)] if beta else encoders[:0]}
        # large and small are other classes where one class is large: its groups are not those of the balanced set
        others["balanced"] = encoders[balanced] if ratio != 1 and profile == "exponential" else encoders[:0]
        for less, other in others.items():
            for name in names:
                a, b = own.set_index("seed")[name].align(other.set_index("seed")[name], join="inner")
                if len(a) > 1 and not (a - b).isna().any():
                    test = paired_test(a.tolist(), b.tolist())
                    rows.append(
                        {
                            "profile": profile, "ratio": ratio, "epochs": epochs, "objective": objective(beta),
                            "less": less, "measure": name, "difference": test.difference, "ci_low": test.low,
                            "ci_high": test.high, "p_value": test.p_value, "seeds": test.seeds,
                        }
                    )  # fmt: skip
    return pd.DataFrame(rows)


def draw(pairs: pd.DataFrame, place: Path) -> None:
    """Measured against predicted cosines of the pairs of classes, means over seeds."""
    keys = [*SETTING, "beta", "first", "second"]
    means = pairs[pairs["ratio"] > 1].groupby(keys, sort=False)[["predicted", "train"]].mean().reset_index()
    frame = means.assign(
        Sizes=means["profile"] + ", " + means["ratio"].astype(str) + "; " + means["epochs"].astype(str) + " epochs",
        Objective=means["beta"].map(objective),
    )
    grid = sns.relplot(
        frame, x="predicted", y="train", hue="Objective", style="Objective", col="Sizes", col_wrap=3, height=2.8,
        palette="colorblind", s=22,
    )  # fmt: skip
    for axes in grid.axes.flat:
        axes.axline((0, 0), slope=1, color="0.6", linewidth=0.8, zorder=0)
    grid.set_axis_labels("Cosine at the optimum", "Cosine of class means,\ntraining images").set_titles("{col_name}")
    grid.savefig(place, dpi=130)
