"""What `reportgen report` takes as a whole process, against the least that anyone must spend.

    python -m tests.benchmarks.report_overhead [vgg16 | minivgg] [ROUNDS]

The least is plain Keras: import, build (or load), one pass and one gradient of the best score at the last convolution; for
MiniVGG, where the import is most of it, no gradient. Both run in fresh processes in turn, so that a machine that slows down slows
both. Both may use compiled modules, as on a user's machine, and reportgen runs once before. Printed are the median seconds and
peak memory of each, and the median of the ratios round by round.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
IMAGE = ROOT / "sample_images" / "cat.png"
BUNDLED = ROOT / "reportgen" / "loading" / "minivgg" / "minivgg.keras"
LEAST = {
    "vgg16": """
import keras, numpy as np, tensorflow as tf
model = keras.applications.VGG16(weights=None)
image = tf.constant(np.random.default_rng(0).random((1, 224, 224, 3), np.float32))
with tf.GradientTape(watch_accessed_variables=False) as tape:
    values = image
    for layer in model.layers[1:]:
        values = layer(values)
        if layer.name == "block5_conv3":
            tape.watch(values)
            maps = values
    score = tf.reduce_max(values)
tape.gradient(score, maps).numpy()
""",
    "minivgg": f"""
import tensorflow as tf, keras
model = keras.models.load_model({str(BUNDLED)!r}, compile=False)
model(tf.zeros((1, 64, 64, 3)), training=False).numpy()
""",
}
OPTIONS = {"vgg16": ("--weights", "random"), "minivgg": ()}


def spent(command: list[str]) -> tuple[float, float]:
    """Seconds that a process takes from start to end, and its peak memory in MB."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} ended with {process.returncode}")
    return seconds, usage.ru_maxrss / 1024


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else "vgg16"
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    with tempfile.TemporaryDirectory() as folder:
        report = ["report", str(IMAGE), "--model", name, *OPTIONS[name], "--output", str(Path(folder) / "report.html")]
        commands = {
            "the least": [sys.executable, "-c", LEAST[name]],
            "reportgen": [sys.executable, "-m", "reportgen", *report],
        }
        spent(commands["reportgen"])
        rows: dict[str, list[tuple[float, float]]] = {each: [] for each in commands}
        for _ in range(rounds):
            for each, command in commands.items():
                rows[each].append(spent(command))
    lines = [f"{name}, medians of {rounds}"]
    for each, figures in rows.items():
        seconds, memory = (statistics.median(column) for column in zip(*figures, strict=True))
        lines.append(f"{each:10} {seconds:6.2f} s {memory:8.0f} MB")
    ratios = [report[0] / least[0] for least, report in zip(rows["the least"], rows["reportgen"], strict=True)]
    lines.append(f"ratio      {statistics.median(ratios):6.2f} (from {min(ratios):.2f} to {max(ratios):.2f})")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
