"""How long `reportgen diff` takes for two VGG16 reports, as a whole process, and how large its page is.

    python -m tests.benchmarks.diff_speed [RUNS]

Beside it, in turn, a process that only imports NumPy, Pillow and Jinja: what any such program takes.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import reportgen

CAT = Path(__file__).parent.parent.parent / "sample_images" / "cat.png"
BARE = "import numpy, PIL.Image, jinja2, typer"


def seconds(*command: str | Path) -> float:
    """The time of one process."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *map(str, command)], check=False, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = [folder / f"v{seed}.html" for seed in (0, 1)]
        for seed, file in enumerate(files):
            report = reportgen.generate("vgg16", CAT, weights="random", seed=seed)
            file.write_text(reportgen.render(report), "utf-8")
        page = folder / "diff.html"
        pairs = [(seconds("-m", "reportgen", "diff", *files, "-o", page), seconds("-c", BARE)) for _ in range(runs)]
        size = page.stat().st_size / 1e6
    whole, bare = (statistics.median(times) for times in zip(*pairs, strict=True))
    print(f"diff of two VGG16 reports: {whole:.2f} s, imports alone {bare:.2f} s, ratio {whole / bare:.1f}; page {size:.2f} MB")  # noqa: T201


if __name__ == "__main__":
    main()
