"""How a `Network` runs when it is asked: traces, batches, models that are hard to trace, and what cannot be answered."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from reportgen.errors import ModelError, NotApplicable, OptionError, reason_of
from reportgen.inspection import asking
from reportgen.inspection.inspect import inspect
from reportgen.options import Options

from .models import built, keras, layers, tf
from .networks import count_runs, images_for, network_of, two_at_a_time

# How it runs


@pytest.mark.parametrize("ask", ["scores", "maps", "gradient"])
def test_it_is_traced_once_for_all_classes_and_batches(ask: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = built("functional")
    network = network_of(model)
    images = images_for(network, 7)
    two_at_a_time(monkeypatch, network)
    runs = count_runs(model)
    questions: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
        "scores": lambda batch, _: network.scores(batch),
        "maps": lambda batch, _: network.maps("conv2", batch),
        "gradient": lambda batch, class_index: network.gradient(batch, class_index),
    }
    asked = [questions[ask](batch, class_index) for class_index in (0, 4) for batch in (images, images[:5], images[:2])]
    assert runs == [2]
    assert [len(each) for each in asked] == [7, 5, 2] * 2
    assert len(questions[ask](images[:1], 0)) == 1
    assert runs == [2, 1]


def test_gradients_of_several_layers_come_from_one_trace_which_is_kept() -> None:
    model = built("functional")
    network = network_of(model)
    images = images_for(network, 3)
    paths = ["conv1", "pool1", "conv2"]
    together = network.gradients(images, 1, paths)
    for path, gradients in zip(paths, together, strict=True):
        np.testing.assert_allclose(gradients, network.gradient(images, 1, path), rtol=1e-4, atol=1e-7)
    runs = count_runs(model)
    for class_index in (0, 1):
        alone = network.gradients(images[:1], class_index, paths)
    assert runs == [1]
    for one, gradients in zip(alone, together, strict=True):
        np.testing.assert_allclose(one, gradients[:1], rtol=1e-4, atol=1e-7)
    assert network.gradients(images, 1, []) == ()
    none = network.gradients(images[:0], 1, paths)
    assert [each.shape for each in none] == [(0, *each.shape[1:]) for each in together]


def test_gradients_of_several_layers_need_a_way_to_each() -> None:
    network = network_of(built("functional"))
    images = images_for(network, 1)
    with pytest.raises(NotApplicable, match="none flows back to it"):
        network.gradients(images, 0, ["conv1", network.layers[-1].path])
    with pytest.raises(OptionError, match="no such layer"):
        network.gradients(images, 0, ["conv1", "nothing"])


def test_the_batch_is_chosen_so_that_few_images_run_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    model = built("functional")
    network = network_of(model)
    images = images_for(network, 10)
    two_at_a_time(monkeypatch, network)
    monkeypatch.setattr(asking, "LARGEST", 6)
    monkeypatch.setattr(asking, "BUDGET", 10**9)
    runs = count_runs(model)
    network.scores(images)  # two batches of 5, where two of 6 would do 2 images twice
    network.scores(images[:4])
    assert runs == [5, 4]


def test_no_images() -> None:
    network = network_of(built("functional"))
    none = np.zeros((0, 16, 16, 3), np.float32)
    assert network.scores(none).shape == (0, 5)
    assert network.maps("conv2", none).shape == (0, 8, 8, 6)
    assert network.gradient(none, 0).shape == (0, 16, 16, 3)


def test_layers_and_facts_are_known_before_any_image_and_cost_one_run() -> None:
    model = built("functional")
    network = network_of(model)
    runs = count_runs(model)
    assert network.facts.output_shape == (5,)
    assert [row.path for row in network.layers][:3] == ["picture", "conv1", "pool1"]
    np.testing.assert_array_equal(network.weights(1)["kernel"], model.get_layer("conv1").kernel)
    assert [each.name for each in network.kernels(1)] == ["kernel"]
    assert network.not_loaded == ()
    assert runs == [1]
    network.gradient(images_for(network, 1), 0)
    assert runs == [1, 1]


def test_an_image_that_comes_first_is_the_only_run() -> None:
    model = built("functional")
    network = network_of(model)
    runs = count_runs(model)
    pixels = np.zeros((16, 16, 3), np.uint8)
    probe = inspect(network, pixels, pixels, Options())
    assert probe.network is network
    assert network.facts.output_shape == (5,)
    assert len(network.layers) == 8
    assert runs == [1]


def test_weights_and_batch_statistics_stay_as_they_are() -> None:
    model = built("functional")
    before = [np.array(variable) for variable in model.variables]
    network = network_of(model)
    images = images_for(network, 3)
    for batch in (images[:1], images):
        network.scores(batch)
        network.maps("bn2", batch)
        network.gradient(batch, 0)
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


def test_new_weights_are_seen_by_old_traces() -> None:
    model = built("logits")
    network = network_of(model)
    images = images_for(network, 3)
    before = network.gradient(images, 0)
    model.get_layer("head").set_weights([2 * value for value in model.get_layer("head").get_weights()])
    np.testing.assert_allclose(network.gradient(images, 0), 2 * before, rtol=1e-6)


def test_in_another_thread() -> None:
    network = network_of(built("nested"))
    images, found = images_for(network, 3), []
    thread = threading.Thread(target=lambda: found.append(network.gradient(images, 1, "base/conv1")))
    thread.start()
    thread.join()
    np.testing.assert_array_equal(found[0], network.gradient(images, 1, "base/conv1"))


def test_a_convolution_whose_eager_gradient_crashes_tensorflow() -> None:
    # in a process of its own, which the eager gradient of the 1x1 kernel would end
    code = (
        "import numpy as np, reportgen\n"
        "from tests.models import keras, layers\n"
        "for channels in (4, 8):\n"
        "    net = [layers.Conv2D(channels, 3, padding='same', name='seen'),"
        " layers.Conv2D(3, 1, strides=2, activation='softmax', name='classes')]\n"
        "    model = keras.Sequential([keras.Input((16, 16, 3)), *net])\n"
        "    network = reportgen.load(model, preprocess='unit')\n"
        "    print([network.gradient(np.ones((count, 16, 16, 3), np.float32), 1).shape[0] for count in (1, 3)])\n"
        "    image = np.ones((16, 16, 3), np.uint8)\n"
        "    report = reportgen.generate(model, image, preprocess='unit', only='attributions')\n"
        "    print(channels, report.attributions.rows[0].path, flush=True)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "[1, 3]\n4 seen\n[1, 3]\n8 seen\n")


# What cannot be answered


def test_an_unknown_layer_is_told_in_a_line_that_names_those_that_are_there() -> None:
    network = network_of(built("nested"))
    images = images_for(network, 2)
    both = "base/conv2, base/conv1"
    for path, named in (("base/conv3", both), ("conv1#2", both), ("nothing", "picture, base/conv1, base/conv2, gap, head")):
        told = f"^{path}: the model has no such layer; expected one of 5, such as {named}.$"
        with pytest.raises(OptionError, match=told):
            network.maps(path, images)
        with pytest.raises(OptionError, match=told):
            network.gradient(images, 0, path)


def test_an_unknown_class_is_told_in_a_line() -> None:
    network = network_of(built("nested"))
    for class_index in (3, -1):
        with pytest.raises(OptionError, match=f"^class {class_index}: the model has 3 classes, counted from 0.$"):
            network.gradient(images_for(network, 2), class_index)


@pytest.mark.parametrize(
    ("batch", "told"),
    [
        (np.zeros((2, 8, 8, 3), np.float32), r"got float32 of shape \(2, 8, 8, 3\)"),
        (np.zeros((16, 16, 3), np.float32), r"got float32 of shape \(16, 16, 3\)"),
        (np.zeros((2, 16, 16, 3), np.uint8), r"got uint8 of shape \(2, 16, 16, 3\)"),
    ],
)
def test_a_batch_that_is_none(batch: np.ndarray, told: str) -> None:
    network = network_of(built("nested"))
    with pytest.raises(OptionError, match=r"^batch: expected float32 of shape \(n, 16, 16, 3\), .*; " + told):
        network.scores(batch)


def test_layers_that_the_score_does_not_come_from() -> None:
    network = network_of(built("two_heads"))
    with pytest.raises(NotApplicable, match="no gradient at rotten: none flows back to it from the class score"):
        network.gradient(images_for(network, 1), 0, "rotten")
    network = network_of(built("subclassed"))
    for count in (1, 3):
        with pytest.raises(NotApplicable, match=r"^unused is never called, so it has no output"):
            network.maps("unused", images_for(network, count))


def test_a_model_that_cannot_run_says_so_when_its_layers_are_asked_for() -> None:
    def broken(_x: Any) -> Any:
        raise ValueError("out of order")

    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, layers.Lambda(broken, output_shape=(8, 8, 3))(inputs), name="net")
    with pytest.raises(ModelError, match=r"net: the model cannot run on an image of .* out of order"):
        _ = network_of(model).layers


def test_an_error_inside_a_graph_is_told_by_its_reason() -> None:
    told = (
        "Graph execution error:\n\nDetected at node Conv2D defined at (most recent call last):\n"
        '  File "net.py", line 6, in <module>\n\nComputed input depth 8 doesn\'t match filter input depth 2\n'
        "\t [[{{node Conv2D}}]] [Op:__inference_compute_607]"
    )
    error = tf.errors.InvalidArgumentError(None, None, told)
    assert reason_of(error) == "Computed input depth 8 doesn't match filter input depth 2"
