"""Every diagnostic against a few lines written from its definition, and at sets whose value is known."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import entropy, pearsonr

import boundcheck as bc
from boundcheck.cli import main
from boundcheck.diagnostics import Diagnosis, diagnose
from boundcheck.diagnostics.collapse import collapse
from boundcheck.diagnostics.pairs import PairSums
from boundcheck.errors import FileError, InputError
from boundcheck.inference.delete_group import deal_groups, delete_group


def some_set(
    n: int = 90, c: int = 3, d: int = 6, views: int = 2, seed: int = 0, spread: float = 0.4
) -> bc.EmbeddingSet:
    rng = np.random.default_rng(seed)
    y = np.sort(rng.integers(0, c, n))
    return bc.EmbeddingSet(np.eye(c, d)[y][:, None] + spread * rng.standard_normal((n, views, d)), y)


@pytest.fixture(scope="module")
def emb() -> bc.EmbeddingSet:
    return some_set()


@pytest.fixture(scope="module")
def other(emb: bc.EmbeddingSet) -> bc.EmbeddingSet:
    rng = np.random.default_rng(5)
    return bc.EmbeddingSet(emb.z @ rng.standard_normal((6, 4)) + 0.1, emb.y)


@pytest.fixture(scope="module")
def found(emb: bc.EmbeddingSet, other: bc.EmbeddingSet) -> Diagnosis:
    return diagnose(emb, against=other, outside=some_set(40, seed=9))


def plain(emb: bc.EmbeddingSet, other: bc.EmbeddingSet) -> dict[str, float]:
    """Each from its definition, by loops and torch."""
    z = torch.from_numpy(emb.z)
    x, y = z[:, 0], torch.from_numpy(emb.y)
    n, c = len(x), emb.c
    means = torch.stack([x[y == k].mean(0) for k in range(c)])
    var = [float((x[y == k] - means[k]).square().sum(1).mean()) for k in range(c)]
    pairs = list(itertools.permutations(range(c), 2))
    d2 = {(i, j): float((means[i] - means[j]).square().sum()) for i, j in pairs}
    directional = []
    for i, j in pairs:
        u = (means[j] - means[i]) / d2[i, j] ** 0.5
        directional.append(float((x[y == i] @ u).var(correction=0)) / d2[i, j])
    m = means - means.mean(0)
    within = sum(torch.cov(x[y == k].T, correction=0) for k in range(c)) / c
    lengths = m.norm(dim=1)
    g = m @ m.T
    target = torch.eye(c).double() - 1 / c
    features = torch.cat([x - x.mean(0), torch.ones(n, 1).double()], 1)
    fit = torch.linalg.lstsq(features, torch.nn.functional.one_hot(y, c).double()).solution
    w = fit[:-1].T
    distance = torch.cdist(x, means)
    centred = torch.linalg.svdvals(x - x.mean(0))
    singular = torch.linalg.svdvals(x)
    p = singular / singular.sum() + 1e-7
    slope = np.polyfit(np.log(np.arange(1, len(centred) + 1)), np.log(centred.numpy() ** 2), 1)[0]
    squared = torch.cdist(x, x).square()
    off = ~torch.eye(n, dtype=bool)
    same, diff = (y[:, None] == y) & off, y[:, None] != y
    similarity = (2 - squared) / 2
    near = [bool(similarity[a][same[a]].max() >= similarity[a][diff[a]].max()) for a in range(n)]
    kernel = [bool((2 * similarity[a][same[a]]).exp().mean() >= (2 * similarity[a][diff[a]]).exp().mean())
              for a in range(n)]  # fmt: skip
    b = torch.from_numpy(other.z[:, 0])
    hsic = lambda s, t: float((s * t).sum())  # noqa: E731
    h = torch.eye(n).double() - 1 / n
    ka, kb = h @ (x @ x.T) @ h, h @ (b @ b.T) @ h
    above = np.triu_indices(n, 1)
    view_mean = z.mean(1)
    sw = sum(torch.cov(z[i].T) for i in range(n)) / n + 1e-4 * torch.eye(6).double()
    eigen = torch.linalg.eigvals(torch.linalg.inv(sw) @ torch.cov(view_mean.T)).real.clamp_min(0)
    share = eigen / eigen.sum() + 1e-8
    return {
        "cdnv": np.mean([(var[i] + var[j]) / 2 / d2[i, j] for i, j in pairs]),
        "directional_cdnv": np.mean(directional),
        "nc1": float(torch.trace(within @ torch.linalg.pinv(m.T @ m / c))) / c,
        "nc2_norms": float(lengths.std(correction=0) / lengths.mean()),
        "nc2_angles": np.mean([abs(float(m[i] @ m[j] / lengths[i] / lengths[j]) + 1 / (c - 1)) for i, j in pairs]),
        "etf_distance": float((g / g.norm() - target / target.norm()).norm()),
        "nc3": float((w / w.norm() - m / m.norm()).norm()),
        "nc4": float(((features @ fit).argmax(1) != distance.argmin(1)).double().mean()),
        "effective_rank": math.exp(entropy(centred.numpy())),
        "rankme": math.exp(-float((p * p.log()).sum())),
        "alpha_req": -slope,
        "class_alignment": np.mean([float(squared[a][same[a]].mean()) for a in range(n)]),
        "alignment": float((z[:, 0] - z[:, 1]).square().sum(1).mean()),
        "lidar": math.exp(-float((share * share.log()).sum())),
        "uniformity": math.log(float((-2 * squared[off]).exp().mean())),
        "nearest_neighbour": np.mean(near),
        "kernel_rule": np.mean(kernel),
        "cka": hsic(ka, kb) / math.sqrt(hsic(ka, ka) * hsic(kb, kb)),
        "rsa": pearsonr((x @ x.T).numpy()[above], (b @ b.T).numpy()[above]).statistic,
    }


def test_values(found: Diagnosis, emb: bc.EmbeddingSet, other: bc.EmbeddingSet) -> None:
    frame = found.to_frame().set_index("diagnostic")
    expected = plain(emb, other)
    assert set(frame.index) == set(expected) | {"nc5"}
    for name, value in expected.items():
        assert frame.plugin[name] == pytest.approx(value, rel=1e-6, abs=1e-9), name


def test_intervals_hold_what_they_can_be(found: Diagnosis) -> None:
    frame = found.to_frame()
    assert (frame.ci_low <= frame.estimate).all() and (frame.estimate <= frame.ci_high).all()
    assert (frame.se > 0).all() and frame.source.str.len().gt(0).all()
    for what, _, _ in found.found:
        row = frame.set_index("diagnostic").loc[what.id]
        assert what.low <= row.ci_low and row.ci_high <= what.high


def test_leaving_a_group_out_of_the_pairs_is_the_set_without_it() -> None:
    emb = some_set(60, spread=0.8)
    x, group = emb.z[:, 0], deal_groups(emb.y, 6)
    sums = PairSums(x, emb.y, group, 0.3)
    for g in (0, 5):
        keep = group != g
        again = PairSums(x[keep], emb.y[keep], np.zeros(int(keep.sum()), dtype=int), 0.3)
        np.testing.assert_allclose(sums.values(g), again.values(), rtol=1e-12)


def test_a_collapsed_simplex() -> None:
    y = np.repeat(np.arange(4), 10)
    frame = diagnose(bc.EmbeddingSet(np.eye(4)[y] - 0.25, y)).to_frame().set_index("diagnostic").plugin
    zero = ["cdnv", "directional_cdnv", "nc1", "nc2_norms", "nc2_angles", "etf_distance", "nc3", "nc4"]
    np.testing.assert_allclose(frame[[*zero, "class_alignment"]], 0, atol=1e-7)
    assert frame.effective_rank == pytest.approx(3, rel=1e-5) and frame.nearest_neighbour == 1


@pytest.mark.parametrize("noise", [0.0, 1e-8])
def test_a_point_is_said_to_be_one_and_what_it_leaves_undefined_has_no_number(
    noise: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exactly, and up to what float32 keeps."""
    y = np.arange(60) % 3
    emb = bc.EmbeddingSet(1 + noise * np.random.default_rng(0).standard_normal((60, 2, 5)), y)
    found = diagnose(emb)
    frame = found.to_frame().set_index("diagnostic")
    assert len(found.collapsed) == 1 and "all 60 instances are one point" in found.collapsed[0]
    defined = frame.index[frame.estimate.notna()]
    assert set(defined) == {"rankme", "class_alignment", "alignment", "uniformity"}
    # RankMe's epsilon adds 6e-6, and roots of eigenvalues that are zero but for rounding as much
    np.testing.assert_allclose(frame.estimate[defined], [1, 0, 0, 0], atol=3e-5)
    assert frame.ci_low.isna().equals(frame.estimate.isna())
    bc.save_embeddings(emb, tmp_path / "e.npz")
    assert main(["diagnose", "--embeddings", str(tmp_path / "e.npz")]) == 0
    said = capsys.readouterr()
    assert "one point" in said.err and "Warning" not in said.err
    assert "undefined" in said.out and "nan" not in said.out


def test_a_line_and_classes_of_one_mean_are_named() -> None:
    rng, y = np.random.default_rng(1), np.arange(60) % 3
    line = diagnose(bc.EmbeddingSet(np.c_[rng.choice([-1.0, 1.0], 60), np.zeros(60)], y))
    assert "to a line" in line.collapsed[0]
    z = rng.standard_normal((60, 4))
    z[y == 1] = z[y == 0]
    same = diagnose(bc.EmbeddingSet(z, y))
    assert same.collapsed == ("1 of 3 pairs of classes have the same mean: CDNV is infinite.",)
    rows = same.to_frame().set_index("diagnostic")
    assert math.isinf(rows.estimate.cdnv) and math.isnan(rows.ci_low.cdnv)
    assert diagnose(some_set()).collapsed == ()
    # Without a group the two means part and NC1 jumps: the correction would be below 0, and so its whole interval.
    assert rows.estimate.nc1 == rows.plugin.nc1 > 1 and math.isnan(rows.ci_low.nc1) and math.isnan(rows.se.nc1)


def test_the_number_shown_is_the_one_that_the_interval_is_about(
    emb: bc.EmbeddingSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bc.save_embeddings(emb, tmp_path / "e.npz")
    assert main(["diagnose", "--embeddings", str(tmp_path / "e.npz")]) == 0
    rows = {line.split()[0]: line.split()[1:5] for line in capsys.readouterr().out.splitlines()[1:]}
    frame = diagnose(emb).to_frame().set_index("diagnostic")
    for name, (estimate, low, high, plugin) in rows.items():
        expected = frame.loc[name, ["estimate", "ci_low", "ci_high", "plugin"]]
        assert [estimate, low[1:-1], high[:-1], plugin] == [f"{value:.4g}" for value in expected]
    assert (frame.estimate != frame.plugin).sum() > 10


def test_rotation_and_scale_leave_two_encoders_alike(emb: bc.EmbeddingSet) -> None:
    q = np.linalg.qr(np.random.default_rng(0).standard_normal((6, 6)))[0]
    turned = diagnose(emb, against=bc.EmbeddingSet(emb.z @ q, emb.y)).to_frame().set_index("diagnostic")
    assert turned.plugin.cka == pytest.approx(1) and turned.plugin.rsa == pytest.approx(1)


def test_the_jackknife_of_a_mean_is_its_standard_error() -> None:
    x = np.random.default_rng(0).standard_normal(400)
    y = np.zeros(400, dtype=int)
    (mean,) = delete_group(lambda keep: np.array([x[keep].mean()]), y, groups=400)
    assert mean.value == pytest.approx(x.mean()) and mean.se == pytest.approx(x.std(ddof=1) / 20)
    (square,) = delete_group(lambda keep: np.array([x[keep].mean() ** 2]), y, groups=400)
    assert square.value == pytest.approx(x.mean() ** 2 - x.var(ddof=1) / 400, abs=1e-6)


@pytest.mark.slow
def test_intervals_cover() -> None:
    """The CDNV of Gaussian classes is known; 95 % intervals from 20 groups are to cover it about so often."""
    rng, hits = np.random.default_rng(3), 0
    y = np.repeat([0, 1], 100)
    for trial in range(100):
        x = 0.5 * rng.standard_normal((200, 5)) + 2.0 * np.eye(2, 5)[y]
        emb = bc.EmbeddingSet(x, y, normalize=False)
        (estimate,) = delete_group(lambda keep, e=emb: collapse(e.z[keep, 0], e.y[keep])[:1], y, seed=trial)
        low, high = estimate.interval(0.95)
        hits += low <= 5 * 0.25 / 8 <= high
    assert 85 <= hits <= 100


def test_refusals(emb: bc.EmbeddingSet, other: bc.EmbeddingSet) -> None:
    with pytest.raises(InputError, match="two or more classes"):
        diagnose(bc.EmbeddingSet(np.eye(3), [0, 0, 1]))
    with pytest.raises(InputError, match="same instances"):
        diagnose(emb, against=emb.subset(slice(0, 50)))
    with pytest.raises(InputError, match="dimension 6"):
        diagnose(emb, outside=other)
    with pytest.raises(InputError, match="groups"):
        diagnose(emb, groups=1)
    with pytest.raises(InputError, match="confidence"):
        diagnose(emb, confidence=95)


def test_command(
    emb: bc.EmbeddingSet, other: bc.EmbeddingSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = tmp_path / "a.npz", tmp_path / "b.npz"
    bc.save_embeddings(emb, first)
    bc.save_embeddings(other, second)
    for ending in ("csv", "json"):
        out = tmp_path / f"kept/table.{ending}"
        assert main(["diagnose", "--embeddings", str(first), "--against", str(second), "--out", str(out)]) == 0
        said = capsys.readouterr().out
        assert "cdnv" in said and "cka" in said and "95 % interval" in said and out.exists()
    assert len(json.loads(out.read_text())) == 19
    assert main(["diagnose", "--embeddings", str(first), "--format", "json"]) == 0
    assert {row["diagnostic"] for row in json.loads(capsys.readouterr().out)} >= {"nc1", "rankme"}
    assert main(["diagnose", "--embeddings", str(first), "--out", "table.txt"]) == 2
    with pytest.raises(FileError, match="csv or"):
        diagnose(emb).save(tmp_path / "table.xlsx")


def test_few_instances_for_the_dimension_or_the_classes_leave_the_plug_in_alone() -> None:
    frame = diagnose(some_set(120, c=15, d=30, seed=2)).to_frame().set_index("diagnostic")
    without = set(frame.index[frame.ci_low.isna()])
    assert without >= {"nc1", "nc3", "nc4", "alpha_req", "directional_cdnv", "nc2_angles", "etf_distance"}
    assert not without & {"effective_rank", "rankme", "class_alignment", "uniformity"}
    assert (frame.estimate == frame.plugin)[list(without)].all() and frame.se[list(without)].isna().all()
