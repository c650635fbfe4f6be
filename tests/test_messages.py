"""What one who errs is told: the remedy is right, and in the words of the one who is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse

import boundcheck as bc
from boundcheck.cli import main
from boundcheck.embeddings import EmbeddingSet
from boundcheck.embeddings.given import as_array
from boundcheck.errors import FileError, InputError
from boundcheck.estimators.populations import checked
from boundcheck.report.spelling import as_flags, as_it_was_called, as_keywords
from boundcheck.report.text import summary_text
from boundcheck.spec import _number

Z, Y = np.random.default_rng(0).normal(size=(40, 6)), np.repeat([0, 1], [12, 28])


def test_labels_that_are_missing_are_asked_for_by_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "bare.npz", z=Z)
    with pytest.raises(FileError, match=r"save the labels, \(n,\), under the name y; without any, --unlabelled"):
        bc.load_embeddings(tmp_path / "bare.npz")


def test_a_sparse_array_is_told_how_to_become_dense() -> None:
    with pytest.raises(InputError, match=r"received a sparse csr_matrix; convert it with z\.toarray\(\)"):
        as_array(scipy.sparse.csr_matrix(Z), "z")  # types are checked in tests, before it is


@pytest.mark.parametrize(
    ("given", "received"),
    [
        ("nope", "the text 'nope'"),
        ("emb.npz", "the text 'emb.npz'"),
        (Path("emb.npz"), "a PosixPath"),
        (Z, "a ndarray"),
        ((Z, Y), "a tuple"),
    ],
)
def test_what_are_no_embeddings_is_told_how_to_become_some(given: Any, received: str) -> None:
    with pytest.raises(InputError, match=f"emb: expected .* received {received}; make one of arrays with EmbeddingSet"):
        checked(given)


def test_texts_go_through_the_same_door() -> None:
    for verb in (bc.verify, bc.estimate):
        with pytest.raises(InputError, match=r"of a file with load_embeddings\(path\)"):
            verb("nope")
        with pytest.raises(InputError, match="expected one of vmf, simplex, received 'vmff'; did you mean 'vmf'"):
            verb("vmff:kappa=20")


def test_several_temperatures_are_sent_to_sweep(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match=r"takes one number, received \[0\.1, 0\.5\]; boundcheck\.sweep takes several"):
        _number("temperature", np.array([0.1, 0.5]))
    assert main(["verify", "--temperature", "0.1,0.5"]) == 2
    assert "boundcheck sweep --temperatures takes several" in capsys.readouterr().err
    assert main(["verify", "--temperature", "warm"]) == 2
    assert "sweep" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (["--claims", "hscl_le_hcul"], "did you mean 'hscl_le_hucl'"),
        (["--losses", "hsclx"], "did you mean 'hscl'"),
        (["--hardening", "expp"], "did you mean 'exp'"),
    ],
)
def test_what_is_misspelt_is_said_before_anything_is_loaded(
    option: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", "--embeddings", "not-there.npz", *option]) == 2
    assert said in capsys.readouterr().err


def test_every_way_of_writing_an_option_is_spelt_for_its_reader() -> None:
    advice = "more instances, or duplicates=drop; use precision float64; needs self_pairs='include', views=1"
    assert as_flags(advice) == (
        "more instances, or --duplicates drop; use --precision float64; needs --self-pairs include, --views 1"
    )
    assert as_flags(as_flags(advice)) == as_flags(advice)
    assert as_keywords(advice) == (
        "more instances, or duplicates='drop'; use precision='float64'; needs self_pairs='include', views=1"
    )
    assert as_keywords("a design of duplicates that precision keeps") == "a design of duplicates that precision keeps"


def test_advice_is_in_flags_for_a_command_and_in_python_for_python() -> None:
    emb = EmbeddingSet(np.stack([Z, Z + 0.3], 1), Y)
    run = bc.verify(emb, claims="bao_upper", betas=[1.0], null=False, configurations="own").run
    assert "self_pairs='include'" in run.claims["reason"].iloc[0]
    assert as_it_was_called(run).claims["reason"].tolist() == run.claims["reason"].tolist()
    called = as_it_was_called(replace(run, manifest={**run.manifest, "command": ["boundcheck", "verify"]}))
    assert "use --self-pairs include" in called.claims["reason"].iloc[0]
    told = summary_text(run)
    assert "--class-prior balanced gives each the same weight" in told and "='" not in told
