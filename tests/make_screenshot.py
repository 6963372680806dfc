"""The README's screenshot, made from the real thing: `python -m tests.make_screenshot`."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

import reportgen

from .browser import launched, opened
from .conftest import ROOT

VIEWPORT = {"width": 1240, "height": 1860}


def main() -> None:
    page_file = Path("screenshot.html").resolve()
    report = reportgen.generate("minivgg", ROOT / "sample_images" / "cat.png")
    page_file.write_text(reportgen.render(report), "utf-8")
    with launched() as browser, opened(browser, page_file, viewport=VIEWPORT, color_scheme="light") as shown:
        shot = shown.page.screenshot()
    page_file.unlink()
    Image.open(io.BytesIO(shot)).convert("RGB").save(ROOT / "sample_images" / "report.png", optimize=True)


if __name__ == "__main__":
    main()
