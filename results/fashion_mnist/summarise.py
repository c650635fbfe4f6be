"""Puts the four saved runs side by side: summary.md and summary.csv. Reads their CSV files; computes no statistic."""

from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent
ENCODERS = ["ucl", "hucl", "scl", "hscl"]
SHOWN = ["hscl_le_hucl", "scl_le_ucl", "hscl_ge_ucl", "scl_ge_collapse"]


def read(name: str) -> pd.DataFrame:
    """One table of all four runs, with the encoder's training objective in front."""
    frames = [pd.read_csv(HERE / encoder / f"{name}.csv").assign(trained_with=encoder) for encoder in ENCODERS]
    table = pd.concat(frames, ignore_index=True)
    return table[["trained_with", *table.columns.drop("trained_with")]]


def hardness(row: pd.Series) -> str:
    """A row's tilt in words."""
    return "η = 1" if row.hardening == "constant" else f"β = {row.beta:g}"


def tilde(row: pd.Series) -> str:
    """The mark of an interval that is not to be relied on."""
    return "" if row.reliable else "~ "


def markdown(table: pd.DataFrame) -> str:
    """A Markdown table with the index in front."""
    lines = [[str(table.index.name), *map(str, table.columns)], ["---"] * (table.shape[1] + 1)]
    lines += [[str(name), *map(str, row)] for name, row in zip(table.index, table.to_numpy(), strict=True)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def grid(table: pd.DataFrame, cell) -> str:
    """Markdown: a row per encoder, a column per hardness."""
    wide = table.assign(at=table.apply(hardness, axis=1), cell=table.apply(cell, axis=1)).pivot(
        index="trained_with", columns="at", values="cell"
    )
    order = list(dict.fromkeys(table.apply(hardness, axis=1)))
    return markdown(wide.loc[ENCODERS, order].rename_axis("trained with", axis=0))


def main() -> None:
    """Write summary.csv and summary.md beside the runs."""
    losses, claims, shares = read("losses"), read("claims"), read("assumption")
    claims.drop(columns=["reason", "remedy"]).to_csv(HERE / "summary.csv", index=False)
    parts = []
    for loss in ("ucl", "hucl", "scl", "hscl"):
        rows = losses[losses.loss == loss]
        parts += [
            f"### {loss.upper()} loss (nats); ~ is not to be relied on",
            grid(rows, lambda r: f"{tilde(r)}{r.estimate:.4f} ± {r.se:.4f}"),
        ]
    parts += [
        "### Assumption 1: share of anchors [95 % interval]; ~ is not to be relied on",
        grid(shares, lambda r: f"{tilde(r)}{r.share_holding:.1%} [{r.share_low:.1%}, {r.share_high:.1%}]"),
        "### Assumption 1: median margin (nats); median effective negatives",
        grid(shares, lambda r: f"{r.median_margin:.3f}; {r.median_ess:.0f}"),
    ]
    for claim in SHOWN:
        rows = claims[(claims.claim == claim) & claims.gap.notna()]
        text = grid(rows, lambda r: f"**{r.verdict}** {tilde(r)}{r.gap:.4f} [{r.ci_low:.4f}, {r.ci_high:.4f}]")
        parts += [f"### `{claim}`: verdict, gap (nats) [95 % interval]; ~ is not to be relied on", text]
    exact = claims[claims.kind == "exact"].groupby(["trained_with", "verdict"]).size().unstack(fill_value=0)
    parts += ["### Exact claims: rows by verdict", markdown(exact.loc[ENCODERS].rename_axis("trained with", axis=0))]
    (HERE / "summary.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
