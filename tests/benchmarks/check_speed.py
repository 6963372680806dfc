"""What `reportgen check FILE` takes as a whole process for a model without an image, beside the import and the load alone.

    python -m tests.benchmarks.check_speed [NAME | FILE.keras] [ROUNDS]

NAME is one of `keras.applications`, VGG16 by default, which is saved with random weights first. Both run in fresh processes in
turn. Printed are the median seconds of each and the processor's time, which other work on the machine disturbs less; for VGG16
the difference may be 1.5 s.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LEAST = "import sys, keras; keras.models.load_model(sys.argv[1], compile=False)"
SAVE = "import sys, keras; getattr(keras.applications, sys.argv[1])(weights=None).save(sys.argv[2])"


def spent(command: list[str]) -> tuple[float, float]:
    """Seconds that a process takes from start to end, and those that it keeps processors busy."""
    start = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} ended with {process.returncode}")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else "VGG16"
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with tempfile.TemporaryDirectory() as folder:
        file = Path(name)
        if not file.is_file():
            file = Path(folder) / "model.keras"
            subprocess.run([sys.executable, "-c", SAVE, name, str(file)], check=True, stderr=subprocess.DEVNULL)
        least = [sys.executable, "-c", LEAST, str(file)]
        check = [sys.executable, "-m", "reportgen", "check", str(file), "--quiet"]
        rows = [(spent(least), spent(check)) for _ in range(rounds)]
    for place, kind in enumerate(("seconds", "processor time")):
        alone, whole = (statistics.median(row[side][place] for row in rows) for side in (0, 1))
        added = statistics.median(row[1][place] - row[0][place] for row in rows)
        sys.stdout.write(f"{kind}: import and load {alone:.2f}, check {whole:.2f}: {added:+.2f}\n")


if __name__ == "__main__":
    main()
