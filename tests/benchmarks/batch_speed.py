"""What a batch takes: reports a second, peak memory, and VGG16 against the least and against the tutorial's way.

    python -m tests.benchmarks.batch_speed [rate | memory | vgg16 | tutorial | all] [IMAGES]

rate: MiniVGG over IMAGES images (default 1000), with its start and the index: once over smooth noise, and once over the
project's photographs, cropped, mirrored and brightened at random. Processor time per report, of all processes together, says more
where other work runs beside it. memory: the peak of batches of 20 and of 200 images, the worker processes not counted. vgg16:
random weights, seconds per image, in turn in one process: a report of a batch with its page, and a bare pass with the gradient of
the best score at the last convolution. tutorial: the same model, a batch as it really runs, in seconds from one report to the
next, against what the well-known tutorials draw of each image, written as they write it. All but vgg16 run in fresh processes.
"""

from __future__ import annotations

import os
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
SAMPLES = Path(__file__).parent.parent.parent / "sample_images"
PHOTOGRAPHS = ("astronaut.png", "cat.png", "coffee.png", "rocket.jpg")
WARM = 8  # reports of a batch before its pace is measured: the model is opened and traced, and workers start


def write_noise(folder: Path, count: int) -> None:
    """Write images of smooth noise, whose JPEG files are about as large as those of photographs of this size."""
    from PIL import Image

    rng = np.random.default_rng(0)
    folder.mkdir()
    for place in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (28, 28, 3), dtype=np.uint8))
        coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(folder / f"{place:05}.jpg", quality=90)


def write_photographs(folder: Path, count: int) -> None:
    """Write parts of the project's photographs: of any size, mirrored or not, darker or brighter."""
    from PIL import Image, ImageEnhance, ImageOps

    rng = np.random.default_rng(0)
    folder.mkdir()
    given = [Image.open(SAMPLES / name).convert("RGB") for name in PHOTOGRAPHS]
    for place in range(count):
        whole = given[place % len(given)]
        side = int(rng.integers(min(whole.size) // 2, min(whole.size) + 1))
        left, top = (int(rng.integers(0, length - side + 1)) for length in whole.size)
        part = whole.crop((left, top, left + side, top + side)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        part = ImageOps.mirror(part) if rng.integers(2) else part
        ImageEnhance.Brightness(part).enhance(float(rng.uniform(0.7, 1.3))).save(folder / f"{place:05}.jpg", quality=90)


WRITERS = {"noise": write_noise, "photographs": write_photographs}


def processor_time() -> float:
    """Return the seconds of processor time that this process and those that it waited for have taken."""
    times = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in times)


def one_batch(kind: str, count: int) -> None:
    """Make a batch in this process, and print the figures."""
    with tempfile.TemporaryDirectory() as work:
        WRITERS[kind](Path(work) / "photos", count)
        began, busy = time.perf_counter(), processor_time()
        import reportgen

        made = reportgen.batch("minivgg", Path(work) / "photos", Path(work) / "site")
        seconds, busy = time.perf_counter() - began, processor_time() - busy
        size = max(path.stat().st_size for path in (Path(work) / "site" / "reports").glob("*/*.html"))
    assert made.made == count
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    say(
        f"{count:6} images ({kind}): {seconds:6.1f} s, {count / seconds:5.1f} reports a second, "
        f"{1000 * busy / count:4.0f} ms of processor time per report, peak {peak:.0f} MB, the largest page {size / 1000:.0f} kB"
    )


def in_fresh_process(*arguments: object) -> None:
    subprocess.run([sys.executable, "-m", "tests.benchmarks.batch_speed", *map(str, arguments)], check=True)


def seconds(make: Callable[[], object]) -> float:
    """How long a call takes."""
    start = time.perf_counter()
    make()
    return time.perf_counter() - start


def against_the_least() -> None:
    import tensorflow as tf

    import reportgen
    from reportgen.page.fragments import Fragments
    from reportgen.page.render import render_page

    reporter, fragments = reportgen.Reporter("vgg16", weights="random", skip="feature_visualization"), Fragments()
    reporter.expect(100)
    model: Any = reporter.network.model
    images = np.random.default_rng(0).integers(0, 256, (ROUNDS + 2, SIDE, SIDE, 3), dtype=np.uint8)
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
    ways: dict[str, Callable[[np.ndarray], object]] = {
        "report and page": lambda image: render_page(reporter.report(image), fragments=fragments),
        "bare pass and gradient": lambda image: traced(tf.constant(image[None], tf.float32)),
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


def pace_of_a_batch(count: int) -> None:
    """Make a batch of VGG16 in this process, and print the seconds and the processor time per report once it is warm."""
    import reportgen

    marks: list[tuple[float, float]] = []

    def note(event: dict[str, Any]) -> None:
        if event["event"] == "made":
            marks.append((time.perf_counter(), processor_time_of_all()))

    with tempfile.TemporaryDirectory() as work:
        write_photographs(Path(work) / "photos", WARM + count)
        reportgen.batch("vgg16", Path(work) / "photos", Path(work) / "site", weights="random", log=note)
    (began, busy), (ended, busier) = marks[WARM - 1], marks[-1]
    taken, busy = (ended - began) / count, (busier - busy) / count
    say(f"a report of a batch        {taken:6.3f} s, {busy:6.3f} s of processor time per image")


def processor_time_of_all() -> float:
    """Return the processor time of this process and of those that it started and that still run; 0 on systems without /proc."""
    tick, total = os.sysconf("SC_CLK_TCK"), 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if os.getpid() in (int(stat.parent.name), int(fields[1])):
            total += (int(fields[11]) + int(fields[12])) / tick
    return total


def the_tutorials_way(count: int) -> None:
    """Draw what the tutorials draw of an image, with `pyplot` and `predict` as they use them, and print the figures.

    Feature maps and filters as in "How to Visualize Filters and Feature Maps in Convolutional Neural Networks" (Brownlee 2019),
    the map of a class as in Keras's example "Grad-CAM class activation visualization" (Chollet 2020). `show` becomes `savefig`.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    import keras
    import tensorflow as tf
    from keras.applications.vgg16 import VGG16, preprocess_input
    from matplotlib import pyplot

    model = VGG16(weights=None)
    several: Any = keras.Model(inputs=model.inputs, outputs=[model.layers[index].output for index in (2, 5, 9, 13, 17)])
    graded: Any = keras.Model(model.inputs, [model.get_layer("block5_conv3").output, model.output])

    def show(path: Path) -> None:
        pyplot.savefig(path)
        pyplot.close()

    def filters(out: Path) -> None:
        weights, _ = model.layers[1].get_weights()
        weights = (weights - weights.min()) / (weights.max() - weights.min())
        place = 1
        for index in range(6):
            for channel in range(3):
                axes = pyplot.subplot(6, 3, place)
                axes.set_xticks([])
                axes.set_yticks([])
                pyplot.imshow(weights[:, :, channel, index], cmap="gray")
                place += 1
        show(out / "filters.png")

    def prediction(image: np.ndarray) -> None:
        said.append(f"{model.predict(image, verbose=0)[0].argmax()}")

    def maps(image: np.ndarray, out: Path) -> None:
        for block, found in enumerate(several.predict(image, verbose=0)):
            place = 1
            for _ in range(8):
                for _ in range(8):
                    axes = pyplot.subplot(8, 8, place)
                    axes.set_xticks([])
                    axes.set_yticks([])
                    pyplot.imshow(found[0, :, :, place - 1], cmap="gray")
                    place += 1
            show(out / f"maps-{block}.png")

    def activation(image: np.ndarray, path: Path, out: Path) -> None:
        with tf.GradientTape() as tape:
            last, scores = graded(image)
            best = scores[:, tf.argmax(scores[0])]
        pooled = tf.reduce_mean(tape.gradient(best, last), axis=(0, 1, 2))
        heat = tf.squeeze(last[0] @ pooled[..., tf.newaxis])
        heat = (tf.maximum(heat, 0) / tf.math.reduce_max(heat)).numpy()
        pyplot.matshow(heat)
        show(out / "heat.png")
        shown = keras.utils.img_to_array(keras.utils.load_img(path))
        colours = mpl.colormaps["jet"](np.arange(256))[:, :3][np.uint8(255 * np.nan_to_num(heat))]
        jet = keras.utils.array_to_img(colours).resize((shown.shape[1], shown.shape[0]))
        keras.utils.array_to_img(keras.utils.img_to_array(jet) * 0.4 + shown).save(out / "cam.jpg")

    said: list[str] = []  # what the tutorial prints
    rows: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as work:
        write_photographs(Path(work) / "photos", 2 + count)
        for place, path in enumerate(sorted((Path(work) / "photos").iterdir())):
            loaded = keras.utils.img_to_array(keras.utils.load_img(path, target_size=(SIDE, SIDE)))
            image = preprocess_input(np.expand_dims(loaded, axis=0))
            ways: dict[str, Callable[[], object]] = {
                "prediction": lambda image=image: prediction(image),  # type: ignore[misc]
                "maps": lambda image=image: maps(image, Path(work)),  # type: ignore[misc]
                "Grad-CAM": lambda image=image, path=path: activation(image, path, Path(work)),  # type: ignore[misc]
                "filters": lambda: filters(Path(work)),
            }
            for name, way in ways.items():
                busy = processor_time()
                taken = seconds(way)
                if place >= 2:  # the first ones trace
                    rows.setdefault(name, []).append((taken, processor_time() - busy))
    means = {name: np.mean(each, axis=0) for name, each in rows.items()}
    means["way"] = sum(means[name] for name in ("prediction", "maps", "Grad-CAM"))  # the filters are those of every image
    for name, (taken, busy) in means.items():
        say(f"the tutorial's {name:12}{taken:6.3f} s, {busy:6.3f} s of processor time per image")


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    what = sys.argv[1] if len(sys.argv) > 1 else "all"
    if what == "one":
        one_batch(sys.argv[2], int(sys.argv[3]))
    elif what == "pace":
        pace_of_a_batch(int(sys.argv[2]))
    elif what == "drawn":
        the_tutorials_way(int(sys.argv[2]))
    count = int(sys.argv[2]) if len(sys.argv) > 2 and what in ("rate", "tutorial", "all") else None
    if what in ("memory", "all"):
        in_fresh_process("one", "noise", 20)
        in_fresh_process("one", "noise", 200)
    if what in ("rate", "all"):
        for kind in WRITERS:
            in_fresh_process("one", kind, count or 1000)
    if what in ("vgg16", "all"):
        against_the_least()
    if what in ("tutorial", "all"):
        in_fresh_process("pace", count or 40)
        in_fresh_process("drawn", min(10, count or 10))


if __name__ == "__main__":
    main()
