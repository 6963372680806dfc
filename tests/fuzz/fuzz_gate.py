"""Model files with mutated configurations, loaded and run under an audit hook.

    python -m tests.fuzz.fuzz_gate --seconds 600 --seed 1
    python -m tests.fuzz.fuzz_gate --count 300               # the same ones every time

A finding is a file opened that is not the model's own; anything written, imported, executed, or asked of the network or the
system; an error that is not ours, or longer than two lines; more memory than `MOST_GROWTH`; more time than `LONGEST`. The file
that was being loaded stays where it is if the process ends.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import reportgen
from reportgen.errors import ReportgenError
from reportgen.loading import allowlist

from ..hostile import DENSE, FETCH, LAMBDA, LEGACY_SPELLINGS, SPELLINGS, configuration, function, layer, written
from ..models import keras, layers

MOST_GROWTH = 2_500_000_000  # bytes: what outputs may take, and what TensorFlow takes beside them
LONGEST = 30  # seconds
SOUND = 18  # of the seeds, the first
FORBIDDEN = ("socket", "subprocess", "urllib", "shutil", "ctypes", "os", "pty", "import", "exec", "marshal", "pickle", "tempfile")
MODULES = [
    None, "", "keras", "keras.layers", "keras.utils", "keras.ops", "keras.src.ops.numpy", "keras.src.utils.file_utils",
    "builtins", "keras.saving", "keras.activations", "keras.models", "keras.src.models.functional", "os", "subprocess",
    "keras_hub.models", "keras.applications.vgg16", "keras.src.saving.saving_lib", "keras.initializers",
    "tensorflow", "keras.src.legacy.saving",
]  # fmt: skip
CLASSES = [
    *sorted(allowlist.LAYERS), *sorted(allowlist.CODE), *sorted(allowlist.MODELS), "function", "get_file", "VGG16",
    "system", "Popen", "__lambda__", "deserialize", "load_model", "__numpy__", "__tensor__", "__typespec__", "Add", "Map", "Pad",
    "Tile", "Repeat",
]  # fmt: skip
STRANGE: list[Any] = [
    None, True, 0, -1, 1, 3, 100, 10**5, 10**9, 2**63, 10**40, 0.5, -1e308, "", "relu", "/etc/passwd", "get_file", "Lambda", [],
    {}, [1, 1], [8, 8, 3], [None, 8, 8, 3], [10**6, 10**6], LAMBDA, FETCH, DENSE, function("keras.ops.relu"),
    function("os.system"), layer("UpSampling2D", size=[3000, 3000]), layer("Dense", units=10**9),
    {"class_name": "__tuple__", "items": [1, 2]},
]  # fmt: skip


def seeds() -> list[dict[str, Any]]:
    """Layers to begin with: sound ones of many kinds, and hostile ones in every spelling."""
    sound = [
        layers.Conv2D(2, 3, activation="relu", kernel_regularizer="l2"), layers.BatchNormalization(), layers.UpSampling2D(2),
        layers.ZeroPadding2D(1), layers.Resizing(4, 4), layers.Dense(2, kernel_constraint="max_norm"), layers.Rescaling(2.0),
        layers.TimeDistributed(layers.Dense(2)), layers.Conv2DTranspose(2, 3, strides=2), layers.LayerNormalization(),
        layers.Pipeline([layers.Rescaling(2.0)]), layers.Reshape((64, 3)), layers.Activation("relu"),
        layers.SeparableConv2D(2, 3), layers.SpectralNormalization(layers.Conv2D(2, 1)), layers.AveragePooling2D(2),
        layers.PReLU(), layers.GaussianNoise(0.1),
    ]  # fmt: skip
    written_down = [json.loads(json.dumps(keras.saving.serialize_keras_object(each))) for each in sound]
    hostile = [each for spellings in (SPELLINGS, LEGACY_SPELLINGS) for each, _ in spellings.values()]
    return [*written_down, *hostile]


def places(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value inside of `value`."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way, *(place for key, each in inner for place in places(each, (*way, key)))]


def mutated(config: dict[str, Any], pool: list[dict[str, Any]], draw: random.Random) -> dict[str, Any]:
    """The configuration with a layer more, and up to three values in place of others."""
    config = copy.deepcopy(config)
    if draw.random() < 0.8:
        inserted = draw.choice(pool if draw.random() < 0.2 else pool[:SOUND])
        config["config"]["layers"].insert(draw.randint(1, 2), copy.deepcopy(inserted))
    for _ in range(draw.randint(0, 3)):
        ways = places(config)[1:]
        *way, last = draw.choice(ways)
        holder: Any = config
        for step in way:
            holder = holder[step]
        kind = draw.random()
        if kind < 0.15 and isinstance(holder, dict):
            del holder[last]
        elif kind < 0.3:
            holder[last] = {
                "class_name": draw.choice(CLASSES),
                "config": copy.deepcopy(holder[last]),
                "module": draw.choice(MODULES),
            }
        elif last in ("module", "registered_name"):
            holder[last] = draw.choice(MODULES)
        elif last == "class_name":
            holder[last] = draw.choice(CLASSES)
        else:
            holder[last] = copy.deepcopy(draw.choice(pool if draw.random() < 0.1 else STRANGE))
    return config


class Watch:
    """Notes what the process does beside reading the model's own file, while it is on."""

    def __init__(self, within: Path) -> None:
        self.within = str(within)
        self.on = False
        self.seen: list[str] = []
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event == "open":
            path, _, flags = arguments
            harmless = not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and str(path).startswith((self.within, "/proc/self/"))
        elif event in ("os.walk", "os.scandir", "os.listdir"):
            # Python looks for KerasHub where it looks for packages
            harmless = str(arguments[0]).startswith(self.within) or str(arguments[0]) in sys.path
        else:
            harmless = event.split(".")[0] not in FORBIDDEN
        if not harmless:
            self.seen.append(f"{event} {str(arguments)[:200]}")


def peak_memory(*, reset: bool = False) -> int:
    """The most memory that the process has taken since the last reset, in bytes (Linux)."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def answer_to(path: Path) -> str:
    """What is said of a file once it is loaded and run."""
    try:
        _ = reportgen.load(path).layers
    except ReportgenError as error:
        message = str(error)
        assert len(message) < 1500, message
        assert len(message.splitlines()) <= 2, message
        return type(error).__name__
    return "loaded"


def fuzz(seed: int, count: int | None, seconds: float | None) -> Counter[str]:
    """How many files got which answer; raises `AssertionError` for a finding."""
    draw, pool, answers = random.Random(seed), seeds(), Counter[str]()
    folder = Path(tempfile.mkdtemp())
    for form in ("keras", "h5", "folder"):  # so that everything which any model needs is imported
        for name, each in enumerate(pool[:SOUND]):
            place = folder / f"warm-{form}-{name}"
            place.mkdir()
            config = configuration(form)
            config["config"]["layers"].insert(1, each)
            answer_to(written(place, form, json.dumps(config)))
    watch, end = Watch(folder), time.monotonic() + (seconds or float("inf"))
    place = folder / "cases"
    while time.monotonic() < end and (count is None or answers.total() < count):
        form = draw.choice(("keras", "h5", "folder"))
        place = folder / str(answers.total())
        place.mkdir()
        path = written(place, form, json.dumps(mutated(configuration(form), pool, draw)))
        before, begun = peak_memory(reset=True), time.monotonic()
        watch.on = True
        try:
            answers[answer_to(path)] += 1
        except Exception as error:
            raise AssertionError(f"{path}, after {answers.total():,} configurations") from error
        finally:
            watch.on = False
        assert not watch.seen, f"{path}: {watch.seen}"
        assert peak_memory() - before < MOST_GROWTH, f"{path}: {peak_memory() - before:,} bytes"
        assert time.monotonic() - begun < LONGEST, f"{path}: {time.monotonic() - begun:.0f} s"
        shutil.rmtree(place)
    return answers


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int)
    parser.add_argument("--seconds", type=float)
    asked = parser.parse_args()
    found = fuzz(asked.seed, asked.count, asked.seconds)
    sys.stdout.write(f"{found.total():,} configurations: {dict(found)}\n")
