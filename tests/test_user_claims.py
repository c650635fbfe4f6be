"""A bound of one's own goes through verify, falsify and the report like the published ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import boundcheck as bc
from boundcheck.claims import Evidence, Finding
from tests.claims.designs import clusters


@bc.claim(
    id="mine", source="a guess", title="H-SCL is at most UCL", statement=r"L_{\mathrm{HSCL}} \leq L_{\mathrm{UCL}}"
)
def mine(evidence: Evidence) -> Iterator[Finding]:
    for h in evidence.tilts:
        yield evidence.compare(h, 1.0, evidence.key("hscl", h, 1.0), evidence.key("ucl", bc.CONSTANT, 1.0))


@pytest.mark.slow
def test_verified_reported_and_proved_wrong(tmp_path: Path) -> None:
    verification = bc.verify(clusters(per_class=40), betas=[1], claims=[mine, "hscl_le_hucl"])
    assert verification.claims["mine"].verdict == "holds"
    place = verification.save(tmp_path / "run")
    page = (place / "report.html").read_text()
    assert "mine" in page and "H-SCL is at most UCL" in page and "a guess" in page
    assert "mine" in (place / "claims.csv").read_text()

    counterexample = bc.falsify(mine, classes=2, points=6, dim=3, seconds=300)
    assert counterexample is not None and counterexample.claim is mine
    assert counterexample.finding.lhs - counterexample.finding.rhs == pytest.approx(-counterexample.gap)
    assert counterexample.gap < 0
