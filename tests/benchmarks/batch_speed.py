"""What a batch takes: reports a second, peak memory, and VGG16 against the least and against the tutorial's way.

    python -m tests.benchmarks.batch_speed [rate | memory | vgg16 | all] [IMAGES]

rate: MiniVGG over IMAGES images (default 1000) in a fresh process, with its start and the index. Processor time per report says
more where other work runs beside it. memory: the peak of batches of 20 and of 200 images, each in a fresh process, the worker
processes not counted. vgg16: random weights, seconds per image, in turn in one process: a report of a batch with its page; a bare
pass with the gradient of the best score at the last convolution; and the tutorial's way, 64 maps of five layers by matplotlib.
"""

from __future__ import annotations

import io
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROUNDS = 5
SIDE = 224
TUTORIAL = "the tutorial's way"


def write_images(folder: Path, count: int) -> None:
    """Write images of smooth noise, whose JPEG files are about as large as those of photographs of this size."""
    from PIL import Image

    rng = np.random.default_rng(0)
    folder.mkdir()
    for place in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (28, 28, 3), dtype=np.uint8))
        coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(folder / f"{place:05}.jpg", quality=90)


def one_batch(count: int) -> None:
    """Make a batch in this process, and print the figures."""
    began = time.perf_counter()
    import reportgen

    with tempfile.TemporaryDirectory() as work:
        write_images(Path(work) / "photos", count)
        made_images = time.perf_counter() - began
        made = reportgen.batch("minivgg", Path(work) / "photos", Path(work) / "site")
        seconds = time.perf_counter() - began - made_images
    assert made.made == count
    own, workers = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    busy = own.ru_utime + own.ru_stime + workers.ru_utime + workers.ru_stime
    say(
        f"{count:6} images: {seconds:6.1f} s, {count / seconds:5.1f} reports a second, "
        f"{1000 * busy / count:4.0f} ms of processor time per report, peak {own.ru_maxrss / 1024:.0f} MB"
    )


def in_fresh_process(count: int) -> None:
    subprocess.run([sys.executable, "-m", "tests.benchmarks.batch_speed", "one", str(count)], check=True)


def seconds(make: Callable[[], object]) -> float:
    """How long a call takes."""
    start = time.perf_counter()
    make()
    return time.perf_counter() - start


def against_the_least() -> None:
    import keras
    import tensorflow as tf
    from matplotlib.figure import Figure

    import reportgen
    from reportgen.page.fragments import Fragments
    from reportgen.page.render import render

    reporter, fragments = reportgen.Reporter("vgg16", weights="random", skip="feature_visualization"), Fragments()
    reporter.expect(100)
    model: Any = reporter.network.model
    images = np.random.default_rng(0).integers(0, 256, (ROUNDS + 2, SIDE, SIDE, 3), dtype=np.uint8)
    shown = [model.get_layer(f"block{block}_conv{1 if block < 3 else 3}") for block in range(1, 6)]
    last = "block5_conv3"

    def bare(batch: Any) -> Any:
        maps = None
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            values = batch
            for layer in model.layers[1:]:
                values = layer(values, training=False)
                if layer.name == last:
                    tape.watch(values)
                    maps = values
            best = tf.reduce_max(values)
        return tape.gradient(best, maps), values

    traced = tf.function(bare, autograph=False)
    tutorial = keras.Model(model.inputs, [layer.output for layer in shown])

    def drawn(image: np.ndarray) -> None:
        for maps in tutorial.predict(image[None].astype(np.float32), verbose=0):
            figure = Figure(figsize=(12, 12))
            for place in range(64):
                axes = figure.add_subplot(8, 8, place + 1)
                axes.set_xticks([])
                axes.set_yticks([])
                axes.imshow(maps[0, :, :, place], cmap="gray")
            figure.savefig(io.BytesIO(), format="png")

    ways: dict[str, Callable[[np.ndarray], object]] = {
        "report and page": lambda image: render(reporter.report(image), fragments=fragments),
        "bare pass and gradient": lambda image: traced(tf.constant(image[None], tf.float32)),
        TUTORIAL: drawn,
    }
    rows: dict[str, list[float]] = {name: [] for name in ways}
    for place, image in enumerate(images):
        for name, way in ways.items():
            taken = seconds(lambda way=way, image=image: way(image))  # type: ignore[misc]
            if place >= 2:  # the first two trace
                rows[name].append(taken)
    medians = {name: statistics.median(taken) for name, taken in rows.items()}
    for name, median in medians.items():
        say(f"{name:24} {median:6.3f} s per image")
    report = medians["report and page"]
    say(f"a report takes {report / medians['bare pass and gradient']:.2f} times the bare pass and gradient")
    say(f"the tutorial's way takes {medians[TUTORIAL] / report:.1f} times a report")


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    what = sys.argv[1] if len(sys.argv) > 1 else "all"
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    if what == "one":
        one_batch(count)
    if what in ("memory", "all"):
        in_fresh_process(20)
        in_fresh_process(200)
    if what in ("rate", "all"):
        in_fresh_process(count)
    if what in ("vgg16", "all"):
        against_the_least()


if __name__ == "__main__":
    main()
