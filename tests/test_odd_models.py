"""Models that broke other tools, or ought to: odd names, broken weights, gradients next to nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen.errors import ModelError
from reportgen.report import Absent

from .command import fresh
from .models import built, ending, keras, layers
from .odd_models import HOSTILE, PICTURE, report_of
from .parts import part

NAMES = [
    "<img src=x onerror=alert(1)>",
    "שכבה ראשונה",
    "卷积层",
    "🦄🦄",
    "x" * 300,
    "a b\nc",
    "%s{0}{{x}}",
    "conv#2",
    "&amp;",
    "'\"",
]


# Names


def cases_of_names() -> list[tuple[str, str]]:
    """Every name in memory or in a file, and those that a file could not hold, perhaps, in both."""
    kinds = ("memory", "keras", "h5")
    return [(name, kinds[place % 3]) for place, name in enumerate(NAMES)] + [(NAMES[0], "keras"), (NAMES[6], "h5")]


@pytest.mark.parametrize(("name", "kind"), cases_of_names(), ids=lambda value: f"{value[:3]}" if value.isalnum() else "name")
def test_names_of_every_script_length_and_intent(name: str, kind: str, tmp_path: Path) -> None:
    inputs = keras.Input((16, 16, 3), name=f"{name}0")
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(2, 3, name=name)(inputs))
    model: Any = keras.Model(inputs, layers.Dense(2, name=f"{name}1", activation="softmax")(x), name="net")
    if kind != "memory":
        path = tmp_path / f"net.{kind}"
        model.save(path)
        model = path
    # the pictures of filters take longest; the names under them are the same from a file
    skip = () if kind == "memory" else ("feature_visualization",)
    report = report_of(model, labels=[name, "other"], target=name, skip=skip)
    assert part(report.feature_maps).rows[0].path == name
    assert part(report.attributions).rows[0].label == name
    assert part(report.layers).rows[-1].path == f"{name}1"
    assert reportgen.render(report).count("<img src=x") == 0


def test_a_weight_of_a_name_that_keras_would_not_give() -> None:
    model = built("functional")
    model.get_layer("conv2").kernel._name = HOSTILE
    report = report_of(model)
    assert any(row.weight == HOSTILE for row in part(report.weights).rows)
    assert "<img src=x" not in reportgen.render(report)


def test_a_layer_with_a_slash_in_its_name_which_keras_neither_makes_nor_runs() -> None:
    with pytest.raises(ValueError, match="cannot contain character `/`"):
        layers.Conv2D(2, 3, name=HOSTILE)
    model = built("functional")
    model.get_layer("conv1").name = HOSTILE
    with pytest.raises(ModelError, match="cannot contain character `/`") as caught:
        reportgen.generate(model, PICTURE)
    assert len(str(caught.value).splitlines()) == 1


def test_heads_by_any_name() -> None:
    model = built("two_heads")
    named = keras.Model(model.inputs[0], dict(zip(("a", HOSTILE), model.outputs, strict=True)))
    report = report_of(named)
    assert [row.name for row in part(report.other_outputs).rows] == [HOSTILE]
    assert "<img src=x" not in reportgen.render(report)
    assert part(report_of(named, head=HOSTILE, only="predictions").predictions).classes == 1


# Weights and maps that are no numbers


def with_weight(layer: str, value: float, everywhere: bool = True) -> Any:
    model = built("functional")
    kernel, *others = model.get_layer(layer).get_weights()
    kernel[... if everywhere else (0, 0, 0, 0)] = value
    model.get_layer(layer).set_weights([kernel, *others])
    return model


def is_striped(pixels: np.ndarray) -> bool:
    return set(np.unique(pixels)) == {0, 255}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("layer", ["conv1", "conv2"])
def test_broken_weights_are_warned_of_and_no_picture_is_blank(layer: str, value: float) -> None:
    report = report_of(with_weight(layer, value))
    errors = [finding for finding in report.findings() if finding.level == "error"]
    assert errors[0].text.startswith(f"The weights of {layer} hold values that are not finite")
    expected = [("non-finite-weights", layer)]
    if not np.isfinite(part(report.predictions).rows[0].score):
        expected.append(("non-finite-scores", ""))
    broken = [row.path for row in part(report.feature_maps).rows if not np.isfinite([row.min, row.max]).all()]
    expected += [("non-finite-maps", path) for path in broken[:1]]  # what follows from these maps is not told again
    assert [(finding.name, finding.path) for finding in errors] == expected
    for row in part(report.feature_maps).rows:
        assert row.picture is not None
        assert is_striped(row.picture.values) or row.path not in broken or len(np.unique(row.picture.values)) > 2
    if layer == "conv1":
        filters = part(report.first_filters)
        assert is_striped(filters.all.values)
        assert is_striped(filters.by_channel.values)
    assert "striped" in reportgen.render(report)


def test_one_broken_weight_is_striped_and_the_others_are_as_they_were() -> None:
    whole, broken = (part(report_of(with_weight("conv1", value, False)).first_filters).by_channel for value in (0.0, np.nan))
    # the first of each filter's 3 x 3 weights is drawn 8 pixels wide
    assert is_striped(broken.values[:8, :8])
    assert np.array_equal(broken.values[8:], whole.values[8:])


@pytest.mark.parametrize("name", ["conv2", "head"])
def test_all_of_a_head_broken_leaves_no_heatmap_and_says_so(name: str) -> None:
    report = report_of(with_weight(name, np.nan))
    assert isinstance(report.attributions, Absent)
    assert "not finite" in report.attributions.reason
    assert (part(report.predictions).kind, part(report.predictions).answer()) == ("probabilities", "no answer")


def test_maps_that_grow_beyond_all_numbers_are_warned_of() -> None:
    report = report_of(with_weight("conv1", 3e38))
    assert [(finding.name, finding.level, finding.path) for finding in report.findings()[:3]] == [
        ("non-finite-scores", "error", ""), ("non-finite-maps", "error", "conv1"), ("huge-weights", "warning", "conv1"),
    ]  # fmt: skip
    assert report.findings()[1].text.startswith("The feature maps of conv1 hold values that are not finite")


def test_an_answer_that_is_no_number_is_warned_of() -> None:
    model = ending("net", layers.Dense(2, name="head", kernel_initializer="zeros", activation=lambda x: x / 0.0))
    (finding,) = (each for each in report_of(model).findings() if each.level == "error")
    assert (finding.name, finding.path) == ("non-finite-scores", "")
    assert finding.text.startswith("The model's answer holds values that are not finite")


def test_what_is_found_of_many_layers_is_told_in_one_line() -> None:
    model = built("functional")
    for name in ("conv1", "conv2", "bn2", "head"):
        model.get_layer(name).set_weights([weight + np.float32(np.nan) for weight in model.get_layer(name).get_weights()])
    report = report_of(model, title="broken")
    broken = [finding.path for finding in report.findings() if finding.name == "non-finite-weights"]
    assert broken == ["conv1", "conv2", "bn2", "head"]
    told = [text for level, text in report.notices() if level == "error"]
    assert len(told) == 3  # weights, scores, maps
    assert told[0].startswith("The weights of conv1 hold")
    assert "The same was found in conv2, bn2 and head. Go back to a checkpoint" in told[0]
    html = reportgen.render(report)
    assert all(text.replace("'", "&#39;") in html for text in told)
    assert "6 errors" in html


# Gradients


@pytest.mark.parametrize("scale", [1e-9, 1e-30])
def test_a_gradient_next_to_nothing_is_not_drawn_black(scale: float) -> None:
    model = built("logits")
    head = model.get_layer("head")
    large = part(report_of(model, target=1, only="attributions").attributions).rows[0]
    head.set_weights([weight * np.float32(scale) for weight in head.get_weights()])
    small = part(report_of(model, target=1, only="attributions").attributions).rows[0]
    assert small.peak == pytest.approx(large.peak * scale, rel=1e-3)
    assert large.heatmap.values.max() == small.heatmap.values.max() == 255
    assert np.abs(small.heatmap.values.astype(int) - large.heatmap.values).max() <= 1


@pytest.mark.parametrize("images", [1, 3])
def test_the_gradient_through_a_grouped_convolution(images: int) -> None:
    """y is the mean over all places of relu(2 r) + relu(-g) + relu(3 b): dy/d(r, g, b) is (2, 0, 3) by the number of places."""
    grouped, mixed = layers.Conv2D(3, 1, groups=3, activation="relu", name="grouped"), layers.Conv2D(3, 1, name="mixed")
    head = layers.Dense(1, name="head")
    model = keras.Sequential([keras.Input((4, 5, 3)), grouped, mixed, layers.GlobalAveragePooling2D(), head])
    slopes, none = np.array([2, 0, 3], np.float32), np.zeros(3, np.float32)
    grouped.set_weights([np.array([2, -1, 3], np.float32).reshape(1, 1, 1, 3), none])
    mixed.set_weights([np.eye(3, dtype=np.float32)[None, None], none])
    head.set_weights([np.ones((3, 1), np.float32), none[:1]])
    network = reportgen.load(model, preprocess="unit")
    batch = np.random.default_rng(1).uniform(0.1, 1, (images, 4, 5, 3)).astype(np.float32)
    np.testing.assert_allclose(network.gradient(batch, 0), np.broadcast_to(slopes / 20, batch.shape), rtol=1e-6)
    np.testing.assert_allclose(network.gradient(batch, 0, at="grouped"), np.full(batch.shape, 1 / 20), rtol=1e-6)
    np.testing.assert_allclose(network.scores(batch)[:, 0], (batch @ slopes).mean((1, 2)), rtol=1e-5)
    rows = part(reportgen.generate(model, np.full((4, 5, 3), 200, np.uint8), preprocess="unit", only="layers").layers).rows
    assert rows[1].multiply_adds == 4 * 5 * 3


# Processors


def test_channels_first_without_onednn_are_refused_where_tensorflow_cannot(tmp_path: Path, cat: Path) -> None:
    # without oneDNN, which it leaves out on some processors by default, TensorFlow has channels-first convolutions for graphics
    # cards only; that they run where nothing is said of it is tried in `test_answers`
    built("channels_first").save(tmp_path / "first.keras")
    result = fresh("report", cat, "-m", "first.keras", "-o", "out.html", cwd=tmp_path, TF_ENABLE_ONEDNN_OPTS="0")
    if result.returncode == 0:  # a TensorFlow that can without
        assert (tmp_path / "out.html").exists()
        return
    assert result.returncode == 2
    assert (
        "first: the model's layers are channels first, which TensorFlow cannot run on this CPU without oneDNN." in result.stderr
    )
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "out.html").exists()
