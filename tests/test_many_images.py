"""Many images with one model: traced passes, kept sections and worker processes change not a byte of any report."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import reportgen
from reportgen.batching.drawing import Drawer, draw
from reportgen.batching.gathering import Source
from reportgen.batching.tasks import Job, Task
from reportgen.page.fragments import Fragments
from reportgen.page.render import render, render_folder, render_page
from reportgen.report import SECTIONS
from reportgen.request import check_options
from reportgen.site.links import Neighbours

OPTIONS: dict[str, Any] = {"preprocess": "unit", "skip": "feature_visualization"}
RNG = np.random.default_rng(7)
IMAGES = [RNG.integers(0, 256, (16, 16, 3), dtype=np.uint8) for _ in range(2)] + [np.zeros((16, 16, 3), np.uint8)]


def net(kind: str) -> Any:
    """A small net with random weights; `kind` says how it ends, or what makes it odd."""
    from reportgen.backend import keras

    layers = keras.layers
    keras.utils.set_random_seed(3)
    pixels = keras.Input((16, 16, 3))
    values = layers.Conv2D(6, 3, padding="same", name="conv1")(pixels)
    values = layers.ReLU()(layers.BatchNormalization()(values))
    values = layers.MaxPooling2D()(values)
    values = layers.Dropout(0.5)(values)
    if kind == "lambda":
        values = layers.Lambda(lambda each: each * 2.0)(values)
    values = layers.Conv2D(8, 3, activation="relu", name="conv2")(values)
    if kind == "segmentation":
        return keras.Model(pixels, layers.Conv2D(4, 1, activation="softmax")(values))
    flat = layers.GlobalAveragePooling2D()(values)
    ends: dict[str, tuple[int, str | None]] = {"binary": (1, "sigmoid"), "regression": (2, None)}
    units, activation = ends.get(kind, (6, "softmax"))
    answer = layers.Dense(units, activation=activation, name="answer")(flat)
    outputs = [answer, layers.Dense(3, activation="softmax", name="other")(flat)] if kind == "two outputs" else answer
    return keras.Model(pixels, outputs)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("softmax", {}),
        ("softmax", {"target": 2, "explain_layer": "conv1"}),
        ("softmax", {"against": 1, "explain": "grad-cam,saliency,hires-cam", "maps": 3, "scale": "layer"}),
        ("binary", {}),
        ("regression", {"task": "regression"}),
        ("segmentation", {}),
        ("two outputs", {"head": "other"}),
        ("lambda", {}),
    ],
    ids=str,
)
def test_a_reporter_that_expects_many_images_makes_the_same_reports(kind: str, options: dict[str, Any]) -> None:
    model = net(kind)
    one, many = (reportgen.Reporter(model, **OPTIONS, **options) for _ in range(2))
    many.expect(100)
    for image in IMAGES:
        assert render(one.report(image)) == render(many.report(image))
    assert one.network._replay is None
    assert (many.network._replay is not None) == (kind != "lambda")  # code of the user's runs eagerly, image by image


def test_kept_sections_give_the_same_pages() -> None:
    reporter, fragments, beside = reportgen.Reporter(net("softmax"), **OPTIONS), Fragments(), Fragments()
    for image in IMAGES:
        report = reporter.report(image)
        assert render_page(report, fragments=fragments).decode() == render(report)
        assert render_folder(report, fragments=beside) == render_folder(report)
    assert set(fragments._kept) <= {name for name, section in SECTIONS.items() if section.about == "model"}
    assert {"layers", "weights"} <= set(fragments._kept) == set(beside._kept)
    assert any(each.drawn for each in beside._kept.values())  # charts, which a folder needs as files
    other = reportgen.Reporter(net("binary"), **OPTIONS).report(IMAGES[0])
    assert render_page(other, fragments=fragments).decode() == render(other)


def drawing(tmp_path: Path) -> tuple[Job, Task, reportgen.Report]:
    Image.fromarray(IMAGES[0]).save(tmp_path / "a.png")
    report = reportgen.Reporter(net("softmax"), **OPTIONS).report(tmp_path / "a.png")
    job = Job(given=None, key="net", name="net", options=check_options(**OPTIONS))
    source = Source(tmp_path / "a.png", "a.png", "a")
    return job, Task(source=source, wanted="w", truth=None, near=Neighbours(None, None, ())), report


def test_a_worker_draws_the_same_page_and_one_that_was_killed_is_replaced(tmp_path: Path) -> None:
    job, task, report = drawing(tmp_path)
    expected = draw(job, task, report, Fragments())
    assert expected.entry.error == ""
    with Drawer(1) as drawer:
        assert drawer.draw(job, task, report).result(60) == expected
        assert drawer.draw(job, task, report).result(60) == expected  # the model's sections are not sent again
        process = drawer._workers[0]._process
        assert process is not None
        process.kill()
        process.wait()
        assert drawer.draw(job, task, report).result(60) == expected
    assert drawer._workers[0]._process is not None
    assert drawer._workers[0]._process.poll() is not None


def test_a_worker_ends_with_the_process_that_started_it_and_needs_no_tensorflow() -> None:
    with Drawer(1) as drawer:
        process = drawer._workers[0]._process
        assert process is not None
        assert process.stdin is not None
        process.stdin.close()  # as the system does when a process is killed
        assert process.wait(60) == 0
    script = "import sys, reportgen.batching.drawing; sys.exit('tensorflow' in sys.modules)"
    root = str(Path(reportgen.__file__).parent.parent)
    assert subprocess.run([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": root}, check=False).returncode == 0
