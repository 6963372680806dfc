"""What the default report of MiniVGG takes as a whole process: the first time, and with the pictures of filters in the cache.

    python -m tests.benchmarks.first_report [ROUNDS]

The limits are 7 s the first time and 3.5 s with the cache, on two processors with nothing else to do. The processor's time stands
beside the seconds.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from pathlib import Path

from reportgen.cache import PLACE

from ..conftest import ROOT
from .check_speed import spent


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    first: list[tuple[float, float]] = []
    again: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "reportgen", "report", str(ROOT / "sample_images" / "cat.png")]
        for place in range(rounds):
            os.environ[PLACE] = str(Path(folder) / f"cache {place}")
            for rows in (first, again):
                rows.append(spent([*command, "--output", str(Path(folder) / "report.html"), "--quiet"]))
    for name, rows, limit in (("the first time", first, 7), ("with the cache", again, 3.5)):
        seconds, busy = (statistics.median(column) for column in zip(*rows, strict=True))
        sys.stdout.write(f"{name}: {seconds:.2f} s (limit {limit}), processor time {busy:.2f} s\n")


if __name__ == "__main__":
    main()
