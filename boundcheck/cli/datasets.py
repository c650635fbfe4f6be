"""`boundcheck datasets`: what can be loaded, and where its files are."""

from __future__ import annotations

from pathlib import Path

import click

from boundcheck.cli.parameters import FILE, FORMAT, plugin_option
from boundcheck.cli.progress import say, say_json
from boundcheck.cli.tables import aligned


@click.command("datasets")
@click.option("--data-dir", type=FILE, help="Folder of data sets to look in first.")
@click.option("--format", "form", type=FORMAT, default="table", show_default=True)
@plugin_option
def command(data_dir: Path | None, form: str) -> int:
    """Lists the data sets and where they are.

    Says of each whether it is present, and how to get it where it is not.
    """
    from boundcheck.data import describe_datasets

    infos = describe_datasets(data_dir)
    if form == "json":
        document = [
            {
                "name": info.name,
                "splits": info.splits,
                "present": info.present,
                "found": info.found and str(info.found),
                "searched": [str(path) for path in info.searched],
                "remedy": info.remedy,
            }
            for info in infos
        ]
        say_json(document)
        return 0
    rows = [
        (
            info.name,
            ", ".join(info.splits),
            "present" if info.present else "absent",
            info.remedy or str(info.found or "comes with scikit-learn"),
        )
        for info in infos
    ]
    rows.append(
        ("FOLDER", "its own", "", "pictures split/class/*.png or class/*.png; parquet as on the hub; .tar shards")
    )
    rows.append(("FILE", "all", "", ".csv .tsv .jsonl of texts; .parquet of texts or images; a .tar shard"))
    rows.append(("hf:NAME", "its own", "", "a name on Hugging Face's hub, with the package datasets"))
    say(aligned(rows))
    return 0
