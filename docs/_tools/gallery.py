"""The pictures of the gallery, made by the code of its page: `python docs/_tools/gallery.py`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

DOCS = Path(__file__).parents[1]
_BLOCK = re.compile(r"```python\n(.*?)```(?:\s*!\[[^\]]*\]\((assets/gallery/[\w.]+)\))?", re.DOTALL)


def main() -> None:
    """Runs every block of the page; saves the axes `ax` where a picture follows."""
    names: dict[str, Any] = {}
    for code, picture in _BLOCK.findall((DOCS / "gallery.md").read_text(encoding="utf-8")):
        exec(code, names)
        if picture:
            names["ax"].figure.savefig(DOCS / picture, dpi=160, metadata={"Software": None})
            plt.close("all")


if __name__ == "__main__":
    main()
