"""What is said of maps where there is nothing to see: that it was looked at, how, and what is not known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen.backend import keras
from reportgen.errors import NotApplicable
from reportgen.methods.attribution import METHODS
from reportgen.report import Absent

from .attributed import attributions, subjects

layers = keras.layers
PIXELS = np.full((8, 8, 3), 128, np.uint8)
EXPLAINED: dict[str, Any] = {"preprocess": "unit", "only": "attributions"}


def net(first: float, head: list[float]) -> Any:
    """The same channel everywhere, its four values summed with the weights of the only answer."""
    inputs = keras.Input((2, 2, 3))
    x = layers.Flatten()(layers.Conv2D(1, 1, use_bias=False, activation="relu", name="conv")(inputs))
    model = keras.Model(inputs, layers.Dense(2, activation="softmax", name="head")(x))
    model.get_layer("conv").set_weights([np.full((1, 1, 3, 1), first)])
    model.get_layer("head").set_weights([np.stack([head, np.zeros(4)], axis=1), np.zeros(2)])
    return model


def test_a_map_that_is_constant_has_not_passed_the_sanity_check() -> None:
    report = reportgen.generate(net(0, [1, 2, 3, 4]), PIXELS[:2, :2], explain="grad-cam,saliency", sanity=True, **EXPLAINED)
    assert [(row.checked, row.passed) for row in attributions(report).sanity] == [(False, False)] * 2
    page = reportgen.render(report)
    assert page.count("Not checked: the map is constant") == 2
    assert "Passed" not in page
    assert 'class="wrong"' not in page.split("Sanity check of the maps")[1].split("</table>")[0]


def test_a_map_that_varies_beside_a_constant_one_is_checked() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (2, 2, 3), np.uint8)
    report = reportgen.generate(net(1, [-3, 1, 1, 0]), pixels, target=0, explain="grad-cam,hires-cam", sanity=True, **EXPLAINED)
    assert {row.method: row.checked for row in attributions(report).sanity} == {"grad-cam": False, "hires-cam": True}


def test_that_nothing_raised_the_score_is_said_by_the_method_that_found_it() -> None:
    """The mean gradient is -1/4, so Grad-CAM is zero; but the second and third values do raise the score."""
    report = reportgen.generate(net(1, [-3, 1, 1, 0]), PIXELS[:2, :2], target=0, explain="grad-cam,hires-cam", **EXPLAINED)
    grad_cam, hires_cam = attributions(report).rows
    assert grad_cam.peak == 0 < hires_cam.peak
    assert "Grad-CAM found no place at this layer that raised the score of this class" in reportgen.render(report)
    assert not isinstance(report.checks, Absent)
    (told,) = (row.text for row in report.checks.rows if row.name == "zero-attribution")
    assert told.startswith("The Grad-CAM map of conv is zero everywhere: by its gradients, averaged over the image, ")


def test_contributions_that_are_not_finite_are_not_said_to_raise_nothing() -> None:
    report = reportgen.generate(net(np.nan, [1, 2, 3, 4]), PIXELS[:2, :2], preprocess="unit", only="feature_visualization")
    assert isinstance(report.feature_visualization, Absent)
    assert "are not finite (nan or infinite)" in report.feature_visualization.reason


def test_a_diff_says_of_no_method_that_it_shows_what_raises_the_score() -> None:
    """Saliency shows either direction, and Eigen-CAM is the same for every class."""
    asked: dict[str, Any] = {"target": 0, "explain": "saliency,eigen-cam", **EXPLAINED}
    pixels = np.random.default_rng(1).integers(0, 256, (2, 2, 3), np.uint8)
    old, new = (reportgen.generate(net(1, head), pixels, **asked) for head in ([1.0, 2, 3, 4], [4.0, 1, 1, 1]))
    page = reportgen.render_diff(reportgen.diff(old, new))
    assert "What raises the score" not in page
    assert 'Saliency for <strong dir="auto">class 0</strong> at the input.' in page
    assert "<p>Eigen-CAM at <" in page


def test_maps_of_nan_are_not_said_to_be_constant() -> None:
    (subject, *_) = subjects(net(np.nan, [1, 2, 3, 4]), PIXELS[:2, :2])
    with pytest.raises(NotApplicable, match="constant or has values that are not finite"):
        METHODS["score-cam"].attribute(subject)
