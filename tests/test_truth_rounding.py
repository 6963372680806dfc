"""What differs by rounding alone is told as that, and a model that draws random numbers at rest is warned of."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen import Report
from reportgen.backend import keras, tf
from reportgen.comparison.diff import diff
from reportgen.matching.changes import changes_between
from reportgen.options import Options
from reportgen.page.markdown import markdown
from reportgen.page.render import render
from reportgen.picture import Picture
from reportgen.report import find_sections

from .fake_probe import FakeNetwork, FakeProbe, call, explained_by, f32, maps_of
from .test_codec import small_report

layers = keras.layers
ROOT = Path(__file__).parent.parent
STEP = np.float32(2e-7)


def seen(factor: float = 1.0, scores: Any = (0.2, 0.5, 0.3), chance: int | None = None) -> Report:
    """A report of one network whose maps and scores are `factor` times what they are, and off by chance in the last digit."""
    generator = np.random.default_rng(0)
    maps = generator.normal(size=(14, 14, 6)).astype(np.float32)
    gradients = generator.normal(size=maps.shape).astype(np.float32)
    if chance is not None:
        maps = maps * (1 + STEP * np.random.default_rng(chance).choice(f32([-1, 0, 1]), maps.shape))
    kernel = np.linspace(0, 1, 108, dtype=np.float32).reshape(3, 3, 3, 4)
    network = FakeNetwork(labels=("a", "b", "c"), layers=(call(0, "conv", parameters=10),), tensors={(0, "kernel"): kernel})
    probe = FakeProbe(
        network=network,
        maps=(maps_of(0, "conv", maps * np.float32(factor)),),
        scores=f32(scores) * np.float32(factor),
        explained=(explained_by(maps * np.float32(factor), gradients, class_index=1),),
    )
    return replace(small_report(), **find_sections(probe, Options(), {}))


@pytest.mark.parametrize("other", [seen(1 + 2e-7), seen(chance=1), seen(chance=2), seen(1 - 3e-6)])
def test_rounding_is_named_as_the_cause_and_measured(other: Report) -> None:
    found = diff(seen(), other)
    assert not found.same
    told = re.match(
        r"Only rounding differs, by at most (\S+)\. The answer is .*\. Same architecture; every weight is the same\.",
        found.verdict,
    )
    assert told
    assert 1e-8 < float(told[1]) < 1e-5
    assert "only rounding differs" in markdown(found).lower()
    within = diff(seen(), other, tolerance=1e-5)
    assert within.same
    assert within.verdict.startswith("The same within a tolerance of 1e-05. Only rounding differs")


def test_what_is_more_than_rounding_is_not_called_that() -> None:
    old = seen()
    made = old.provenance
    another = replace(seen(chance=1), provenance=replace(made, model=replace(made.model, digest="f" * 64)))
    scaled = replace(seen(chance=1), provenance=replace(made, model=replace(made.model, preprocessing="unit: pixel / 255")))
    flipped = diff(seen(scores=(0.5000001, 0.5, 0.1)), seen(scores=(0.5, 0.5000001, 0.1)))
    assert "The answer changed from `a`" in flipped.verdict
    for found in (
        diff(old, seen(1.0001)),
        diff(old, seen(scores=(0.2, 0.5001, 0.3))),
        diff(old, another),
        diff(old, scaled),
        flipped,
    ):
        assert not found.same
        assert "rounding" not in found.verdict
    assert "rounding" not in diff(old, old).verdict


def test_a_picture_a_step_apart_has_moved_no_further_than_its_range() -> None:
    values = np.arange(9, dtype=np.uint8).reshape(3, 3) * 20
    old, moved = Picture(values, 0.0, 1.0, "viridis"), values.copy()
    moved[1, 1] += 1
    for high, distance in ((1.0, 1e-9), (1.0 + 2e-7, 2e-7), (1.25, 0.2)):
        (change,) = changes_between(old, replace(old, values=moved, high=high), {})
        assert change.distance == pytest.approx(distance, rel=1e-3)
    moved[0, 0] += 2
    (change,) = changes_between(old, replace(old, values=moved), {})
    assert change.distance == pytest.approx(3 / 255 / 9)


def made_with(folder: Path, name: str, cat: Path, **environment: str) -> Report:
    """The report that a process of its own makes in an environment."""
    command = [sys.executable, "-m", "reportgen", "report", str(cat), "--output", str(folder / name), "--quiet"]
    subprocess.run(
        command, check=True, capture_output=True, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT), **environment}
    )
    return reportgen.read(folder / name)


def test_reports_made_in_two_ways_on_one_machine_differ_by_rounding_at_most(
    tmp_path: Path, cat: Path, cat_report: Report
) -> None:
    old, new = cat_report, made_with(tmp_path, "new.html", cat, TF_ENABLE_ONEDNN_OPTS="0", TF_NUM_INTRAOP_THREADS="2")
    found = diff(old, new)
    assert found.verdict.startswith("The same: " if found.same else "Only rounding differs, by at most ")
    assert diff(old, new, tolerance=1e-5).same


def test_the_page_claims_its_bytes_on_one_machine(cat_report: Report) -> None:
    text = " ".join(render(cat_report).split())
    assert "The same model, image, options and versions reproduce this file byte for byte on the same machine" in text


@keras.saving.register_keras_serializable("truth")
class Noisy(keras.layers.Layer):  # type: ignore[misc]
    """A layer that draws random numbers whatever it is told."""

    def call(self, x: Any) -> Any:
        return x + tf.random.normal(tf.shape(x)) * 0.1


@keras.saving.register_keras_serializable("truth")
class MonteCarlo(keras.layers.Dropout):  # type: ignore[misc]
    """Dropout that never rests."""

    def call(self, x: Any, training: bool = False) -> Any:
        return super().call(x, training=True)


@keras.saving.register_keras_serializable("truth")
class Holder(keras.layers.Layer):  # type: ignore[misc]
    """A layer that calls Keras's own Dropout as in training."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.drop = layers.Dropout(0.5, name="drop")

    def call(self, x: Any) -> Any:
        return self.drop(x, training=True)


@keras.saving.register_keras_serializable("truth")
class Steady(keras.layers.Layer):  # type: ignore[misc]
    """A layer of one's own that always does the same."""

    def call(self, x: Any) -> Any:
        return x * 2


def net(*middle: Any) -> Any:
    keras.utils.set_random_seed(0)
    front = [keras.Input((16, 16, 3), name="picture"), layers.Conv2D(8, 3, activation="relu", name="conv"), *middle]
    return keras.Sequential([*front, layers.GlobalAveragePooling2D(), layers.Dense(3, activation="softmax", name="answer")])


def findings(model: Any, cat: Path) -> list[str]:
    report = reportgen.generate(model, cat, preprocess="unit", only=("predictions",))
    return [each.text for each in report.findings() if each.name == "random-scores"]


@pytest.mark.parametrize(
    "layer", [Noisy, lambda: MonteCarlo(0.5), Holder, lambda: layers.Lambda(lambda x: x * tf.random.uniform([]))]
)
def test_a_model_that_answers_otherwise_the_next_time_is_warned_of(layer: Any, cat: Path) -> None:
    (text,) = findings(net(layer()), cat)
    assert text.startswith("Given the same image again, the model answered differently (by ")


def test_a_steady_model_is_not_warned_of(cat: Path) -> None:
    for middle in ((Steady(),), (layers.Dropout(0.5), layers.GaussianNoise(1.0)), (layers.Lambda(lambda x: x + 1),)):
        assert findings(net(*middle), cat) == []


def test_only_what_could_be_random_is_run_again() -> None:
    from reportgen.inspection.inspect import inspect

    pixels = np.zeros((16, 16, 3), np.uint8)
    for middle, tried in (((layers.Dropout(0.5),), False), ((Steady(),), True), ((Holder(),), True)):
        probe = inspect(reportgen.load(net(*middle), preprocess="unit"), pixels, pixels, Options())
        assert (probe.unsteady is not None) == tried


def test_the_warning_is_in_the_data(cat: Path) -> None:
    from reportgen.codec import Encoder

    report = reportgen.generate(net(Noisy()), cat, preprocess="unit", only=("predictions",))
    rows = json.loads(json.dumps(Encoder().encode(report)["checks"]["rows"]))
    (row,) = [row for row in rows if row["name"] == "random-scores"]
    assert row["level"] == "warning"
    assert row["value"] > row["threshold"] == 1e-5
