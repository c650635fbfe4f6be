"""Two pictures of the table: time per pair against the number of embeddings, and what each choice costs."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd

LABELS = {
    "gemm": "bare matrix product (floor)",
    "boundcheck": "boundcheck, one pass",
    "boundcheck_intervals": "boundcheck with intervals",
    "boundcheck_torch": "boundcheck without Numba, one pass",
    "boundcheck_torch_intervals": "boundcheck without Numba, with intervals",
    "blocked": "blocked torch with masks",
    "full_matrix": "full matrix, logsumexp",
    "batch_formula": "training loss on one batch",
    "keops": "KeOps",
}


def draw(table: pd.DataFrame, out: Path) -> None:
    by_n(table, out / "time_by_n.png")
    by_choice(table, out / "cost_of_choices.png")


def by_n(table: pd.DataFrame, path: Path) -> None:
    figure, axes = plt.subplots(figsize=(8.4, 4.2), layout="constrained")
    for method, label in LABELS.items():
        rows = table[(table.study == "n") & (table.method == method)].sort_values("n")
        if len(rows):
            axes.plot(rows.n, rows.ns_per_pair, marker="o", label=label, color="k" if method == "gemm" else None)
    axes.set(xscale="log", yscale="log", xlabel="embeddings N (d = 128, 10 classes)", ylabel="ns per ordered pair")
    axes.grid(alpha=0.3)
    figure.legend(fontsize=8, loc="outside right center")
    figure.savefig(path, dpi=150)
    plt.close(figure)


def by_choice(table: pd.DataFrame, path: Path) -> None:
    studies = {"betas": "betas", "classes": "classes", "d": "dimension d", "temperature": "temperature"}
    figure, panels = plt.subplots(1, 4, figsize=(11, 3.4), layout="constrained", sharey=True)
    for axes, (study, label) in zip(panels, studies.items(), strict=True):
        for method in ("boundcheck", "boundcheck_intervals"):
            rows = table[(table.study == study) & (table.method == method)]
            x = [len(str(v).split()) for v in rows.betas] if study == "betas" else rows[study].astype(str)
            axes.plot([str(v) for v in x], rows.ratio_to_floor, marker="o", label=LABELS[method])
        axes.set(xlabel=label, yscale="log", yticks=(1, 2, 5, 10, 20), yticklabels=("1", "2", "5", "10", "20"))
        axes.minorticks_off()
        axes.axhline(1, color="k", linewidth=0.8)
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("time / bare matrix product")
    panels[0].legend(fontsize=8)
    figure.savefig(path, dpi=150)
    plt.close(figure)
