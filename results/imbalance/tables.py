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


def points(tests: pd.DataFrame, measure: str, less: str) -> str:
    """A paired difference of accuracies with its interval."""
    rows = tests[(tests["measure"] == measure) & (tests["less"] == less)]
    found = [f"{100 * r.difference:+.1f} [{100 * r.ci_low:+.1f}, {100 * r.ci_high:+.1f}]" for r in rows.itertuples()]
    return "".join(found) or "–"


def correlation(pairs: pd.DataFrame) -> float:
    """Of the predicted with the measured cosines of one encoder's pairs; NaN where all are predicted alike."""
    return np.nan if np.ptp(pairs["predicted"]) < 1e-3 else float(np.corrcoef(pairs["predicted"], pairs["train"])[0, 1])


def table(encoders: pd.DataFrame, pairs: pd.DataFrame, predicted: pd.DataFrame, tests: pd.DataFrame, q: float) -> str:
    """The optimum beside the encoders, then what probes make of them, by class sizes and objective."""
    optima = predicted.set_index(["profile", "ratio", "beta"])
    by_setting = dict(iter(pairs.groupby([*SETTING, "beta"])))
    point = np.log1p(q)  # the loss where all embeddings are one point
    shapes = [
        "| sizes | epochs | objective | loss: optimum | training images | held out | way there (%) "
        "| large-large: optimum | measured | large-small: optimum | measured | small-small: optimum | measured "
        "| correlation | seeds |",
        "|---|---:|---|" + "---:|" * 12,
    ]
    probes = [
        "| sizes | epochs | objective | norm of means, large | small | accuracy (%) | less SCL (points) "
        "| large classes (%) | small classes (%) | less SCL | less balanced | seeds |",
        "|---|---:|---|" + "---:|" * 9,
    ]
    for (profile, ratio, epochs, beta), rows in encoders.groupby([*SETTING, "beta"], sort=False):
        best, by_seed = optima.loc[(profile, ratio, beta)], by_setting[profile, ratio, epochs, beta].groupby("seed")
        name = [f"{profile}, {ratio}", f"{epochs}", objective(beta)]
        cells = [*name, f"{best['loss']:.3f}"]
        cells += [interval(rows[f"own_{part}"]) for part in ("train", "held_out")]
        cells.append(interval((point - rows["own_train"]) / (point - best["loss"]), 100, 0))
        for kind in KINDS:
            cells.append("–" if np.isnan(best[kind]) else f"{best[kind]:.2f}")
            cells.append(interval(rows[f"{kind}_train"]))
        cells += [interval(pd.Series([correlation(own) for _, own in by_seed])), f"{len(rows)}"]
        shapes.append("| " + " | ".join(cells) + " |")
        cells = [*name, *(interval(rows[f"norm_{group}_train"]) for group in ("large", "small"))]
        compared = tests[(tests[[*SETTING, "beta"]] == [profile, ratio, epochs, beta]).all(axis=1)]
        cells += [interval(rows["accuracy"], 100, 1), points(compared, "accuracy", "SCL")]
        # of other classes in every seed: their spread over seeds is no error
        cells += [f"{100 * rows[key].mean():.1f}" for key in ("accuracy_large", "accuracy_small")]
        cells += [points(compared, "accuracy_small", less) for less in ("SCL", "balanced")]
        probes.append("| " + " | ".join([*cells, f"{len(rows)}"]) + " |")
    return "\n".join([*shapes, "", *probes]) + "\n"


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
                            "profile": profile, "ratio": ratio, "epochs": epochs, "beta": beta,
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
