"""Help of commands with many options: grouped by what they are about."""

from __future__ import annotations

import click

GROUPS = {
    "Encoder and data": (
        "checkpoint", "encoder", "arch", "checkpoint_format", "trust_checkpoint", "layer", "dataset", "split",
        "data_dir", "views", "embeddings", "population", "unlabelled", "no_normalize", "features", "cells", "no_cache",
        "only", "instances", "installed", "folder",
    ),
    "Losses": (
        "objective", "temperature", "temperatures", "beta", "betas", "hardening", "q", "positives", "self_pairs",
        "class_prior", "losses", "negatives", "own", "weight_gradient",
    ),
    "Verdicts": ("claims", "confidence", "design", "duplicates", "null", "fail_on"),
    "Training": (
        "epochs", "batch_size", "accumulate", "learning_rate", "weight_decay", "schedule", "warmup_epochs", "n_views",
        "augment", "views_apart", "embedding_dim", "unit_ball",
    ),
    "Search": ("classes", "points", "dim", "premise", "seconds"),
    "Computation": (
        "estimator", "anchors", "until_decided", "max_anchors", "device", "precision", "seed",
    ),
    "Output": ("config", "out", "overwrite", "resume", "save_every", "form", "quiet"),
}  # fmt: skip
"""Names of parameters by group; what is in none stands last."""
ARGUMENTS, REST = "Arguments", "Other options"


class Grouped(click.Command):
    """A command whose help shows its options in `GROUPS`."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """As click's, in sections."""
        group_of = {name: title for title, names in GROUPS.items() for name in names}
        sections: dict[str, list[tuple[str, str]]] = {title: [] for title in (ARGUMENTS, *GROUPS, REST)}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Argument):
                sections[ARGUMENTS].append(record)
            elif record is not None:
                sections[group_of.get(parameter.name or "", REST)].append(record)
        for title, records in sections.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)
