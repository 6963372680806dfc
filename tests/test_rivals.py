"""Why one class and not the next: contributions of a net whose answer is worked out on paper, and when nothing can be said."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen.backend import keras
from reportgen.levels import RANDOM_WEIGHTS
from reportgen.page.read import read
from reportgen.page.render import render
from reportgen.report import present
from reportgen.sections.attributions.rivals import Rivals

from .gold import report_file

layers = keras.layers
# what a channel, averaged over the 2 x 3 places, adds to the logits of the classes a, b and c
WEIGHTS = np.array([[3.0, 1.0, 0.0], [1.0, 4.0, 0.0], [2.0, 1.0, 0.0]], np.float32)
PIXELS = np.zeros((2, 3, 3), np.float32)
PIXELS[0, 2] = [6.0, 1.2, 0.0]  # upper right
PIXELS[1, 0] = [0.0, 0.0, 3.0]


def net(activation: str = "softmax", biases: tuple[float, float, float] = (0.0, 0.0, -9.0)) -> Any:
    """A convolution that changes nothing, global average pooling, and one Dense layer."""
    inputs = keras.Input((2, 3, 3))
    kept = layers.Conv2D(3, 1, use_bias=False, name="kept")(inputs)
    scores = layers.Dense(3, activation=activation, name="scores")(layers.GlobalAveragePooling2D()(kept))
    model = keras.Model(inputs, scores, name="rivals")
    model.get_layer("kept").set_weights([np.eye(3, dtype=np.float32)[None, None]])
    model.get_layer("scores").set_weights([WEIGHTS, np.array(biases, np.float32)])
    return model


def normalized() -> Any:
    """The same with layer normalization behind the pooling, so that the size of its values changes no score."""
    model = net()
    pooled = layers.LayerNormalization(epsilon=1e-7, name="normalized")(model.layers[-2].output)
    scores = layers.Dense(3, activation="softmax", name="scores")(pooled)
    behind = keras.Model(model.input, scores, name="rivals")
    behind.get_layer("scores").set_weights(model.get_layer("scores").get_weights())
    return behind


def report(model: Any = None, **options: Any) -> reportgen.Report:
    return reportgen.generate(
        model or net(), PIXELS, **{"only": "attributions,predictions", "labels": ["a", "b", "c"], **options}
    )


def rivals(of: reportgen.Report) -> Rivals | None:
    section = present(of.attributions)
    assert section is not None
    return section.rivals


def words(of: reportgen.Report) -> str:
    found = re.search(r'<p class="rivals">(.*?)</p>', render(of), re.DOTALL)
    return " ".join(re.sub("<[^>]+>", "", found[1]).split()) if found else ""


def test_contributions_are_those_worked_out_on_paper() -> None:
    # the channels' sums are 6, 1.2 and 3; a sixth of them times the difference of the weights of a and b, which are 2, -3 and 1
    found = rivals(report())
    assert found is not None
    assert (found.label, found.rival, found.path, found.unit, found.channels) == ("a", "b", "kept", "logit", 3)
    assert (found.favour, found.oppose) == (2.5, 0.6)  # 12/6 + 3/6, and 3.6/6
    assert (found.favouring, found.favouring_share) == ((0, 2), 1.0)
    assert (found.opposing, found.opposing_share) == ((1,), 1.0)
    # (12 - 3.6) / 6 = 1.4 at the upper right, and 0.5 at the lower left
    assert found.place == (0.25, 0.833333)
    assert found.region == "at the upper right"


def test_the_map_has_the_contributions_of_each_place() -> None:
    found = rivals(report())
    assert found is not None
    assert found.layer is not None
    assert (found.layer.low, found.layer.high) == (-1.4, 1.4)
    # 1.4 at the upper right, 0.5 at the lower left; and as 127 steps lie between 0 and 1.4, a step is 0.011
    assert np.allclose(found.layer.numbers(), [[0, 0, 1.4], [0.5, 0, 0]], atol=0.0111)
    of_the_rival = rivals(report(net(biases=(0.0, 9.0, -9.0))))  # what favours b is what speaks against a
    assert of_the_rival is not None
    assert of_the_rival.layer is not None
    assert np.allclose(of_the_rival.layer.numbers(), [[0, 0, -1.4], [-0.5, 0, 0]], atol=0.0111)


def test_the_page_shows_the_map_over_the_image() -> None:
    page = render(report(labels=["<b>a", "b", "c"]))
    assert 'aria-label="What speaks for &lt;b&gt;a and what for b, over the image"' in page
    assert "Red places speak for" in page
    assert rivals(read(page)) == rivals(report(labels=["<b>a", "b", "c"]))


def test_a_layer_of_one_place_has_no_map() -> None:
    found = rivals(reportgen.generate(net_of_one_place(), PIXELS, only="attributions,predictions", labels=["a", "b", "c"]))
    assert found is not None
    assert (found.favour, found.layer, found.coarse) == (2.5, None, False)


def net_of_one_place() -> Any:
    """Like `net`, but the convolution is the average over the 2 x 3 places: maps of a single value."""
    inputs = keras.Input((2, 3, 3))
    kept = layers.Conv2D(3, (2, 3), use_bias=False, name="kept")(inputs)
    model = keras.Model(inputs, layers.Dense(3, activation="softmax", name="scores")(layers.Flatten()(kept)))
    model.get_layer("kept").set_weights([np.tile(np.eye(3, dtype=np.float32) / 6, (2, 3, 1, 1))])
    model.get_layer("scores").set_weights([WEIGHTS, np.array((0.0, 0.0, -9.0), np.float32)])
    return model


def test_the_sum_is_the_difference_of_the_logits_but_for_the_biases() -> None:
    found = rivals(report(net(biases=(0.5, 0.25, 0.0))))
    assert found is not None
    logits = PIXELS.mean(axis=(0, 1)) @ WEIGHTS
    assert found.favour - found.oppose == pytest.approx(logits[0] - logits[1], rel=1e-6)


def test_the_page_says_it_in_words() -> None:
    assert words(report()) == (
        "Why a and not b? In kept, what speaks for a (2.5 in logits) outweighs what speaks for b (0.6). "
        "What favours a over b is strongest at the upper right of what the model saw; "
        "the other maps are about each class by itself, so their brightest place may be another. "
        "Channels 0 and 2 make 100 % of what speaks for a, and channel 1 makes 100 % of what speaks for b. "
        "A value’s contribution is its product with the gradient of the difference of the two logits: what it adds to "
        "their difference if all that follows is linear, otherwise an estimate. Biases are not counted. "
        "Channels that raise the score of one class alone may be others."
    )


def test_of_random_weights_it_says_not_to_rely_on_it() -> None:
    random = replace(report(), warnings=(f"{RANDOM_WEIGHTS}: nothing was learned.",))
    assert words(random).startswith("Why a and not b? Do not rely on this answer: it is of no more use than the prediction")


def test_a_map_that_is_drawn_in_grey_is_not_told_by_its_colours() -> None:
    assert "Red places" in render(report())
    page = render(replace(report(), warnings=(f"{RANDOM_WEIGHTS}: nothing was learned.",)))
    assert "Red places" not in page
    assert "In grey, as the map is not to be relied on" in page


def test_where_biases_decide_it_says_so() -> None:
    said = words(report(net(biases=(0.0, 9.0, -9.0))))  # b wins by its bias, though the image speaks for a
    assert said.startswith(
        "Why b and not a? Not because of kept: what speaks for a there (2.5) outweighs what speaks for b (0.6)"
    )
    assert "so biases or later layers decide" in said


def test_ahead_of_layer_normalization_the_sums_say_nothing() -> None:
    # x . grad f(x) = 0 if f(c x) = f(x): what speaks for a class and what speaks against it are equal, whatever the scores are
    of = report(normalized())
    found, predictions = rivals(of), present(of.predictions)
    assert found is not None
    assert predictions is not None
    assert predictions.rows[0].score > 2 * predictions.rows[1].score
    assert found.cancel_out
    assert found.favour == pytest.approx(found.oppose, rel=1e-5)
    said = words(of)
    assert f"Why {found.label} and not {found.rival}? In kept, what speaks for {found.label} (" in said
    assert f"these sums do not tell why {found.label} has the higher score." in said
    assert "outweighs" not in said


def test_of_two_classes_that_are_asked_for_the_better_one_comes_first() -> None:
    found = rivals(report(target=["b", "a"]))
    assert found is not None
    assert (found.label, found.rival) == ("a", "b")


@pytest.mark.parametrize("options", [{"target": "a"}, {"target": ["a", "b"], "against": "c"}, {"task": "multilabel"}], ids=str)
def test_nothing_is_said_where_two_classes_do_not_compete(options: dict[str, Any]) -> None:
    of = report(net("sigmoid") if "task" in options else None, **options)
    assert rivals(of) is None
    assert words(of) == ""


def test_nothing_is_said_of_equal_scores() -> None:
    model = net()
    model.get_layer("scores").set_weights([np.zeros((3, 3), np.float32), np.zeros(3, np.float32)])
    assert rivals(report(model)) is None


def test_contributions_beyond_single_precision_say_nothing() -> None:
    model = net()
    model.get_layer("scores").set_weights(
        [np.array([[3e38, -3e38, 0], [1, 0, 0], [0, 0, 0]], np.float32), np.zeros(3, np.float32)]
    )
    assert rivals(report(model)) is None  # the difference of the gradients is 6e38


def test_labels_are_escaped() -> None:
    said = render(report(labels=["<script>a", "b & b", "c"]))
    assert "<script>a" not in said
    assert "&lt;script&gt;a" in said
    assert "b &amp; b" in said


def test_it_is_read_back_and_older_reports_have_none() -> None:
    of = report()
    assert read(render(of)) == of
    assert rivals(read(report_file(1))) is None


@pytest.mark.parametrize(
    ("place", "region"),
    [
        ((0.1, 0.1), "at the upper left"),
        ((0.5, 0.5), "near the centre"),
        ((0.375, 0.375), "just above and left of the centre"),
        ((0.5, 0.65), "just right of the centre"),
        ((0.65, 0.5), "just below the centre"),
        ((0.5, 0.9), "at the right"),
        ((1.0, 0.5), "at the bottom"),
        ((-0.2, 1.3), "at the upper right"),
    ],
)
def test_a_place_is_named_by_its_ninth(place: tuple[float, float], region: str) -> None:
    found = rivals(report())
    assert found is not None
    assert replace(found, place=place).region == region
