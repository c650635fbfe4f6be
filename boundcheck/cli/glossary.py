"""`boundcheck glossary`: what the words mean."""

from __future__ import annotations

import re
from dataclasses import asdict

import click

from boundcheck.cli.completion import terms
from boundcheck.cli.parameters import FORMAT
from boundcheck.cli.progress import say, say_json
from boundcheck.cli.tables import aligned
from boundcheck.glossary import defined, glossary


@click.command("glossary")
@click.argument("term", metavar="[TERM]", required=False, shell_complete=terms)
@click.option("--format", "form", type=FORMAT, default="table", show_default=True)
def command(term: str | None, form: str) -> int:
    """Says what the words of the other commands mean: all of them, or one."""
    chosen = list(glossary().values()) if term is None else [defined(term)]
    if form == "json":
        say_json([asdict(each) for each in chosen])
    else:
        say(aligned([(each.name, re.sub(r"[`*]", "", each.text)) for each in chosen]))
    return 0
