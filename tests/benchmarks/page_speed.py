"""How large and long a page is, and how fast it opens in Chromium: three models by default, and VGG16 with all its 4,224 maps.

    python -m tests.benchmarks.page_speed [ROUNDS]

Opening is from a fresh window to a picture of what it shows; medians over the rounds, with JavaScript and without. The length
is that of the page as it opens, 1,280 pixels wide, and that of its print on A4.
"""

from __future__ import annotations

import re
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import reportgen

from ..browser import launched, opened
from ..conftest import ROOT

CAT = ROOT / "sample_images" / "cat.png"
REPORTS: dict[str, tuple[str, dict[str, Any]]] = {
    "minivgg": ("minivgg", {}),
    "vgg16": ("vgg16", {"weights": "random"}),
    "resnet50": ("resnet50", {"weights": "random"}),
    "vgg16, all maps": ("vgg16", {"weights": "random", "maps": "all", "layers": "all"}),
}


def opening(browser: Any, page: Path, javascript: bool) -> float:
    """Seconds until the page is seen."""
    start = time.perf_counter()
    with opened(browser, page, java_script_enabled=javascript, viewport={"width": 1280, "height": 900}) as it:
        it.page.screenshot()
        return time.perf_counter() - start


def length(browser: Any, page: Path) -> int:
    """Pixels from the top of the page to its end."""
    with opened(browser, page, viewport={"width": 1280, "height": 900}) as it:
        return int(it.page.evaluate("document.documentElement.scrollHeight"))


def printing(browser: Any, page: Path) -> tuple[float, int]:
    """Seconds until it is a PDF, and the sheets that it takes."""
    with opened(browser, page) as it:
        start = time.perf_counter()
        printed = it.page.pdf(format="A4")
        return time.perf_counter() - start, len(re.findall(rb"/Type\s*/Page[^s]", printed))


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as folder, launched() as browser:
        for name, (model, options) in REPORTS.items():
            report = reportgen.generate(model, CAT, **options)
            start = time.perf_counter()
            html = reportgen.render(report)
            rendered = time.perf_counter() - start
            page = Path(folder) / "page.html"
            page.write_text(html, "utf-8")
            plain, script = (statistics.median(opening(browser, page, on) for _ in range(rounds)) for on in (False, True))
            printed, sheets = printing(browser, page)
            sys.stdout.write(f"{name:16} {page.stat().st_size / 1e6:6.2f} MB, {length(browser, page):,} px, {sheets} sheets  ")
            sys.stdout.write(f"rendered {rendered:.2f} s  printed {printed:.1f} s  ")
            sys.stdout.write(f"open {plain:.2f} s without JavaScript, {script:.2f} s with\n")


if __name__ == "__main__":
    main()
