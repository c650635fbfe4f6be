"""Everything of a run that a paper includes, in one folder: figures, tables, methods, references."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from boundcheck import plot, table
from boundcheck._places import collect_leftovers, hidden
from boundcheck.errors import FileError, InputError
from boundcheck.options import one_of
from boundcheck.report.sources import run_of

FORMS = ("tex", "md", "png")
FIGURES = ("losses", "gap", "crossing", "premise", "critical_beta", "claims", "finite_k", "bounds")


def write_paper(v: Any, directory: str | os.PathLike[str], style: str = "neurips", form: str = "tex") -> list[Path]:
    r"""Write what a paper, a page of Markdown or a talk includes of a run.

    Args:
        v: A `Verification`, a `Run` or the folder of a saved run.
        directory: Where; made when missing. Files of these names are replaced, others are left.
        style: A name of `plot.STYLES`. Tables have the style of a paper, "neurips", where it has none.
        form: "tex": figures as PDF, each beside a .tex that includes it with its caption, claims.tex, losses.tex,
            methods.tex and references.bib; "md": claims.md, losses.md and methods.md; "png": figures alone.

    Returns:
        The files.

    Raises:
        InputError: A name is unknown.
        FileError: The folder of the run or `directory` cannot be read or written.
    """
    one_of("form", form, FORMS)
    one_of("style", style, plot.STYLES)
    run, target = run_of(v), Path(directory)
    try:
        target.mkdir(parents=True, exist_ok=True)
        collect_leftovers(target)
        with hidden(target / "paper") as fresh:
            if form != "md":
                _write_figures(run, fresh, style, form)
            if form != "png":
                _write_words(run, fresh, style, form)
            names = sorted(path.name for path in fresh.iterdir())
            for file in names:
                (fresh / file).replace(target / file)
    except OSError as error:
        why = error.strerror or str(error)
        raise FileError(f"report: cannot write into '{target}': {why}; free space or permit writing") from error
    return [target / file for file in names]


def _write_figures(run: Any, folder: Path, style: str, form: str) -> None:
    import matplotlib.pyplot as plt

    suffix = "png" if form == "png" else "pdf"
    undated = {"Software": None} if suffix == "png" else {"CreationDate": None}
    with plot.style(style):
        for name in FIGURES:
            try:
                ax = getattr(plot, name)(run)
            except InputError:  # the run has nothing to draw there
                continue
            ax.figure.savefig(folder / f"figure-{name}.{suffix}", metadata=undated)
            plt.close(ax.figure)
            if form == "tex":
                (folder / f"figure-{name}.tex").write_text(_float(name, plot.caption(name, run, "latex")))


def _float(name: str, caption: str) -> str:
    lines = [
        r"% needs \usepackage{graphicx}",
        r"\begin{figure}[t]",
        r"\centering",
        rf"\includegraphics{{figure-{name}.pdf}}",
        rf"\caption{{{caption}}}",
        rf"\label{{fig:{name.replace('_', '-')}}}",
        r"\end{figure}",
    ]
    return "\n".join(lines) + "\n"


def _write_words(run: Any, folder: Path, style: str, form: str) -> None:
    look = style if style in table.STYLES else "neurips"
    tables, words = ("latex", "latex") if form == "tex" else ("markdown", "text")
    for name, build in (("claims", table.claims), ("losses", table.losses)):
        try:
            (folder / f"{name}.{form}").write_text(build(run, tables, look), encoding="utf-8")
        except InputError:  # no row applies
            continue
    (folder / f"methods.{form}").write_text(table.methods(run, words), encoding="utf-8")
    if form == "tex":
        (folder / "references.bib").write_text(table.cite(run), encoding="utf-8")
