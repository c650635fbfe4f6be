"""`boundcheck claims`: the catalogue of claims."""

from __future__ import annotations

from typing import Any

import click

from boundcheck import __version__
from boundcheck.cli.catalogue import catalogue
from boundcheck.cli.completion import claim_ids
from boundcheck.cli.parameters import FORMAT, plugin_option
from boundcheck.cli.progress import say, say_json
from boundcheck.cli.tables import aligned
from boundcheck.errors import unknown_name


@click.command("claims")
@click.argument("claim_id", metavar="[ID]", required=False, shell_complete=claim_ids)
@click.option("--format", "form", type=FORMAT, default="table", show_default=True)
@click.option("--cite", is_flag=True, help="Print BibTeX of the sources.")
@plugin_option
def command(claim_id: str | None, form: str, cite: bool) -> int:
    """Lists the claims, or prints one in full.

    In full: statement, source, what the input must be (requirements) and what is measured beside it (premise).
    """
    claims: dict[str, Any] = catalogue()
    if claim_id is not None and claim_id not in claims:
        raise unknown_name("claim", claim_id, claims, "boundcheck claims")
    chosen = list(claims.values()) if claim_id is None else [claims[claim_id]]
    if cite:
        from boundcheck.bibliography import bibtex

        say(bibtex((claim["source"] for claim in chosen), __version__), nl=False)
    elif form == "json":
        say_json(chosen)
    elif claim_id is None:
        say(aligned([(claim["id"], claim["kind"], claim["title"]) for claim in chosen]))
    else:
        say(aligned([(key, value) for key, value in chosen[0].items() if value]))
    return 0
