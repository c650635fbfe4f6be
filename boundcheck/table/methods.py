"""A paragraph of methods made from a run, and the references it cites."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from boundcheck import __version__
from boundcheck.bibliography import bibtex, cited
from boundcheck.options import one_of
from boundcheck.report.latex import escaped
from boundcheck.report.setting import POSITIVES, numbers, other_hardenings, size
from boundcheck.report.sources import run_of
from boundcheck.report.words import title
from boundcheck.runs import Run, of_own

FORMS = ("latex", "text")
_DESIGN = {"iid": "drawn independently", "fixed": "drawn independently within classes of fixed size"}


def methods(v: Any, form: str = "latex") -> str:
    r"""What was done, ready to paste: data, losses, estimator, intervals, statements with their sources.

    Args:
        v: A `Verification`, a `Run` or the folder of a saved run.
        form: "latex", with \cite, or "text", with the keys in brackets.

    Returns:
        A paragraph. The entries it cites are those of `cite(v)`.

    Raises:
        InputError: `v` is something else, or the form is unknown.
    """
    one_of("form", form, FORMS)
    run = run_of(v)
    said = " ".join(part for part in (_data(run), _losses(run), _estimation(run), _statements(run)) if part)
    if form == "text":
        return said.replace("⟨", "[").replace("⟩", "]") + "\n"
    return escaped(said).replace(" ⟨", r"~\cite{").replace("⟩", "}") + "\n"


def cite(v: Any) -> str:
    """BibTeX of the papers behind the claims that a run judged, and of boundcheck.

    Args:
        v: A `Verification`, a `Run` or the folder of a saved run.

    Raises:
        InputError: `v` is something else.
    """
    run = run_of(v)
    return bibtex(_sources(run).values(), str(run.manifest.get("boundcheck") or __version__))


def _sources(run: Run) -> dict[str, str]:
    """Sources of the claims that apply in the run's configuration, by id."""
    claims = of_own(run.claims)
    applied = dict.fromkeys(claims.loc[claims["verdict"] != "inapplicable", "claim"])
    catalogue: Mapping[str, Any] = run.manifest.get("catalogue", {})
    return {claim: str(catalogue.get(claim, {}).get("source") or "") for claim in applied}


def _data(run: Run) -> str:
    data, config = run.manifest.get("data", {}), run.manifest.get("config", {})
    if "n" not in data:
        return ""
    name = f" of {data['name']}" if data.get("name") else ""
    unit = "L2-normalised " if data.get("normalized") else ""
    said = f"We embedded {size(run).removeprefix('n = ')}{name} as {unit}vectors in {data['d']} dimensions"
    design = _DESIGN.get(str(config.get("design")))
    return f"{said}; instances are taken as {design}." if design else f"{said}."


def _losses(run: Run) -> str:
    config = run.manifest.get("config", {})
    if "temperature" not in config:
        return ""
    positives = str(config.get("positives"))
    parts = [f"The losses have temperature τ = {config['temperature']:g}, Q = {numbers(config.get('q', []))}"]
    parts += [f"positives that are {POSITIVES.get(positives, positives)}"]
    parts += ["pools that leave out the anchor's own instance"] if config.get("self_pairs") == "exclude" else []
    parts += ["classes of equal weight"] if config.get("class_prior") == "balanced" else []
    tilts = [f"exp(βt), t their logit, with β ∈ {{{numbers(betas)}}}"] if (betas := config.get("betas")) else []
    tilts += [f"the hardening {name}" for name in other_hardenings(config)]
    tilt = f"; negatives are tilted by {' and by '.join(tilts)}" if tilts else ""
    return f"{', '.join(parts[:-1])} and {parts[-1]}{tilt}."


def _estimation(run: Run) -> str:
    config, version = run.manifest.get("config", {}), run.manifest.get("boundcheck") or __version__
    estimator, anchors = config.get("estimator"), config.get("anchors")
    over = "all" if estimator == "exact" else "a sample of the" if anchors is None else f"{anchors:,} sampled"
    closed = estimator == "closed"
    how = "from closed forms of a known population" if closed else f"over {over} anchors and all their candidates"
    said = f"We estimated them in the limit of infinitely many negatives with boundcheck {version} ⟨boundcheck⟩ {how}"
    if closed or "confidence" not in config:
        return f"{said}."
    level = f"{100 * config['confidence']:g} %"
    sample = f"with a jackknife correction of the bias of log-sums and {level} intervals from influences of instances"
    how = "taking the data as the population" if config.get("self_pairs") == "include" else sample
    return (
        f"{said}, {how}. P-values are two-sided and adjusted by Holm's method for all rows tested. Numbers that rest "
        "on too few effective instances, or that have not settled at this sample size, are marked and decide nothing."
    )


def _statements(run: Run) -> str:
    """Each statement that may fail with its source; exact ones, which check the program, are counted."""
    sources = _sources(run)
    kinds = pd.Series(run.claims["kind"].to_numpy(), run.claims["claim"]).to_dict()
    tested = [claim for claim in sources if kinds[claim] != "exact"]
    checks = len(sources) - len(tested)
    named = [f"“{title(run, claim)}”" + "".join(_cited(sources[claim])) for claim in tested]
    also = f" {checks} exact statements served as checks of the computation." if checks else ""
    return f"We tested {'; '.join(named)}.{also}" if named else also.strip()


def _cited(source: str) -> list[str]:
    keys = cited(source)
    return [f" ⟨{', '.join(keys)}⟩"] if keys else []
