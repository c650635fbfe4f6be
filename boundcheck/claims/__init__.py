"""The catalogue: one published statement per file, in the order of the papers.

The smallest claim of one's own:

    @bc.claim(id="mine", source="a guess")
    def mine(evidence):
        "UCL bounds H-SCL from above."
        for q in evidence.q:
            for h in evidence.tilts:
                yield evidence.compare(h, q, evidence.key("hscl", h, q), evidence.key("ucl", h, q))

    bc.verify(emb, claims=[mine, "hscl_le_hucl"])
"""

from __future__ import annotations

from collections.abc import Sequence

from boundcheck.claims.arora_mean_classifier import arora_mean_classifier
from boundcheck.claims.arora_upper import arora_upper
from boundcheck.claims.ash_upper import ash_upper
from boundcheck.claims.bao_lower import bao_lower
from boundcheck.claims.bao_upper import bao_upper
from boundcheck.claims.base import Claim, Evidence, Finding, Requirement
from boundcheck.claims.debiased_identity import debiased_identity
from boundcheck.claims.energy_of_pairs import energy_of_pairs
from boundcheck.claims.finite_k_below_limit import finite_k_below_limit
from boundcheck.claims.finite_k_rate import finite_k_rate
from boundcheck.claims.hscl_bounds_kernel_rule import hscl_bounds_kernel_rule
from boundcheck.claims.hscl_ge_scl import hscl_ge_scl
from boundcheck.claims.hscl_ge_ucl import hscl_ge_ucl
from boundcheck.claims.hscl_le_hucl import hscl_le_hucl
from boundcheck.claims.hucl_ge_ucl import hucl_ge_ucl
from boundcheck.claims.infonce_information import infonce_information
from boundcheck.claims.judging import Judgement, judge, judge_all
from boundcheck.claims.mean_classifier_by_variance import wang_lower, wang_upper
from boundcheck.claims.mean_classifier_error import mean_classifier_error
from boundcheck.claims.monotone_in_beta import monotone_in_beta
from boundcheck.claims.nearest_mean_error import ncm_directional, ncm_second_moments
from boundcheck.claims.nozawa_sato_upper import nozawa_sato_upper
from boundcheck.claims.nscl_gradient import nscl_gradient
from boundcheck.claims.orthogonal_frame import scl_ge_orthogonal, ucl_ge_orthogonal
from boundcheck.claims.positives_exceed_negatives import positives_exceed_negatives
from boundcheck.claims.scl_bounds_ranking import scl_bounds_ranking
from boundcheck.claims.scl_ge_collapse import scl_ge_collapse
from boundcheck.claims.scl_ge_similarity_gap import scl_ge_similarity_gap
from boundcheck.claims.scl_ge_unbalanced import scl_ge_unbalanced
from boundcheck.claims.scl_le_ucl import scl_le_ucl
from boundcheck.claims.simclr_upper import simclr_upper
from boundcheck.claims.spectral import spectral_error, spectral_rank
from boundcheck.claims.summed_ge_collapse import summed_ge_collapse
from boundcheck.claims.ucl_ge_collapse import ucl_ge_collapse
from boundcheck.claims.ucl_ge_instances import ucl_ge_instances
from boundcheck.claims.ucl_ge_similarity_gap import ucl_ge_similarity_gap
from boundcheck.claims.ucl_minus_nscl import ucl_minus_nscl
from boundcheck.claims.uniformity_floor import uniformity_floor
from boundcheck.claims.worst_case_bounds_1nn import worst_case_bounds_1nn
from boundcheck.errors import InputError
from boundcheck.options import one_of

CLAIMS: dict[str, Claim] = {
    entry.id: entry
    for entry in (
        hscl_le_hucl,
        scl_le_ucl,
        hscl_ge_ucl,
        hucl_ge_ucl,
        hscl_ge_scl,
        monotone_in_beta,
        scl_ge_collapse,
        ucl_minus_nscl,
        finite_k_below_limit,
        debiased_identity,
        arora_mean_classifier,
        bao_upper,
        bao_lower,
        arora_upper,
        nozawa_sato_upper,
        ash_upper,
        ucl_ge_collapse,
        scl_ge_unbalanced,
        ucl_ge_instances,
        ucl_ge_similarity_gap,
        positives_exceed_negatives,
        uniformity_floor,
        finite_k_rate,
        infonce_information,
        wang_upper,
        wang_lower,
        mean_classifier_error,
        hscl_bounds_kernel_rule,
        worst_case_bounds_1nn,
        ncm_directional,
        ncm_second_moments,
        summed_ge_collapse,
        scl_ge_orthogonal,
        ucl_ge_orthogonal,
        energy_of_pairs,
        scl_ge_similarity_gap,
        scl_bounds_ranking,
        spectral_rank,
        spectral_error,
        simclr_upper,
        nscl_gradient,
    )
}


def choose_claims(names: str | Sequence[str | Claim]) -> tuple[Claim, ...]:
    """Claims by id, or `Claim` objects as they are; "all" is the catalogue. One named twice counts once.

    Raises:
        InputError: an id is unknown, two claims share one, or none is named.
    """
    if names == "all":
        return tuple(CLAIMS.values())
    wanted = names.split(",") if isinstance(names, str) else names
    chosen = tuple(dict.fromkeys(name if isinstance(name, Claim) else claim_named(name.strip()) for name in wanted))
    ids = [entry.id for entry in chosen]
    if not ids:
        raise InputError("claims: expected at least one, received none; 'all' is the catalogue")
    if twice := next((name for name in ids if ids.count(name) > 1), None):
        raise InputError(f"claims: ids must be distinct, received '{twice}' for two claims; rename one")
    return chosen


def claim_named(name: str) -> Claim:
    """The claim of an id.

    Raises:
        InputError: it is unknown.
    """
    one_of("claims", name, CLAIMS, "boundcheck claims")
    return CLAIMS[name]


__all__ = ["CLAIMS", "Claim", "Evidence", "Finding", "Judgement", "Requirement", "choose_claims", "judge", "judge_all"]
