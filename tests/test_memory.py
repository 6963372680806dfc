"""The memory that a report takes: no more than SECURITY.md says, measured in a process of its own (Linux)."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reportgen.backend import keras

from .conftest import ROOT

layers = keras.layers
MEASURE = """
import json, sys
import numpy as np
import reportgen

def memory(name):
    # not `ru_maxrss`, which begins with what the parent process takes
    return int(open("/proc/self/status").read().partition(name + ":")[2].split()[0]) * 1024

image, found = np.zeros((32, 32, 3), np.uint8), {}
for path, limit in json.loads(sys.argv[1]):
    open("/proc/self/clear_refs", "w").write("5")  # the peak begins anew
    before = memory("VmRSS")
    reportgen.generate(path, image, preprocess="unit", max_memory=limit)
    found[path] = memory("VmHWM") - before if "tiny" not in path else memory("VmHWM")
print(json.dumps(found))
"""
MB = 1_000_000


def stated(pattern: str) -> int:
    """A number of SECURITY.md's."""
    found = re.search(pattern, (ROOT / "SECURITY.md").read_text("utf-8"))
    assert found is not None
    return int(found[1])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems count memory in other units")
def test_a_report_takes_no_more_than_the_stated_multiples(tmp_path: Path) -> None:

    def flat() -> list[Any]:
        return [layers.GlobalAveragePooling2D(), layers.Dense(3, activation="softmax")]

    models = {
        "tiny": [layers.Conv2D(2, 3), *flat()],
        "wide": [layers.UpSampling2D(20), layers.Conv2D(48, 3), layers.LayerNormalization(), *flat()],  # outputs of 78 MB
        "heavy": [layers.Flatten(), layers.Dense(5_000), layers.Dense(3)],  # 61 MB of weights
    }
    limits = {"tiny": MB, "heavy": MB, "wide": 170 * MB}
    for name, inner in models.items():
        keras.Sequential([keras.Input((32, 32, 3)), *inner]).save(tmp_path / f"{name}.keras")
    asked: list[tuple[str, int]] = [(str(tmp_path / f"{name}.keras"), limits[name]) for name in models]
    result = subprocess.run([sys.executable, "-c", MEASURE, json.dumps(asked)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
    found = json.loads(result.stdout)
    of_file, of_outputs = stated(r"(\d+) times the weights"), stated(r"(\d+) times `--max-memory`")
    (tiny, _), *others = asked
    assert found[tiny] < stated(r"(\d+) MB for TensorFlow") * MB
    for path, limit in others:
        most = of_file * Path(path).stat().st_size + of_outputs * limit + 50 * MB
        assert 100 * MB < found[path] <= most, (path, found, most)
