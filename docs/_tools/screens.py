"""What a reader sees, as pictures in docs/assets/screens, made again by `python docs/_tools/screens.py [NAME...]`.

Needs chromium, pdflatex and pdftoppm on the path, and `pip install -c constraints.txt ".[docs]"` for the site.
"""

from __future__ import annotations

import fcntl
import html
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image, ImageChops

ROOT = Path(__file__).parents[2]
SCREENS = ROOT / "docs" / "assets" / "screens"
COLOURS = 96  # of the palette, enough for text and marks
LINES = 44  # of a terminal
PAPER = r"""\documentclass[10pt]{article}\usepackage[T1]{fontenc}\usepackage{times}
\usepackage{graphicx,booktabs,tabularx}\usepackage[textwidth=5.5in,textheight=9in]{geometry}
\graphicspath{{paper/}}\pagestyle{empty}
\begin{document}
\input{paper/figure-losses}
\input{paper/losses}
\input{paper/methods}
\bibliographystyle{plain}\bibliography{paper/references}
\end{document}
"""


def chromium(address: str, out: Path, width: int, height: int, *flags: str) -> None:
    """A page in a window; what is empty below is cut off. A window is at least 500 wide, a frame in it is not."""
    with TemporaryDirectory() as scratch:
        if width < 500:
            frame = Path(scratch) / "frame.html"
            style = f"border:0;width:{width}px;height:{height}px"
            frame.write_text(f'<body style="margin:0"><iframe src="{address}" style="{style}"></iframe>')
            address = frame.as_uri()
        usual = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--allow-file-access-from-files"]
        usual += ["--virtual-time-budget=3000"]  # milliseconds, until what moves has come to rest
        picture = Path(scratch) / "shot.png"
        subprocess.run(
            ["chromium", *usual, *flags, f"--user-data-dir={scratch}/profile",
             f"--window-size={max(width, 500)},{height}", f"--screenshot={picture}", address],
            check=True, capture_output=True, timeout=120,
        )  # fmt: skip
        keep(Image.open(picture).crop((0, 0, width, height)), out)


def keep(picture: Image.Image, out: Path) -> None:
    """Cut off what is empty below, and few colours."""
    picture = picture.convert("RGB")
    empty = Image.new("RGB", picture.size, picture.getpixel((picture.width - 1, picture.height - 1)))
    box = ImageChops.difference(picture, empty).getbbox()
    if box is not None:
        picture = picture.crop((0, 0, picture.width, min(picture.height, box[3] + 20)))
    picture.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(out, optimize=True)


def boundcheck(*words: str, folder: Path) -> None:
    """A command of the program, in a folder."""
    subprocess.run([sys.executable, "-m", "boundcheck", *words], cwd=folder, check=True, capture_output=True)


def page(run: Path) -> None:
    """The report at two widths, in the dark, and its first sheet of paper."""
    address = (run / "report.html").as_uri()
    chromium(address, SCREENS / "page-1280.png", 1280, 1500)
    chromium(address, SCREENS / "page-390.png", 390, 1600)
    chromium(address, SCREENS / "page-dark.png", 1280, 1500, "--blink-settings=preferredColorScheme=0")
    with TemporaryDirectory() as scratch:
        figures = Path(scratch) / "figures.html"
        alone = "main > :not(#figures):not(.figures) { display: none; }</style>"
        figures.write_text((run / "report.html").read_text("utf-8").replace("</style>", alone, 1), "utf-8")
        chromium(figures.as_uri(), SCREENS / "figures-dark.png", 1280, 1390, "--blink-settings=preferredColorScheme=0")
        pdf = Path(scratch) / "print.pdf"
        subprocess.run(
            ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={scratch}/profile",
             "--no-pdf-header-footer", f"--print-to-pdf={pdf}", address],
            check=True, capture_output=True, timeout=120,
        )  # fmt: skip
        keep(_sheet(pdf, 80), SCREENS / "page-print.png")


def search(run: Path) -> None:
    """The page of a search that found a counterexample."""
    words = ["hscl_le_hucl", "--classes", "3", "--points", "9", "--dim", "3", "--beta", "2", "--seconds", "60"]
    place = run.parent / "search"
    subprocess.run([sys.executable, "-m", "boundcheck", "falsify", *words, "--out", str(place)], capture_output=True)
    chromium((place / "report.html").as_uri(), SCREENS / "search.png", 1280, 1250)


def site(run: Path) -> None:
    """The documentation's home, a claim of its catalogue, and the gallery."""
    built = run.parent / "site"
    subprocess.run([sys.executable, "-m", "mkdocs", "build", "-q", "-d", str(built)], cwd=ROOT, check=True)
    catalogue = built / "catalogue.html"
    upwards = "-(document.getElementById('hscl_le_hucl').getBoundingClientRect().top - 60) + 'px'"
    moved = f"<script>onload = () => document.querySelector('.md-main').style.marginTop = {upwards}</script></body>"
    catalogue.write_text(catalogue.read_text("utf-8").replace("</body>", moved), "utf-8")
    for name, address in (("home", "index"), ("claim", "catalogue"), ("gallery", "gallery")):
        chromium((built / f"{address}.html").as_uri(), SCREENS / f"docs-{name}.png", 1280, 1000)


def terminal(run: Path) -> None:
    """`boundcheck verify` as terminals of 80 and 120 columns show it."""
    for columns in (80, 120):
        words = [sys.executable, "-m", "boundcheck", "verify", "--out", f"t{columns}"]
        said = _in_terminal(words, columns, run.parent).splitlines()
        said = [*said[: LINES - 1], "..."]
        shown = run.parent / f"terminal-{columns}.html"
        body = "\n".join([f"$ {'boundcheck verify'}", *map(_coloured, said)])
        style = "margin:0;padding:12px;background:#16191d;color:#e6e8ea;font:14px/1.35 'DejaVu Sans Mono',monospace"
        shown.write_text(f'<meta charset="utf-8"><body style="margin:0"><pre style="{style}">{body}</pre>', "utf-8")
        chromium(shown.as_uri(), SCREENS / f"terminal-{columns}.png", round(8.43 * columns) + 30, LINES * 19 + 60)


def paper(run: Path) -> None:
    """A page of LaTeX at the width of NeurIPS, from `report --format tex`."""
    folder = run.parent
    boundcheck("report", str(run), "--format", "tex", "--style", "neurips", "--out", "paper", folder=folder)
    (folder / "main.tex").write_text(PAPER)
    for words in (["pdflatex", "-interaction=nonstopmode", "main"], ["bibtex", "main"], *[["pdflatex", "main"]] * 2):
        subprocess.run(words, cwd=folder, check=words[0] != "bibtex", capture_output=True, stdin=subprocess.DEVNULL)
    keep(_sheet(folder / "main.pdf", 90), SCREENS / "latex.png")


def _sheet(pdf: Path, dots: int) -> Image.Image:
    """The first page of a document."""
    out = pdf.with_suffix("")
    subprocess.run(["pdftoppm", "-r", str(dots), "-png", "-singlefile", str(pdf), str(out)], check=True)
    return Image.open(out.with_suffix(".png"))


def _in_terminal(words: list[str], columns: int, folder: Path) -> str:
    """What a command leaves on a terminal of so many columns; a line that was written over counts as it ended."""
    process, handle = pty.fork()
    if process == 0:
        os.chdir(folder)
        os.execvpe(words[0], words, {**os.environ, "TERM": "xterm-256color", "BOUNDCHECK_DATA": f"cache{columns}"})
    fcntl.ioctl(handle, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    said = b""
    while True:
        try:
            said += (part := os.read(handle, 65536))
        except OSError:  # how a pseudo-terminal says that its other end is closed
            break
        if not part:
            break
    os.waitpid(process, 0)
    lines = said.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)


def _coloured(line: str) -> str:
    """A terminal's colours as HTML."""
    shades = {"31": "#ff9a90", "32": "#8fd19e", "33": "#f0b860"}
    text = re.sub(r"\x1b\[[0-9;?]*[A-Zln-z]", "", html.escape(line))
    for code, shade in shades.items():
        text = text.replace(f"\x1b[{code}m", f'<span style="color:{shade}">')
    text = text.replace("\x1b[0m", "</span>")
    return text.replace("\x1b", "")


PARTS: dict[str, Callable[[Path], None]] = {
    "page": page, "search": search, "site": site, "terminal": terminal, "paper": paper,
}  # fmt: skip


def main(names: list[str]) -> None:
    """Make the parts named, or all of them."""
    missing = [tool for tool in ("chromium", "pdflatex", "pdftoppm") if shutil.which(tool) is None]
    if missing:
        raise SystemExit(f"needs {', '.join(missing)} on the path")
    SCREENS.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        boundcheck("verify", "--out", "run", "--quiet", "--fail-on", "never", folder=folder)
        for name in names or PARTS:
            PARTS[name](folder / "run")


if __name__ == "__main__":
    main(sys.argv[1:])
