"""Data without labels: UCL and H-UCL are those of labelled data, nothing else is estimated, and the page says so."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from PIL import Image

import boundcheck as bc
from boundcheck.cli import main
from boundcheck.data import load_dataset
from boundcheck.embeddings.given import as_array
from boundcheck.errors import FileError, InputError
from boundcheck.extraction import extract
from boundcheck.spec import _number


def views(n: int = 120) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.normal(size=(n, 1, 8)) + 0.3 * rng.normal(size=(n, 2, 8))).astype(np.float32)


def test_losses_are_those_of_labelled_data():
    z = views()
    labelled = (
        bc.estimate(bc.EmbeddingSet(z, np.arange(120) % 3), betas=[1.0], design="iid").to_frame().set_index("loss")
    )
    without = bc.estimate(bc.EmbeddingSet(z, None), betas=[1.0]).to_frame().set_index("loss")
    assert list(without.index) == ["ucl", "hucl"]
    for column, tolerance in (("plugin", 1e-9), ("estimate", 1e-5), ("se", 1e-5)):
        np.testing.assert_allclose(without[column], labelled.loc[without.index, column], atol=tolerance)


def test_a_verification_says_so_and_judges_only_what_needs_no_labels(tmp_path):
    v = bc.verify(bc.EmbeddingSet(views(), None), betas=[1.0], configurations="own")
    judged = {name for name, result in v.claims.items() if result.verdict != "inapplicable"}
    needless = {"ucl_ge_instances", "ucl_ge_similarity_gap", "positives_exceed_negatives", "energy_of_pairs"}
    assert judged == {"hucl_ge_ucl", "monotone_in_beta"} | needless and not v.failed()
    assert "the data have no labels" in v.claims["hscl_le_hucl"].frame.reason[0]
    assert v.run.manifest["warnings"][0].startswith("the data have no labels: UCL and H-UCL alone")
    page = (v.save(tmp_path / "run") / "report.html").read_text(encoding="utf-8")
    assert "the data have no labels" in page


@pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".pt", ".parquet"])
def test_files_keep_that_there_are_no_labels(suffix, tmp_path):
    emb = bc.EmbeddingSet(views(), None)
    bc.save_embeddings(emb, tmp_path / f"e{suffix}")
    back = bc.load_embeddings(tmp_path / f"e{suffix}")
    assert not back.labelled and back.digest == emb.digest and not back.subset([0, 3]).labelled


@pytest.mark.parametrize(
    ("variant", "message"),
    [
        (
            {"losses": "scl,hscl"},
            "losses: without labels only those over all other instances are defined, received scl,hscl",
        ),
        ({"positives": "class"}, "positives: data without labels need two or more views"),
    ],
)
def test_what_needs_labels_is_refused(variant, message):
    with pytest.raises(InputError, match=message):
        bc.estimate(bc.EmbeddingSet(views(), None), **variant)
    with pytest.raises(InputError, match="need two or more views of each instance, received 1"):
        bc.estimate(bc.EmbeddingSet(views()[:, 0], None))


def test_verify_without_some_losses_calls_their_claims_inapplicable():
    v = bc.verify(bc.EmbeddingSet(views(), np.arange(120) % 3), betas=[1.0], losses="ucl,hucl")
    assert v.claims["hscl_le_hucl"].frame.reason[0] == "losses: H-SCL is not among those computed"
    assert v.claims["hucl_ge_ucl"].verdict == "passes"


def test_a_file_without_y_names_both_ways_out(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("emb.npz", z=views(), labels=np.arange(120) % 3)
    with pytest.raises(
        FileError, match=r"found z; save the labels, \(n,\), under the name y; without any, --unlabelled"
    ):
        bc.load_embeddings("emb.npz")
    arguments = ["verify", "--embeddings", "emb.npz", "--betas", "1", "--quiet", "--claims", "hucl_ge_ucl"]
    assert main(arguments) == 2
    assert main([*arguments, "--unlabelled"]) == 0
    assert "the data have no labels" in capsys.readouterr().out


def test_images_without_a_label_column(tmp_path):
    rows = []
    for seed in range(6):
        content = io.BytesIO()
        Image.fromarray(np.random.default_rng(seed).integers(0, 256, (16, 16, 3), np.uint8)).save(content, "PNG")
        rows.append({"image": {"bytes": content.getvalue()}})
    pd.DataFrame(rows).to_parquet(tmp_path / "images.parquet")
    emb = extract(lambda x: x.flatten(1), load_dataset(str(tmp_path / "images.parquet")))
    assert not emb.labelled and emb.z.shape == (6, 2, 768)


def test_sparse_embeddings_name_the_way_to_dense_ones():
    """Below the types that all tests check, as a user's call meets it."""
    z = scipy.sparse.random(6, 5, 0.5, format="csr", random_state=0)
    with pytest.raises(
        InputError, match=r"z: expected a dense array, received a sparse csr.*convert it with z.toarray\(\)"
    ):
        as_array(z, "z")
    with pytest.raises(InputError, match=r"received one of layout torch.sparse_coo; convert it with z.to_dense\(\)"):
        as_array(torch.ones(6, 5).to_sparse(), "z")


@pytest.mark.parametrize("several", [[0.1, 0.5], (0.1, 0.5), np.array([0.1, 0.5]), torch.tensor([0.125, 0.5])])
def test_several_temperatures_point_to_sweep(several):
    with pytest.raises(
        InputError, match=r"temperature: takes one number, received \[0.1.*, 0.5\]; boundcheck.sweep takes"
    ):
        _number("temperature", several)
