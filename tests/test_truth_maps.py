"""What is told of feature maps that changed: no more than their pictures can tell, and no channel lost that stands elsewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen import Diff, Report
from reportgen.backend import keras
from reportgen.comparison.diff import diff
from reportgen.formatting import relative_change
from reportgen.page.diff import render_diff
from reportgen.page.markdown import markdown
from reportgen.sections.feature_maps.compare import MapChangesTable
from reportgen.sections.weights.drift import WeightDrift

from .comparable import map_report, maps_between

layers = keras.layers
FIRST, SECOND, THIRD = 24, 128, 40


def net() -> Any:
    """A network of three convolutions; a quarter of the channels of the second are inactive on any image."""
    x = inputs = keras.Input((16, 16, 3), name="picture")
    for place, filters in enumerate((FIRST, SECOND, THIRD), start=1):
        x = layers.Conv2D(filters, 3, activation="relu", name=f"conv{place}")(x)
    x = layers.GlobalAveragePooling2D(name="average")(x)
    model = keras.Model(inputs, layers.Dense(5, activation="softmax", name="answer")(x))
    generator = np.random.default_rng(0)
    model.set_weights([generator.normal(size=each.shape) * 0.1 for each in model.get_weights()])
    bias = model.get_layer("conv2").bias
    bias.assign(np.where(np.arange(SECOND) % 4 == 0, -100, bias.numpy()))
    return model


def permuted(model: Any) -> Any:
    """The model with the filters of the second convolution in another order, and what the third takes of them, too."""
    order = np.random.default_rng(1).permutation(SECOND)
    second, third = model.get_layer("conv2"), model.get_layer("conv3")
    kernel, bias = second.get_weights()
    second.set_weights([kernel[..., order], bias[order]])
    kernel, bias = third.get_weights()
    third.set_weights([kernel[:, :, order], bias])
    return model


def report_of(model: Any, cat: Path) -> Report:
    return reportgen.generate(model, cat, preprocess="unit", layers="all", maps="all", skip="feature_visualization")


@pytest.fixture(scope="module")
def old(cat: Path) -> Report:
    """A report of the net as it was."""
    return report_of(net(), cat)


def text_of(found: Diff) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", render_diff(found).split("<main")[1].split("</main>")[0]).split())


def test_permuted_filters_are_the_same_filters(old: Report, cat: Path) -> None:
    found = diff(old, report_of(permuted(net()), cat))
    assert isinstance(found.feature_maps, MapChangesTable)
    assert isinstance(found.weights, WeightDrift)
    assert found.predictions.largest_change < 1e-6
    assert (found.feature_maps.more_inactive, found.feature_maps.fewer_inactive) == (0, 0)
    second = next(row for row in found.feature_maps.rows if row.path == "conv2")
    assert second.new_inactive == second.old_inactive >= SECOND // 4
    told = "the weights of 2 of 4 layers hold the same values in another order, as after a permutation of filters"
    for words in (found.verdict, markdown(found), text_of(found)):
        assert told[1:] in words  # a clause of the page begins with a capital letter
        assert not re.search("died|revived|dead|alive", words)
        assert not re.search(r"(more|fewer) channel", words)
    assert f"{second.moved()} of the maps are those that another channel had before." in text_of(found)
    assert SECOND - second.new_inactive - 5 < second.moved() < SECOND  # all but the inactive ones, which look alike
    assert not found.same


def test_a_few_weights_that_moved_a_little_are_not_told_as_another_order(old: Report, cat: Path) -> None:
    for step in (1e-6, 1e-3, 0.05):
        new = net()
        for name in ("conv2", "conv3"):
            kernel, bias = new.get_layer(name).get_weights()
            kernel[1, 1, 5, 7] += step
            new.get_layer(name).set_weights([kernel, bias])
        assert "another order" not in diff(old, report_of(new, cat)).verdict
    turned = net()
    for name in ("conv2", "conv3"):
        kernel, bias = turned.get_layer(name).get_weights()
        kernel[..., 3] *= -1
        turned.get_layer(name).set_weights([kernel, bias])
    assert "another order" not in diff(old, report_of(turned, cat)).verdict


def test_the_filters_of_one_layer_in_another_order(cat: Path) -> None:
    new = net()
    kernel, bias = new.get_layer("conv3").get_weights()
    order = np.random.default_rng(3).permutation(THIRD)
    new.get_layer("conv3").set_weights([kernel[..., order], bias[order]])
    few: dict[str, Any] = {"preprocess": "unit", "maps": 4, "skip": "feature_visualization"}  # too few maps to tell which
    reports = [reportgen.generate(model, cat, **few) for model in (net(), new)]
    assert re.search(r"only the weights of `conv3` \(\d+ %\) changed: the same values in another order\.", diff(*reports).verdict)


@pytest.mark.parametrize("step", [1e-5, 1e-4])
def test_a_change_too_small_for_the_pictures_is_told_as_that(old: Report, cat: Path, step: float) -> None:
    new = net()
    generator = np.random.default_rng(2)
    new.set_weights([each * (1 + step * generator.choice([-1, 1], each.shape)) for each in new.get_weights()])
    found = diff(old, report_of(new, cat))
    maps = [keras.Model(each.inputs[0], each.get_layer("conv1").output) for each in (net(), new)]
    pixels: Any = reportgen.generate(net(), cat, preprocess="unit", only="overview").overview
    before, now = (each(pixels.picture.values[None].astype(np.float32) / 255).numpy() for each in maps)
    exact = np.linalg.norm(now - before) / np.linalg.norm(before)
    row = next(row for row in found.feature_maps.rows if row.path == "conv1")
    assert exact < row.resolution < 0.02
    assert row.distance < row.resolution
    told = f"changed by {relative_change(row.distance, row.resolution)}"
    assert told.startswith("changed by < ")
    assert told.replace("<", "&lt;") in text_of(found)
    changes = next(section for section in found.sections if section.name == "feature_maps").changes
    assert max(change.distance or 0 for change in changes) < 20 * step


def test_a_change_that_the_pictures_can_tell_is_told_to_two_digits() -> None:
    generator = np.random.default_rng(0)
    old = np.abs(generator.normal(size=(12, 12, 6)))
    new = old + generator.normal(size=old.shape) * 0.1
    found = maps_between(map_report(old), map_report(new)).rows[0]
    exact = np.linalg.norm(new - old) / np.linalg.norm(old)
    assert found.distance > found.resolution
    assert found.distance == pytest.approx(exact, rel=0.03)


@pytest.mark.parametrize("shift", [0.0, 1e-3, 1e-2])
def test_what_pictures_tell_is_right_to_their_resolution(shift: float) -> None:
    generator = np.random.default_rng(1)
    for scale in ("map", "layer"):
        old = generator.gamma(0.5, size=(20, 20, 8))
        new = old * (1 + shift * generator.normal(size=old.shape))
        found = maps_between(map_report(old, scale=scale), map_report(new, scale=scale)).rows[0]
        exact = np.linalg.norm(new - old) / np.linalg.norm(old)
        assert abs(found.distance - exact) <= found.resolution


def test_numbers_that_are_none_have_no_resolution_to_hide_behind() -> None:
    old = np.ones((2, 2, 2))
    new = old.copy()
    new[0, 0, 1] = np.nan
    found = maps_between(map_report(np.zeros((2, 2, 2))), map_report(old)).rows[0]
    assert [row.distance for row in found.rows] == [np.inf, np.inf]
    assert np.isnan(maps_between(map_report(old), map_report(new)).rows[0].rows[0].distance)
