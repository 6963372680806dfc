"""What is explained by attribution methods: which classes, which layer, which kinds of models."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen.backend import keras
from reportgen.errors import LabelsError, OptionError
from reportgen.methods.at_layer import hires_cam
from reportgen.methods.attribution import METHODS
from reportgen.methods.perturbing import occlusion, rise
from reportgen.methods.quality import measured
from reportgen.picture import WHOLE
from reportgen.report import Absent

from .attributed import PIXELS, attributions, pooled_net, rows_by_method, subjects

layers = keras.layers


@pytest.fixture(scope="module")
def pooled() -> Any:
    return pooled_net()


# What is explained


def test_the_three_best_classes_stand_side_by_side_on_one_scale(pooled: Any) -> None:
    report = reportgen.generate(pooled, PIXELS, preprocess="unit", explain="grad-cam,saliency", skip="feature_visualization")
    made = rows_by_method(report)
    best = np.argsort(-np.asarray(pooled(PIXELS[None] / np.float32(255)))[0])[:3].tolist()
    assert [row.class_index for row in made["grad-cam"]] == best
    assert [row.class_index for row in made["saliency"]] == best[:1]  # it costs a gradient for each
    assert len({(row.heatmap.low, row.heatmap.high) for row in made["grad-cam"]}) == 1
    assert made["grad-cam"][0].heatmap.high == max(row.peak for row in made["grad-cam"])
    assert reportgen.render(report).count("rather than") == 0


def test_classes_that_are_named_are_all_explained(pooled: Any) -> None:
    report = reportgen.generate(
        pooled, PIXELS, preprocess="unit", explain="grad-cam,saliency", target=[2, 0, "2"], skip="feature_visualization"
    )
    assert [(row.method, row.class_index) for row in attributions(report).rows] == [
        ("grad-cam", 2), ("grad-cam", 0), ("saliency", 2), ("saliency", 0),
    ]  # fmt: skip
    assert report.provenance.options.target == (2, 0)


def test_a_class_against_another_has_the_difference_of_the_gradients(pooled: Any) -> None:
    (one,), (other,), (both,) = subjects(pooled, target=0), subjects(pooled, target=1), subjects(pooled, target=0, against=1)
    np.testing.assert_allclose(both.gradients, one.gradients - other.gradients, atol=1e-7)
    report = reportgen.generate(pooled, PIXELS, preprocess="unit", labels=list("abcd"), against="b", skip="feature_visualization")
    rows = attributions(report).rows
    assert "b" not in {row.label for row in rows}
    assert {(row.against, row.against_label) for row in rows} == {(1, "b")}
    assert "rather than <strong" in reportgen.render(report)


def test_both_answers_of_a_yes_or_no_model_are_explained() -> None:
    inputs = keras.Input((12, 10, 3))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, name="conv")(inputs))
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))
    yes, no = subjects(model)
    np.testing.assert_array_equal(yes.gradients, -no.gradients)
    np.testing.assert_allclose(hires_cam(no), -hires_cam(yes))
    report = reportgen.generate(model, PIXELS, preprocess="unit", explain="grad-cam", only="attributions")
    assert [(row.class_index, row.sense) for row in rows_by_method(report)["grad-cam"]] == [(0, ""), (0, "not")]
    assert "not <strong" in reportgen.render(report)
    drop = occlusion(yes)
    np.testing.assert_allclose(occlusion(no), -drop, atol=1e-12)


@pytest.mark.parametrize(("activation", "sure"), [("sigmoid", 1), (None, 0)])
def test_no_is_one_minus_a_probability_and_minus_a_logit(activation: str | None, sure: int) -> None:
    inputs = keras.Input((12, 10, 3))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, name="conv")(inputs))
    model = keras.Model(inputs, layers.Dense(1, activation=activation)(x))
    yes, no = subjects(model, task="binary")
    np.testing.assert_allclose(rise(no), sure - rise(yes), atol=1e-6)
    np.testing.assert_allclose(occlusion(no), -occlusion(yes), atol=1e-9)
    curves = [measured(each, np.ones((1, 1)), WHOLE, WHOLE) for each in (yes, no)]
    for name in ("deletion_curve", "insertion_curve"):
        by_yes, by_no = (np.array(getattr(each, name)) for each in curves)
        np.testing.assert_allclose(by_no, sure - by_yes, atol=1e-6)
    np.testing.assert_allclose(curves[1].road_curve, -np.array(curves[0].road_curve), atol=1e-6)


def test_the_layer_to_explain_may_be_named(pooled: Any) -> None:
    for path, shape in (("first", (12, 10, 5)), ("last", (6, 5, 6))):
        (subject,) = subjects(pooled, target=1, explain_layer=path)
        assert subject.layer.path == path
        assert subject.activations.shape == subject.gradients.shape == shape
        np.testing.assert_allclose(
            subject.gradients, subject.network.gradient(subject.input[None], 1, at=path)[0], rtol=1e-4, atol=1e-8
        )


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"explain_layer": "frist"}, OptionError, "--explain-layer frist: the model has no such layer; .* such as first"),
        ({"explain_layer": "head"}, OptionError, "--explain-layer head: its output has no height and width; .*such as"),
        ({"target": [0, 9]}, LabelsError, "--class 9: the model has 4 classes"),
        ({"against": 7}, LabelsError, "--against 7: the model has 4 classes"),
        ({"target": 1, "against": 1}, OptionError, "--against 1: this class is itself the one explained"),
        ({"explain": "gradcam"}, OptionError, "--explain gradcam: expected grad-cam, "),
        ({"baseline": "pink"}, OptionError, "--baseline pink: expected black, mean, blur"),
        ({"target": []}, OptionError, "--class"),
    ],
)
def test_what_does_not_exist_is_told_in_a_line(pooled: Any, options: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said) as raised:
        reportgen.generate(pooled, PIXELS, preprocess="unit", skip="feature_visualization", **options)
    assert "\n" not in str(raised.value)


def test_where_there_is_no_layer_methods_at_the_input_are_made() -> None:
    net = [keras.Input((4, 4, 3)), layers.Flatten(), layers.Dense(3, activation="relu"), layers.Dense(2, activation="softmax")]
    model = keras.Sequential(net)
    pixels = PIXELS[:4, :4]
    report = reportgen.generate(
        model, pixels, preprocess="unit", explain="grad-cam,saliency,occlusion,random", skip="feature_visualization"
    )
    assert {row.method for row in attributions(report).rows} == {"saliency", "occlusion", "random"}
    (missing,) = attributions(report).not_made
    assert missing.method == "grad-cam"
    assert isinstance(reportgen.generate(model, pixels, preprocess="unit", skip="feature_visualization").attributions, Absent)


def test_a_model_of_integers_says_what_it_does_not_allow() -> None:
    inputs = keras.Input((6, 6, 3), dtype="uint8")
    x = layers.Rescaling(1 / 255)(inputs)
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, activation="relu", name="conv")(x))
    model = keras.Model(inputs, layers.Dense(2, activation="softmax")(x))
    report = reportgen.generate(model, PIXELS[:6, :6], explain="all", only="attributions")
    made, missing = rows_by_method(report), {each.method: each.reason for each in attributions(report).not_made}
    assert set(missing) == {
        "saliency", "gradient-x-input", "smooth-grad", "var-grad", "integrated-gradients", "guided-backprop", "guided-grad-cam",
    }  # fmt: skip
    assert all("integers" in reason for reason in missing.values())
    assert {"grad-cam", "cam", "score-cam", "occlusion", "rise", "random"} <= set(made)


@pytest.mark.parametrize(("channels", "head"), [(1, layers.GlobalAveragePooling2D), (4, layers.Flatten)])
def test_grey_and_four_channels_explained_by_all(channels: int, head: Any) -> None:
    net = [
        keras.Input((12, 10, channels)),
        layers.Conv2D(4, 3, activation="relu"),
        head(),
        layers.Dense(3, activation="softmax"),
    ]
    report = reportgen.generate(
        keras.Sequential(net), PIXELS, preprocess="unit", explain="all", baseline="blur", only="attributions"
    )
    lacking = {"cam"} if head is layers.Flatten else set()  # which is of a pooled head
    assert {each.method for each in attributions(report).not_made} == lacking
    assert {row.method for row in attributions(report).rows} == set(METHODS) - lacking
    assert reportgen.read(reportgen.render(report)) == report
    assert reportgen.diff(report, report).same


def test_all_methods_draw_the_same_twice(pooled: Any) -> None:
    reporter = reportgen.Reporter(pooled, preprocess="unit", explain="all", only="attributions")
    first, second = (reporter.report(PIXELS) for _ in range(2))
    assert reportgen.render(first) == reportgen.render(second)
    assert {row.method for row in attributions(first).rows} == set(METHODS)
