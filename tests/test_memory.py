"""The memory that a report takes: no more than SECURITY.md says, measured in a process of its own (Linux)."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from reportgen.backend import keras

from .conftest import ROOT

layers = keras.layers
MEASURE = """
import json, sys
import numpy as np
import reportgen

def peak():
    # not `ru_maxrss`, which begins with what the parent process takes
    return int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0]) * 1024

base, image, found = None, np.zeros((32, 32, 3), np.uint8), {}
for path, limit in json.loads(sys.argv[1]):
    reportgen.generate(path, image, preprocess="unit", max_memory=limit)
    found[path] = peak() - base if base else 0
    base = base or peak()
print(json.dumps([base, found]))
"""
MB = 1_000_000


def stated(pattern: str) -> int:
    """A number of SECURITY.md's."""
    found = re.search(pattern, (ROOT / "SECURITY.md").read_text("utf-8"))
    assert found is not None
    return int(found[1])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems count memory in other units")
def test_a_report_takes_no_more_than_the_stated_multiples(tmp_path: Path) -> None:
    """Each report of one process is measured against the first, of a tiny model: from the least memory to the most."""
    flat = [layers.GlobalAveragePooling2D(), layers.Dense(3, activation="softmax")]
    models = {
        "tiny": [layers.Conv2D(2, 3), *flat],
        "heavy": [layers.Flatten(), layers.Dense(10_000), layers.Dense(3)],  # 120 MB of weights
        "wide": [layers.UpSampling2D(32), layers.Conv2D(48, 3, activation="relu"), *flat],  # two outputs of 200 MB
        "held": [layers.UpSampling2D(32), layers.Conv2D(48, 3), layers.Activation("gelu"), layers.Conv2D(48, 1), *flat],
    }
    limits = {"tiny": MB, "heavy": MB, "wide": 450 * MB, "held": 450 * MB}
    for name, inner in models.items():
        keras.Sequential([keras.Input((32, 32, 3)), *inner]).save(tmp_path / f"{name}.keras")
    asked: list[tuple[str, int]] = [(str(tmp_path / f"{name}.keras"), limits[name]) for name in models]
    result = subprocess.run([sys.executable, "-c", MEASURE, json.dumps(asked)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
    base, found = json.loads(result.stdout)
    assert base < stated(r"(\d+) MB for TensorFlow") * MB
    of_file, of_outputs = stated(r"(\d+) times the weights"), stated(r"(\d+) times `--max-memory`")
    for path, limit in asked:
        assert found[path] <= of_file * Path(path).stat().st_size + of_outputs * limit + 50 * MB, (path, found)
    assert max(found.values()) > 200 * MB  # so that something was measured
