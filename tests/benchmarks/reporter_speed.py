"""What a model opened once saves: `Reporter` over some images against as many calls of `generate` with the model in memory.

    python -m tests.benchmarks.reporter_speed [MODEL] [IMAGES]

Both run in turn, image by image, in one process, so that a machine that slows down slows both. Printed are seconds per image, the
median of each, and the ratio.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

import reportgen


def seconds(make: Callable[[], object]) -> float:
    """How long a call takes."""
    start = time.perf_counter()
    make()
    return time.perf_counter() - start


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else "vgg16"
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    weights = None if name.startswith("minivgg") else "random"
    images = np.random.default_rng(0).integers(0, 256, (count, 256, 256, 3), dtype=np.uint8)
    model = reportgen.load(name, weights=weights).model
    preprocess = "none" if name.startswith("minivgg") else name
    reporter = reportgen.Reporter(name, weights=weights)
    reporter.report(images[0])
    reportgen.generate(model, images[0], preprocess=preprocess)
    once, anew = [], []
    for image in images:
        once.append(seconds(lambda image=image: reporter.report(image)))  # type: ignore[misc]
        anew.append(seconds(lambda image=image: reportgen.generate(model, image, preprocess=preprocess)))  # type: ignore[misc]
    medians = statistics.median(once), statistics.median(anew)
    lines = (
        f"{name}, medians of {count} images",
        f"Reporter, opened once  {medians[0]:6.3f} s per image",
        f"generate, model loaded {medians[1]:6.3f} s per image",
        f"ratio {medians[0] / medians[1]:.2f}; of the sums {sum(once) / sum(anew):.2f}",
    )
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
