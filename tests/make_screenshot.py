"""The README's screenshots, made from the real thing: `python -m tests.make_screenshot`."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

import reportgen

from .browser import launched, opened
from .conftest import ROOT

HEIGHTS = {"report": 1860, "diff": 1900}


def main() -> None:
    report, early = (reportgen.generate(name, ROOT / "sample_images" / "cat.png") for name in ("minivgg", "minivgg@early"))
    pages = {"report": reportgen.render(report), "diff": reportgen.render_diff(reportgen.diff(early, report))}
    with launched() as browser:
        for name, html in pages.items():
            page_file = Path(f"screenshot-{name}.html").resolve()
            page_file.write_text(html, "utf-8")
            size = {"width": 1240, "height": HEIGHTS[name]}
            with opened(browser, page_file, viewport=size, color_scheme="light") as shown:
                shot = Image.open(io.BytesIO(shown.page.screenshot())).convert("RGB")
            page_file.unlink()
            shot.save(ROOT / "sample_images" / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
