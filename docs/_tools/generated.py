"""Pages made from the package: the catalogue from its registries, the commands from their parsers."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any

import click

from boundcheck.checkpoints import FORMATS as CHECKPOINTS
from boundcheck.claims import CLAIMS, Claim
from boundcheck.cli import _boundcheck
from boundcheck.data import DATASETS
from boundcheck.diagnostics import DIAGNOSTICS
from boundcheck.embeddings.files import FORMATS
from boundcheck.estimators.populations import POPULATIONS
from boundcheck.glossary import SOURCE
from boundcheck.hardening import CONSTANT, HARDENINGS
from boundcheck.lab.objectives import LIMITS, OBJECTIVES, hyperparameters
from boundcheck.losses import LOSSES
from boundcheck.pools import POOLS

_KINDS = {
    "theorem": "Proved for the population. Data can contradict it only where its premise, if it has one, holds.",
    "scenario": "May or may not occur. That it does not is a finding, not a contradiction.",
    "exact": "True on every finite data set: a self-check of the program, not evidence about an encoder.",
    "conjecture": "Not proved. Data may refute it.",
}


def catalogue() -> str:
    """Claims, losses, hardenings, diagnostics, objectives, populations, data, file formats, from their registries."""
    return "\n\n".join(
        [
            "# Catalogue",
            "Made from the package when the site is built: what is here is what is there.",
            _claims(),
            _losses(),
            _hardenings(),
            _diagnostics(),
            _objectives(),
            _populations(),
            _data(),
        ]
    )


def _claims() -> str:
    parts = ["## Claims"]
    for kind in dict.fromkeys(claim.kind for claim in CLAIMS.values()):
        parts += [f"### Kind: {kind}", _KINDS[kind]]
        parts += [_claim(claim) for claim in CLAIMS.values() if claim.kind == kind]
    return "\n\n".join(parts)


def _claim(claim: Claim) -> str:
    lines = [f"#### {claim.title} {{#{claim.id}}}", f"`{claim.id}`", f"$${claim.statement}$$"]
    facts = [("Source", claim.source), ("Premise", claim.premise)]
    facts += [("Needs", "; ".join(requirement.name for requirement in claim.requirements))]
    cited = re.findall(r"eq\.\s+\((\d+)\)", inspect.getdoc(inspect.getmodule(claim.evaluate)) or "")
    facts += [("In the theory", ", ".join(f"eq. ({number})" for number in cited))]
    lines += ["\n".join(f"- **{name}:** {_escaped(text)}" for name, text in facts if text)]
    return "\n\n".join(lines)


def _losses() -> str:
    rows = [
        (f"`{loss.id}`", loss.title, loss.pool.title, "tilted" if loss.hardened else "1") for loss in LOSSES.values()
    ]
    pools = [(f"`{pool.id}`", pool.title, "yes" if pool.needs_groups else "no") for pool in POOLS.values()]
    return "\n\n".join(
        [
            "## Losses",
            "By eq. (7); [how to add one](how-to/loss.md).",
            _table(("id", "name", "pool of negatives", "hardening"), rows),
            "### Pools",
            "By eq. (2).",
            _table(("id", "candidates", "needs super-classes"), pools),
        ]
    )


def _hardenings() -> str:
    rows = [(f"`{kind.form}`", _first(kind)) for kind in HARDENINGS.values()]
    rows += [(f"`{CONSTANT.family}`", _first(type(CONSTANT)) + " Always there.")]
    return "\n\n".join(
        [
            "## Hardenings",
            "By eq. (5); for `exp` the hardness comes from `betas`. [How to add one](how-to/hardening.md).",
            _table(("option", "function"), rows),
        ]
    )


def _diagnostics() -> str:
    rows = [(f"`{what.id}`", what.title, what.reading, what.source) for what in DIAGNOSTICS]
    said = "What `boundcheck diagnose` measures; [how to use it](how-to/diagnose.md)."
    return "\n\n".join(["## Diagnostics", said, _table(("id", "what", "its ends", "source"), rows)])


def _objectives() -> str:
    parts = [
        "## Objectives",
        "What `boundcheck train --objective` minimises, batch by batch. Options without an argument of their own go by "
        "`--option NAME=VALUE`. The limit is the loss that the objective tends to as its batch grows; M is the "
        "number of an anchor's negatives in its batch. [How to add one](how-to/objective.md).",
    ]
    for name, objective in OBJECTIVES.items():
        limit, meanings = LIMITS.get(name), _meanings(objective)
        options = [
            (f"`{key}`", "" if p.default is p.empty else f"`{p.default}`", meanings[key])
            for key, p in hyperparameters(objective).items()
        ]
        parts += [
            f"### {name} {{#objective-{name}}}",
            f"{_first(objective)} Its limit: {'none of the losses here' if limit is None else _limit(limit)}.",
            _table(("option", "default", "meaning"), options),
        ]
    return "\n\n".join(parts)


def _meanings(function: object) -> dict[str, str]:
    """What a docstring says of each argument."""
    arguments = re.search(r"^Args:\n(.*?)(?:\n\n|\Z)", inspect.getdoc(function) or "", re.DOTALL | re.MULTILINE)
    assert arguments is not None
    entries = re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", arguments[1], re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in entries}


def _limit(limit: Any) -> str:
    parts = [f"`{limit.loss}`", f"with {limit.positives} positives" if limit.positives else ""]
    parts += ["at $Q = \\infty$" if limit.decoupled else "", f"if {limit.condition}" if limit.condition else ""]
    return " ".join(part for part in parts if part)


def _populations() -> str:
    rows = [
        (f"`{name}`", ", ".join(f"`{key}={value}`" for key, value in defaults.items()))
        for name, (defaults, _) in POPULATIONS.items()
    ]
    said = "Known populations for `--population`, with their defaults; see eq. (45) and eq. (46)."
    return "\n\n".join(["## Populations", said, _table(("kind", "keys"), rows)])


def _data() -> str:
    rows = [(f"`{source.name}`", ", ".join(source.splits)) for source in DATASETS.values()]
    return "\n\n".join(
        [
            "## Data sets",
            "A folder of pictures laid out `split/class/*.png` is one too. [How to add one](how-to/dataset.md).",
            _table(("name", "splits"), rows),
            "## Checkpoint formats",
            "How each is read: [checkpoints](checkpoints.md).",
            _table(("name", "code base"), [(f"`{form.name}`", form.title) for form in CHECKPOINTS.values()]),
            "## Embedding files",
            "Read and written by suffix: " + ", ".join(f"`{suffix}`" for suffix in FORMATS) + ". The keys are in the "
            "[data dictionary](data-dictionary.md#embedding-files).",
        ]
    )


def commands() -> str:
    """Every command with its arguments and options, from the parsers."""
    context = click.Context(_boundcheck, info_name="boundcheck")
    parts = ["# Commands", _text(_boundcheck.help or ""), "## Exit codes", _table(("code", "meaning"), _EXIT_CODES)]
    parts += ["A scenario that does not occur never fails a run.", "## Completion", _COMPLETION]
    for name in _boundcheck.list_commands(context):
        command = _boundcheck.get_command(context, name)
        assert command is not None
        usage = command.get_usage(click.Context(command, info_name=name, parent=context)).removeprefix("Usage: ")
        usage = " ".join(usage.split())
        rows = [_parameter(parameter) for parameter in command.params]
        parts += [f"## {name}", f"```text\n{usage}\n```", _text(command.help or "")]
        parts += [_table(("option", "values", "default", "meaning"), rows)] if rows else []
    return "\n\n".join(parts)


_COMPLETION = (
    'Put `eval "$(boundcheck --completion bash)"` into `~/.bashrc`, the same with `zsh` into `~/.zshrc`, or '
    "`boundcheck --completion fish | source` into `~/.config/fish/config.fish`. The tab key then completes commands, "
    "options, their values and the ids of claims. Colours go with `NO_COLOR=1`."
)
_EXIT_CODES = (
    ("0", "nothing is violated; for `falsify`, no counterexample was found; for `rerun`, what was promised was kept"),
    (
        "1",
        "a theorem is violated or a self-check fails (see `--fail-on`); for `falsify`, a counterexample was found; for "
        "`rerun`, a promise is broken",
    ),
    (
        "2",
        "a mistake in the command or its input; one line names the parameter, the rule, what was received, the remedy",
    ),
    ("3", "interrupted, out of memory, or one of several processes was lost; what was finished is kept"),
    ("70", "a fault of boundcheck's own; please report it with the lines above the message"),
)


def _parameter(parameter: click.Parameter) -> tuple[str, ...]:
    info = parameter.to_info_dict()
    if not isinstance(parameter, click.Option):
        return f"`{parameter.human_readable_name}`", "", "", "argument"
    names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    kind = "flag" if parameter.is_flag else _kind(parameter)
    said = parameter.help or ""
    in_help = re.search(r"\[default: (.*)\]", said)
    default = in_help[1] if in_help else "" if info["default"] in (None, False) else f"`{info['default']}`"
    said = re.sub(r"\s*\[default: .*\]", "", said)
    return names, kind, default if parameter.show_default or in_help else "", said


def _kind(option: click.Option) -> str:
    choices = getattr(option.type, "choices", None) or getattr(option.type, "valid", None)
    if choices:
        return ", ".join(f"`{choice}`" for choice in choices)
    return str(getattr(option.type, "rule", "") or option.type.name)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(_escaped(cell) for cell in line) + " |" for line in lines)


def _escaped(text: str) -> str:
    return text.replace("|", r"\|").replace("<", "&lt;")


def _text(help_text: str) -> str:
    """A command's help with its indented lines as code."""
    return _escaped(inspect.cleandoc(help_text.replace("\b", "")))


def _first(thing: object) -> str:
    """The first sentence or line of a docstring."""
    return (inspect.getdoc(thing) or "").splitlines()[0]


def words() -> str:
    """The glossary, whose source the package holds."""
    return SOURCE.read_text(encoding="utf-8").replace("`docs/theory.md`", "[theory](theory.md)")


PAGES: dict[str, Callable[[], str]] = {"catalogue.md": catalogue, "cli.md": commands, "glossary.md": words}
