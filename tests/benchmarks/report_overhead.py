"""What a report costs beyond importing TensorFlow, building the model and one bare forward pass: time and memory.

    python -m tests.benchmarks.report_overhead [MODEL] [ROUNDS]

The bare pass and the whole report run in fresh processes in turn, so that a machine that slows down slows both; the figures are
medians over the rounds.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

IMAGE = Path(__file__).parent.parent.parent / "sample_images" / "cat.png"

START = """
import json, resource, sys, time
from pathlib import Path
start = time.perf_counter()
"""
BARE = """
import numpy as np
from reportgen.loading.sources import load
loaded = load({model!r}, weights={weights!r})
built = time.perf_counter()
height, width, channels = loaded.input_shape
loaded.model(loaded.preprocess(np.zeros((1, height, width, channels), np.uint8)), training=False)
"""
REPORT = """
import reportgen
from reportgen.files import write_atomically
reporter = reportgen.Reporter({model!r}, weights={weights!r})
built = time.perf_counter()
page = reportgen.render(reporter.report({image!r}))
write_atomically(Path(sys.argv[1]), page.encode())
"""
END = """
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([built - start, time.perf_counter() - built, peak]))
"""


def measured(code: str, output: Path) -> tuple[float, float, float]:
    """Seconds to import and build, seconds of what came after, and the process's greatest memory in MB."""
    result = subprocess.run([sys.executable, "-c", code, str(output)], capture_output=True, text=True, check=True)
    build, rest, peak = json.loads(result.stdout)
    return build, rest, peak


def main() -> None:
    model = sys.argv[1] if len(sys.argv) > 1 else "vgg16"
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    output = Path("overhead.html").resolve()
    names = {"model": model, "weights": None if model.startswith("minivgg") else "random", "image": str(IMAGE)}
    rows: dict[str, list[tuple[float, float, float]]] = {"bare": [], "report": []}
    for _ in range(rounds):
        for name, body in (("bare", BARE), ("report", REPORT)):
            rows[name].append(measured((START + body).format(**names) + END, output))
    bare, report = ([statistics.median(column) for column in zip(*rows[name], strict=True)] for name in ("bare", "report"))
    lines = [
        f"{model}, medians of {rounds}: import and build {bare[0]:.2f} s",
        f"bare pass    {bare[1]:6.2f} s {bare[2]:8.0f} MB",
        f"whole report {report[1]:6.2f} s {report[2]:8.0f} MB, {output.stat().st_size / 1e6:.2f} MB written",
        f"beyond       {report[1] - bare[1]:6.2f} s {report[2] - bare[2]:8.0f} MB",
    ]
    output.unlink()
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
