"""`summary.md`: what was run, every table and every figure of a reproduction, on one page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from boundcheck._places import atomic_path

from .captions import FIGURES, TABLES
from .recipe import Recipe
from .results import Results


def write_page(recipe: Recipe, results: Results, manifest: Mapping[str, Any], out: Path) -> None:
    """Writes summary.md from the results and the tables and figures that are in the folder.

    Args:
        recipe: the recipe.
        results: the results.
        manifest: what `run.json` says.
        out: folder of the results.
    """
    parts = [
        f"# {recipe.id}, preset {manifest['preset']}",
        recipe.source + ".",
        *_facts(results, manifest),
        "## In short",
    ]
    parts.append("\n".join(f"- {sentence}" for sentence in recipe.findings(results)))
    for name in recipe.tables:
        title, caption = TABLES[name]
        parts += [f"## {title}", caption, (out / "tables" / f"{name}.md").read_text(encoding="utf-8").rstrip()]
    for name in recipe.figures:
        if (out / "figures" / f"{name}.png").exists():
            title, caption = FIGURES[name]
            parts += [f"## {title}", caption, f"![{title}](figures/{name}.png)"]
    with atomic_path(out / "summary.md") as temporary:
        temporary.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _facts(results: Results, manifest: Mapping[str, Any]) -> Iterator[str]:
    """What was trained, where and for how long, and how it departs from the paper."""
    training, platform, versions = manifest["training"], manifest["platform"], manifest["versions"]
    yield f"`{manifest['command']}`" if manifest["command"] else "Called from Python."
    failed = f", {manifest['trials_failed']} failed" if manifest["trials_failed"] else ""
    threads = " or ".join(map(str, training["threads"]))
    views = " or ".join(map(str, sorted({each["n_views"] for each in manifest["config"]["trainings"]})))
    views += " view" if views == "1" else " views"
    seeds = results.accuracy["seed"].unique()
    yield (
        f"{manifest['trials_finished']} of {manifest['trials']} encoders{failed}; {training['seconds'] / 3600:.2f} "
        f"hours of training in all, measurements not counted, at {training['images_per_s']:,.0f} images/s ({views} "
        f"each) on {' and '.join(training['devices'])}, threads per encoder: {threads}. "
        f"{platform['gpu'] or platform['cpu']}, {platform['cores']} cores, {platform['ram_gb']:g} GB; torch "
        f"{versions['torch']}, boundcheck {versions['boundcheck']}. Seeds {min(seeds)} to {max(seeds)}."
    )
    yield "Departures from the authors' code:\n\n" + "\n".join(f"- {line}" for line in manifest["deviations"])
