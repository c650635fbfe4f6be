"""Opening a page in a real browser."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest


def _chromium() -> str:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        if os.environ.get("BOUNDCHECK_REQUIRE_CHROMIUM") == "1":
            pytest.fail("BOUNDCHECK_REQUIRE_CHROMIUM=1, but there is no chromium on the path")
        pytest.skip("no chromium on the path")
    return chromium


def load_in_chromium(page: Path, scratch: Path) -> tuple[str, list[str], list[str]]:
    """The page's DOM, its console lines, and the addresses beyond file: and data: that it asked for."""
    chromium = _chromium()
    log = scratch / "net.json"
    flags = [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
        "--disable-background-networking", "--disable-component-update", "--enable-logging=stderr",
        "--v=0", "--dump-dom",
    ]  # fmt: skip
    done = subprocess.run(
        [chromium, *flags, f"--user-data-dir={scratch / 'profile'}", f"--log-net-log={log}",
         "--host-resolver-rules=MAP * ~NOTFOUND", page.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    console = [line for line in done.stderr.splitlines() if ":CONSOLE:" in line]
    # The browser's own housekeeping has no origin; a request of the page has one.
    started = [event.get("params", {}) for event in json.loads(log.read_text(encoding="utf-8"))["events"]]
    urls = [params["url"] for params in started if params.get("initiator", "not an origin") != "not an origin"]
    return done.stdout, console, [url for url in urls if not url.startswith(("file:", "data:"))]


def ask_chromium(page: Path, scratch: Path, script: str, width: int) -> str:
    """What `script` puts into `document.body.dataset.said`, in a window so wide; the page's policy would forbid it."""
    html = re.sub(r"<meta http-equiv=[^>]+>", "", page.read_text(encoding="utf-8"))
    asking = scratch / "asking.html"
    asking.write_text(html.replace("</body>", f"<script>{script}</script></body>"), encoding="utf-8")
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--dump-dom",
        "--virtual-time-budget=60000",
    ]
    done = subprocess.run(
        [_chromium(), *flags, f"--window-size={width},900", f"--user-data-dir={scratch / 'profile'}", asking.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    said = re.search(r'<body[^>]* data-said="([^"]*)"', done.stdout)
    assert said is not None, done.stderr
    return unescape(said[1])
