"""`boundcheck claims`: the catalogue of claims."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from boundcheck import __version__
from boundcheck.cli.parameters import FORMAT, plugin_option
from boundcheck.cli.progress import say, say_json
from boundcheck.cli.tables import aligned

if TYPE_CHECKING:
    from boundcheck.claims import Claim

_FIELDS = ("id", "title", "kind", "statement", "requirements", "premise", "source")


@click.command("claims")
@click.argument("claim_id", metavar="[ID]", required=False)
@click.option("--format", "form", type=FORMAT, default="table", show_default=True)
@click.option("--cite", is_flag=True, help="Print BibTeX of the sources.")
@plugin_option
def command(claim_id: str | None, form: str, cite: bool) -> int:
    """Lists the claims, or prints one in full.

    In full: statement, source, what the input must be (requirements) and what is measured beside it (premise).
    """
    from boundcheck.claims import CLAIMS
    from boundcheck.errors import unknown_name

    if claim_id is not None and claim_id not in CLAIMS:
        raise unknown_name("claim", claim_id, CLAIMS)
    chosen = list(CLAIMS.values()) if claim_id is None else [CLAIMS[claim_id]]
    if cite:
        from boundcheck.bibliography import bibtex

        say(bibtex((claim.source for claim in chosen), __version__), nl=False)
    elif form == "json":
        say_json([_facts(claim) for claim in chosen])
    elif claim_id is None:
        say(aligned([(claim.id, claim.kind, claim.title) for claim in chosen]))
    else:
        say(aligned([(key, value) for key, value in _facts(chosen[0]).items() if value]))
    return 0


def _facts(claim: Claim) -> dict[str, str]:
    """A claim's fields as text."""
    needs = ", ".join(requirement.name for requirement in claim.requirements)
    texts = {field: str(getattr(claim, field)) for field in _FIELDS}
    return texts | {"requirements": needs}
