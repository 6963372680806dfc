"""What gradients of many images cost through `Network`, beside bare TensorFlow. On Linux.

    python -m tests.benchmarks.asking [IMAGES] [NAME...]

By default 50 gradients at the input of VGG16 with random weights. The bare way is a traced gradient of one image, called once
for each; both times contain their trace. Each model is measured in a process of its own. Its memory is that beyond the model
itself after one pass, at the most, without the images and the gradients.
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
answers = np.zeros_like(batch)

def memory(figure):
    return int(re.search(figure + ":\\\\s+(\\\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024 / 1e6

Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
before, start = memory("VmRSS"), time.perf_counter()
answers[:] = network.gradient(batch, 3)
asked, peak = time.perf_counter() - start, memory("VmHWM") - before - batch.nbytes / 1e6

@tf.function(autograph=False)
def bare(image):
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(image)
        score = network.model(image, training=False)._keras_logits[0, 3]
    return tape.gradient(score, image)

start = time.perf_counter()
expected = np.concatenate([bare(tf.constant(batch[place : place + 1])).numpy() for place in range(images)])
alone = time.perf_counter() - start
difference = np.abs(answers - expected).max() / np.abs(expected).max()
print(f"{name:16} {images} gradients: Network {asked:.1f} s, bare {alone:.1f} s, ratio {asked / alone:.2f};"
      f" peak {peak:.0f} MB; greatest difference {difference:.1e}")
"""


def main() -> None:
    images = sys.argv[1] if len(sys.argv) > 1 else "50"
    for name in sys.argv[2:] or ["vgg16"]:
        subprocess.run([sys.executable, "-c", MEASURE, name, images], check=True)


if __name__ == "__main__":
    main()
