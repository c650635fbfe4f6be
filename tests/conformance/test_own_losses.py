"""A loss and a hardening of the user's own from verify to the page: nothing goes by the name of one that ships."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from torch import Tensor

import boundcheck as bc
from boundcheck.cli.limit import limit_lines
from boundcheck.errors import InputError
from boundcheck.estimators import exact, finite_k, parse_population
from boundcheck.hardening import CONSTANT, Exponential, Hardening
from boundcheck.lab.objectives import OBJECTIVES
from boundcheck.losses import SCL, UCL, Loss
from boundcheck.pools import ALL, SIBLINGS, Pool, Relation
from boundcheck.report.figures import draw_finite_k, draw_losses
from boundcheck.report.tables import losses_table
from boundcheck.spec import Variant
from boundcheck.verified import Verification

SIB = Loss("sib", "H-SCL among siblings", SIBLINGS, hardened=True)
NEAR = Loss("near", "SCL among siblings", SIBLINGS, hardened=False)
EVERYONE = Pool("everyone", "whoever is there", frozenset(Relation))
Y = np.arange(80) % 4
Z = np.eye(4, 8)[Y] + 0.4 * np.random.default_rng(0).standard_normal((80, 8))
EMB = bc.EmbeddingSet(Z, Y, groups=Y // 2)


@pytest.fixture(scope="module")
def verification() -> Verification:
    return bc.verify(EMB, betas=[1.0, 2.0], losses=["ucl", "hscl", SIB, NEAR], negatives=[4, 16], null=False)


def test_the_losses_stay_four_names_when_a_fifth_is_registered() -> None:
    """A line in `LOSSES` is how a loss is kept: the package must still import."""
    code = (
        "import pathlib, runpy, boundcheck.losses as m; s = pathlib.Path(m.__file__).read_text();"
        's = s.replace(\'Loss("ucl", "UCL"\', \'Loss("first", "First", ALL, hardened=False), Loss("ucl", "UCL"\', 1);'
        "scope = {'__name__': 'mine'}; import sys, types; sys.modules['mine'] = types.ModuleType('mine');"
        "exec(s, scope); print(scope['UCL'].id, scope['HSCL'].id, len(scope['LOSSES']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["ucl", "hscl", "5"]


def test_claims_reach_it_by_what_it_is() -> None:
    evidence = bc.verify(EMB, betas=[1.0], losses=["ucl", "hscl", SIB, NEAR], null=False, claims=[look]).claims["look"]
    assert evidence.verdict == "holds"
    assert {"sib", "near"} <= SEEN


SEEN: set[str] = set()


@bc.claim(id="look", source="here", kind="conjecture", statement="L_a \\leq L_b + 9")
def look(evidence):
    """At the constant a hardened loss of one's own is the plain one of its pool; what is misspelt is said."""
    h = evidence.tilts[0]
    key, plain = evidence.key("sib", h, 1.0), evidence.key(SIB, CONSTANT, 1.0)
    assert (plain.loss, plain.hardening) == (NEAR, CONSTANT)
    SEEN.update([key.loss.id, plain.loss.id])
    with pytest.raises(InputError, match=r"loss: expected one of .* received 'hslc'; did you mean 'hscl'"):
        evidence.key("hslc", h, 1.0)
    yield evidence.compare(h, 1.0, plain, key, plus=9.0)


def test_without_its_plain_loss_it_says_what_is_missing() -> None:
    evidence = bc.verify(EMB, betas=[1.0], losses=["ucl", SIB], null=False, claims=[at_the_constant])
    row = evidence.to_frame().iloc[0]
    assert row.verdict == "inapplicable" and "H-SCL among siblings is not among those computed" in row.reason


@bc.claim(id="at_the_constant", source="here", statement="L_a \\leq L_a")
def at_the_constant(evidence):
    plain = evidence.key(SIB, CONSTANT, 1.0)
    yield evidence.compare(CONSTANT, 1.0, plain, plain)


def test_pools_are_equal_by_what_they_hold() -> None:
    """A pool of all others by another name has the null, the floor and the losses of `ALL`."""
    assert EVERYONE == ALL and hash(EVERYONE) == hash(ALL) and SIBLINGS != ALL
    mine = Loss("mine", "mine", EVERYONE, hardened=False)
    found = bc.references(bc.estimate(EMB, betas=[], losses=[UCL, mine], intervals=False))
    columns = [column for column in found.columns if column != "loss"]
    assert found[columns].iloc[0].equals(found[columns].iloc[1])


def test_figures_and_tables_show_it(verification: Verification) -> None:
    figure, rows = draw_losses(verification.run)
    drawn = {text.get_text() for text in figure.legends[0].get_texts()}
    assert {"UCL", "H-SCL", "sib", "near"} <= drawn and set(rows.loss) == {"ucl", "hscl", "sib", "near"}
    figure, rows = draw_finite_k(verification.run)
    assert len(figure.axes) == 4 and {"sib", "near"} <= set(rows.loss)
    assert all(ax.lines for ax in figure.axes)
    three = replace(verification.run, finite_k=rows[rows.loss != "near"])
    figure, _ = draw_finite_k(three)
    assert [ax.get_xlabel() for ax in figure.axes] == ["", "negatives k", "negatives k"]
    assert {"sib", "near"} <= set(losses_table(verification.run)["Loss"])


@dataclass(frozen=True)
class Steep(Hardening):
    """eta(t) = e^{2 max(t, 0)^2}: of the user's own."""

    form: ClassVar[str] = "steep"

    @property
    def family(self) -> str:
        return "steep"

    def log_eta(self, t: Tensor, temperature: float) -> Tensor:
        return 2 * t.clamp_min(0).square()


def test_every_text_names_a_hardening_of_ones_own() -> None:
    v = bc.verify(EMB, hardening=[Exponential(1.0), "threshold:0.5", Steep()], temperature=1.0, null=False)
    assert "by exp(βt), t their logit, with β ∈ {1} and by the hardening threshold 0.5" in bc.table.methods(
        v, form="text"
    )
    assert "by the hardening steep" in bc.table.methods(v, form="text")
    assert "hardening: threshold 0.5, steep" in bc.table.losses(v)


def test_finite_k_refuses_a_population_in_a_sentence() -> None:
    for population in ("vmf:kappa=20", parse_population("vmf:kappa=20")):
        with pytest.raises(InputError, match="negatives: a population has closed forms in the limit alone"):
            finite_k(population)


def test_an_objective_without_positives_has_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def hinge(z: Tensor, labels: Tensor, *, temperature: float = 0.5) -> Tensor:
        return (z * temperature).sum()

    monkeypatch.setitem(OBJECTIVES, "hinge", hinge)
    emb = bc.EmbeddingSet(Z, Y, meta={"encoder": {"objective": "hinge"}})
    (line,) = limit_lines(emb, Variant(positives="class"))
    assert line == "trained with hinge: its limit for many negatives is not known to be one of the four losses"


def test_scl_and_a_loss_on_its_pool_are_one_estimate(tmp_path: Path) -> None:
    twin = Loss("twin", "SCL again", SCL.pool, hardened=False)
    frame = exact(EMB, Variant(betas=[1.0], losses=["scl", twin]).on(EMB)).to_frame(0.95).set_index("loss")
    assert frame.loc["scl", "estimate"] == frame.loc["twin", "estimate"] and frame.loc["twin", "se"] > 0
