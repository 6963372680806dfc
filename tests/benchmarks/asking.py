"""What gradients of many images cost through `Network`, beside bare TensorFlow. On Linux.

    python -m tests.benchmarks.asking [IMAGES] [NAME...]

By default 50 gradients at the input of VGG16 with random weights. Ten images at a time are asked about both ways in turn, so that
a machine that slows down slows both. The bare way calls a traced gradient of one image for each. Both times contain the trace.

Each model is measured in a process of its own. Its memory is the most that the first ten gradients take beyond what the process
had after one pass.
"""

from __future__ import annotations

import subprocess
import sys

MEASURE = """
import re, sys, time
from pathlib import Path
import numpy as np
from reportgen import load
from reportgen.backend import tf

name, images = sys.argv[1], int(sys.argv[2])
network = load(name, weights=None if name.startswith("minivgg") else "random")
network.layers
pixels = np.random.default_rng(0).integers(0, 256, (images, *network.facts.input_shape), dtype=np.uint8)
batch = network.prepared(pixels)

def memory(figure):
    return int(re.search(figure + ":\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024 / 1e6

@tf.function(autograph=False)
def bare(image):
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(image)
        score = network.model(image, training=False)._keras_logits[0, 3]
    return tape.gradient(score, image)

Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
before, peak, asked, alone = memory("VmRSS"), 0.0, 0.0, 0.0
for place in range(0, images, 10):
    part = batch[place : place + 10]
    start = time.perf_counter()
    network.gradient(part, 3)
    asked += time.perf_counter() - start
    peak = peak or memory("VmHWM") - before
    start = time.perf_counter()
    for image in part:
        bare(tf.constant(image[None])).numpy()
    alone += time.perf_counter() - start
print(f"{name:16} {images} gradients: Network {asked:.1f} s, bare {alone:.1f} s, ratio {asked / alone:.2f}; memory {peak:.0f} MB")
"""


def main() -> None:
    images = sys.argv[1] if len(sys.argv) > 1 else "50"
    for name in sys.argv[2:] or ["vgg16"]:
        subprocess.run([sys.executable, "-c", MEASURE, name, images], check=True)


if __name__ == "__main__":
    main()
