"""How large a page is, and how fast it opens in Chromium: MiniVGG and VGG16 by default, and VGG16 with all its 4,224 maps.

    python -m tests.benchmarks.page_speed [ROUNDS]

Opening is from a fresh window to a picture of what it shows; medians over the rounds, with JavaScript and without.
"""

from __future__ import annotations

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
    "vgg16, all maps": ("vgg16", {"weights": "random", "maps": "all", "layers": "all"}),
}


def opening(browser: Any, page: Path, javascript: bool) -> float:
    """Seconds until the page is seen."""
    start = time.perf_counter()
    with opened(browser, page, java_script_enabled=javascript, viewport={"width": 1280, "height": 900}) as it:
        it.page.screenshot()
        return time.perf_counter() - start


def printing(browser: Any, page: Path) -> float:
    """Seconds until it is a PDF."""
    with opened(browser, page) as it:
        start = time.perf_counter()
        it.page.pdf()
        return time.perf_counter() - start


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
            size, printed = page.stat().st_size / 1e6, printing(browser, page)
            sys.stdout.write(f"{name:16} {size:6.2f} MB  rendered {rendered:.2f} s  printed {printed:.1f} s  ")
            sys.stdout.write(f"open {plain:.2f} s without JavaScript, {script:.2f} s with\n")


if __name__ == "__main__":
    main()
