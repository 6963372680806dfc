"""What the index of a large site takes: seconds to write it, and to open its first page in Chromium.

    python -m tests.benchmarks.index_speed [REPORTS ...]

The entries of REPORTS reports (default 1000 and 10000) of two models are made up; no report and no thumbnail is on the disk. The
page is opened with and without JavaScript, until it is loaded and laid out. The limit is 2 s for 1,000 reports.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from reportgen.site.entries import Entry
from reportgen.site.layout import writing
from reportgen.site.writing import write_site
from tests.browser import launched

LIMIT = 2.0  # seconds for 1,000 reports
MODELS = ("old", "new")


def made_up(reports: int) -> list[Entry]:
    """Entries of a site of `reports` reports, of which one in seven is wrong."""
    return [
        Entry(
            model=MODELS[place % 2], stem=f"image-{place // 2:05}", model_name=MODELS[place % 2],
            image=f"photos/image-{place // 2:05}.jpg", answer=f"class {place % 10}", classes="classification 10",
            class_index=place % 10, label=f"class {place % 10}", score=0.5 + place % 50 / 100, confidence=0.5 + place % 50 / 100,
            truth=f"class {place % 10}", truth_index=place % 10, rank=1 if place % 7 else 2, correct=place % 7 != 0,
            checks=("warning inactive-layer",) if place % 5 == 0 else (),
        )
        for place in range(reports)
    ]  # fmt: skip


def main() -> None:
    """Print the seconds for each number of reports; exit with 1 if 1,000 take longer than the limit."""
    slow = False
    with launched() as browser:
        for reports in [int(each) for each in sys.argv[1:]] or [1000, 10000]:
            with tempfile.TemporaryDirectory() as work:
                site = Path(work) / "site"
                began = time.perf_counter()
                with writing(site):
                    write_site(site, made_up(reports), link=False)
                say(f"{reports:7,} reports: written in {time.perf_counter() - began:.2f} s")
                for script in (True, False):
                    context = browser.new_context(java_script_enabled=script)
                    page = context.new_page()
                    began = time.perf_counter()
                    page.goto((site / "index.html").as_uri(), wait_until="load")
                    page.locator("#rows > tr").last.bounding_box()  # waits for the layout
                    seconds = time.perf_counter() - began
                    slow = slow or (reports <= 1000 and seconds > LIMIT)
                    say(f"{'':16} opened {'with' if script else 'without'} JavaScript in {seconds:.2f} s")
                    context.close()
    sys.exit(1 if slow else 0)


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
