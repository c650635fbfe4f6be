import numpy as np
import pandas as pd
import pytest
from scipy import stats

from boundcheck.lab.papers.summary import comparisons, encoders_of, final_epoch, over_seeds, rows_of


def accuracies(seeds: int = 3) -> pd.DataFrame:
    """Accuracies of UCL, SCL, H-UCL and H-SCL at two hardnesses, in a scrambled order of seeds."""
    rng = np.random.default_rng(0)
    encoders = [("ucl", None), ("scl", None), ("hucl", 1.0), ("hucl", 5.0), ("hscl", 1.0), ("hscl", 5.0)]
    rows = [
        {"dataset": "digits", "objective": o, "beta": b, "seed": s, "probe": "linear", "features": "backbone",
         "top1": rng.uniform(0.8, 0.9), "top1_low": 0.7, "top1_high": 0.95}
        for o, b in encoders for s in rng.permutation(seeds)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def values(frame: pd.DataFrame, objective: str, beta: float = np.nan) -> np.ndarray:
    return rows_of(frame, objective, beta).sort_values("seed")["top1"].to_numpy()


def test_means_over_seeds_have_t_intervals():
    frame = accuracies()
    summary = over_seeds(frame, "top1")
    assert len(summary) == 6 and set(summary["seeds"]) == {3}
    row = rows_of(summary, "hscl", 5.0).iloc[0]
    own = values(frame, "hscl", 5.0)
    low, high = stats.t(2, own.mean(), stats.sem(own)).interval(0.95)
    assert (row["mean"], row["low"], row["high"]) == pytest.approx((own.mean(), low, high))
    assert (row["least"], row["most"]) == (own.min(), own.max())


def test_one_seed_has_its_own_interval_or_none():
    frame = accuracies(seeds=1)
    bare = over_seeds(frame, "top1")
    assert bare[["low", "high"]].isna().all(axis=None)
    assert (bare["least"] == bare["mean"]).all() and (bare["most"] == bare["mean"]).all()
    own = over_seeds(frame, "top1", interval=("top1_low", "top1_high"))
    assert (own["low"] == 0.7).all() and (own["high"] == 0.95).all()
    assert (own["least"] == 0.7).all() and (own["most"] == 0.95).all()


def test_comparisons_pair_the_seeds_and_adjust_over_the_family():
    frame = accuracies()
    tests = comparisons(frame)
    assert len(tests) == 7  # four tilts against none, H-SCL against H-UCL twice, SCL against UCL
    row = tests[(tests["first"] == "hscl") & (tests["first_beta"] == 1.0) & (tests["second"] == "scl")].iloc[0]
    reference = stats.ttest_rel(values(frame, "hscl", 1.0), values(frame, "scl"))
    assert row["p_value"] == pytest.approx(reference.pvalue)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(tuple(reference.confidence_interval(0.95)))
    ordered = tests.sort_values("p_value")
    assert ordered["p_holm"].iloc[0] == pytest.approx(min(1, 7 * ordered["p_value"].iloc[0]))
    assert (tests["p_holm"] >= tests["p_value"]).all()


def test_comparisons_use_the_seeds_both_have():
    frame = accuracies()
    part = frame[~((frame["objective"] == "hscl") & (frame["seed"] == 2))]
    tests = comparisons(part)
    assert tests.set_index(["first", "second"]).loc[("hscl", "scl"), "seeds"].tolist() == [2, 2]
    assert tests.set_index(["first", "second"]).loc[("scl", "ucl"), "seeds"] == 3


def test_an_objective_alone_is_compared_with_nothing():
    frame = accuracies()
    assert comparisons(frame[frame["objective"] == "hscl"]).empty


def test_encoders_are_ordered_by_objective_and_hardness():
    expected = [("ucl", np.nan), ("hucl", 1.0), ("hucl", 5.0), ("scl", np.nan), ("hscl", 1.0), ("hscl", 5.0)]
    np.testing.assert_equal(encoders_of(accuracies()), expected)


def test_the_final_epoch_is_each_encoders_own():
    frame = pd.DataFrame(
        {"dataset": "d", "objective": ["ucl", "ucl", "scl"], "beta": np.nan, "seed": 0, "epoch": [1, 2, 1]}
    )
    assert final_epoch(frame)["epoch"].tolist() == [2, 1]
