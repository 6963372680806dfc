"""A model of every kind, inspected: rows, maps and gradients against answers worked out or computed another way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen.errors import LabelsError, ModelError, OptionError
from reportgen.image import with_channels
from reportgen.inspection.inspect import KerasProbe, inspect
from reportgen.inspection.listening import listening
from reportgen.inspection.network import KerasNetwork
from reportgen.loading.loaded import as_array
from reportgen.loading.sources import load
from reportgen.methods.attribution import grad_cam
from reportgen.options import Options
from reportgen.probe import LayerCall
from reportgen.report import Absent
from reportgen.sections.attributions import Attributions
from reportgen.sections.feature_maps import ConvolutionMapsTable

from .models import Residual, Subclassed, built, grad_cam_net, keras, layers, tf

PICTURE = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)


def inspected(model: Any, pixels: np.ndarray = PICTURE, head: str | None = None, **options: Any) -> KerasProbe:
    loaded = load(model, preprocess="unit")
    height, width, channels = loaded.input_shape
    assert pixels.shape[:2] == (height, width)
    fitting = pixels if pixels.shape[2] == channels else with_channels(pixels, channels)
    return inspect(KerasNetwork(loaded, head), fitting, pixels, Options(head=head, **options))


def row(probe: KerasProbe, path: str) -> LayerCall:
    (found,) = (call for call in probe.network.layers if call.path == path)
    return found


def digest_of(reference: Any) -> str:
    return KerasNetwork(load(reference)).digest


@pytest.mark.parametrize("name", ["functional", "subclassed", "mixed_precision", "channels_first"])
def test_scores_are_what_the_model_says(name: str) -> None:
    # of every kind of model they are held against the network put together by hand in `test_kinds`; here, to the last digits
    model = built(name)
    height, width, channels = load(model).input_shape
    probe = inspected(model, np.resize(PICTURE, (height, width, 3)))
    assert probe.scores is not None
    batch = with_channels(probe.pixels, channels)[None] / np.float32(255)
    batch = batch.transpose(0, 3, 1, 2) if name == "channels_first" else batch
    np.testing.assert_allclose(probe.scores, np.asarray(model(batch), np.float32)[0], rtol=1e-6)


def test_functional_rows() -> None:
    probe = inspected(built("functional"))
    rows = [(call.index, call.path, call.type, call.output_shape, call.parameters, call.inputs) for call in probe.network.layers]
    assert rows == [
        (0, "picture", "InputLayer", (16, 16, 3), 0, ()),
        (1, "conv1", "Conv2D", (16, 16, 4), 112, ("picture",)),  # 3 * 3 * 3 * 4 + 4
        (2, "pool1", "MaxPooling2D", (8, 8, 4), 0, ("conv1",)),
        (3, "conv2", "Conv2D", (8, 8, 6), 222, ("pool1",)),  # 3 * 3 * 4 * 6 + 6
        (4, "bn2", "BatchNormalization", (8, 8, 6), 24, ("conv2",)),  # 4 * 6
        (5, "relu2", "Activation", (8, 8, 6), 0, ("bn2",)),
        (6, "gap", "GlobalAveragePooling2D", (6,), 0, ("relu2",)),
        (7, "head", "Dense", (5,), 35, ("gap",)),  # 6 * 5 + 5
    ]


def test_paths_of_nested_models_leave_out_the_outermost() -> None:
    assert [call.path for call in inspected(built("nested")).network.layers] == [
        "picture",
        "base/conv1",
        "base/conv2",
        "gap",
        "head",
    ]
    assert "middle/inner/conv2" in [call.path for call in inspected(built("nested_twice")).network.layers]


def test_a_second_call_has_its_own_row_without_parameters() -> None:
    probe = inspected(built("called_twice"))
    assert row(probe, "shared/conv1").parameters == 112
    assert row(probe, "shared/conv1#2").parameters == 0
    assert row(probe, "shared/conv1#2").inputs == ("mirror",)
    assert row(probe, "both").inputs == ("shared/conv2", "shared/conv2#2")
    assert probe.network.weights(row(probe, "shared/conv1#2").index) == {}


def test_layers_in_layers_weights_of_their_own_and_layers_never_called() -> None:
    probe = inspected(built("subclassed"))
    assert [(call.path, call.parameters) for call in probe.network.layers] == [
        ("input", 0), ("first", 112), ("block/conv", 148), ("block", 1), ("gap", 0), ("head", 15), ("unused", 10),
    ]  # fmt: skip
    assert row(probe, "block").inputs == ("first", "block/conv")
    assert row(probe, "gap").inputs == ("block",)
    assert row(probe, "unused").output_shape == ()


def test_frozen_layers_are_told() -> None:
    probe = inspected(built("frozen"))
    assert [(call.path, call.trainable) for call in probe.network.layers if call.parameters] == [
        ("base/conv1", False), ("base/conv2", False), ("head", True),
    ]  # fmt: skip
    assert probe.network.facts.trainable_parameters == 21
    assert probe.network.facts.parameters == 355


def test_a_reloaded_subclassed_model_remembers_its_input(tmp_path: Path) -> None:
    built("subclassed").save(tmp_path / "saved.keras")
    loaded = load(tmp_path / "saved.keras")
    assert loaded.input_shape == (16, 16, 3)
    assert isinstance(loaded.model, Subclassed)
    assert isinstance(loaded.model.block, Residual)


def test_maps_are_those_after_normalization_and_activation() -> None:
    model = built("functional")
    first, second = inspected(model).maps
    assert (second.path, second.after) == ("conv2", ("bn2", "relu2"))
    # an independent computation: a second model that ends there, which works for a plain functional one
    ends = keras.Model(model.inputs[0], [model.get_layer("conv1").output, model.get_layer("relu2").output])
    for maps, expected in zip((first, second), ends(PICTURE[None] / np.float32(255)), strict=True):
        values = np.asarray(expected)[0]
        assert maps.values is not None
        np.testing.assert_allclose(maps.values, values, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(maps.low, values.min((0, 1)), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(maps.high, values.max((0, 1)), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(maps.mean, values.mean((0, 1)), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(maps.active, (values > 0).mean((0, 1)), atol=1e-6)


def test_a_map_that_another_layer_takes_too_is_not_followed() -> None:
    probe = inspected(built("residual"))
    assert [(maps.path, maps.after) for maps in probe.maps] == [("conv1", ()), ("conv2", ())]  # Add follows conv2


def test_only_shown_maps_are_kept() -> None:
    keeps = {
        maps.path: maps.values is not None for maps in inspected(built("all_convolutions"), np.resize(PICTURE, (16, 16, 4))).maps
    }
    assert keeps == {"grouped": True, "dilated": False, "depthwise": False, "separable": True, "transposed": True}
    asked = inspected(built("all_convolutions"), np.resize(PICTURE, (16, 16, 4)), layers="d*").maps
    assert [maps.path for maps in asked if maps.values is not None] == ["dilated", "depthwise"]


def test_kernels_of_every_kind_of_convolution() -> None:
    probe = inspected(built("all_convolutions"), np.resize(PICTURE, (16, 16, 4)))
    kernels = {
        call.path: {each.name: probe.network.weights(call.index)[each.name].shape for each in probe.network.kernels(call.index)}
        for call in probe.network.layers
    }
    assert kernels == {
        "picture": {}, "gap": {}, "head": {},
        "grouped": {"kernel": (3, 3, 2, 8)},
        "dilated": {"kernel": (3, 3, 8, 8)},
        "depthwise": {"kernel": (3, 3, 8, 1)},
        "separable": {"depthwise_kernel": (3, 3, 8, 1), "pointwise_kernel": (1, 1, 8, 6)},
        "transposed": {"kernel": (3, 3, 5, 6)},
    }  # fmt: skip


def test_grad_cam_on_a_net_worked_out_on_paper() -> None:
    # one grey channel x (2 x 2) of 0, 51, 102, 255, by unit scaling 0, 0.2, 0.4, 1; the filters (2, -1) give A_0 = 2x, A_1 = -x.
    # class 0: the logit is 3 times the mean of A_0 plus 2 times that of A_1, so dy/dA = (3 / 4, 2 / 4) everywhere, and
    #   sum_k a_k A_k = 0.75 * 2x + 0.5 * -x = x
    # class 1: a = (-3 / 4, -4 / 4), the sum is -0.75 * 2x - 1 * -x = -0.5x, and relu makes it 0
    pixels = np.array([[0, 51], [102, 255]], np.uint8)[..., None].repeat(3, axis=2)
    model = grad_cam_net([2, -1], [[3, -3], [2, -4]])
    heat = grad_cam(explained_of(model, pixels, target=0))
    np.testing.assert_allclose(heat, [[0, 0.2], [0.4, 1]], rtol=1e-5)
    np.testing.assert_allclose(grad_cam(explained_of(model, pixels, target=1)), 0, atol=1e-7)


def explained_of(model: Any, pixels: np.ndarray, **options: Any) -> Any:
    return inspected(model, pixels, **options).explained[0]


def test_logits_are_differentiated_where_the_softmax_is_sure_of_itself() -> None:
    # logits so far apart that the probabilities' gradient is exactly 0 in float32
    pixels = np.full((2, 2, 3), 255, np.uint8)
    model = grad_cam_net([2, -1], [[300, -300], [0, 0]])
    explained = explained_of(model, pixels)
    assert explained.unit == "logit"
    np.testing.assert_allclose(explained.gradients[..., 0], 75)  # 300 / 4


@pytest.mark.parametrize("ending", ["softmax inside", "Softmax layer", "Activation layer", "nested", "float16"])
def test_keras_leaves_the_logits_on_what_softmax_returns(ending: str) -> None:
    """Guards the one private attribute that we use; without it the output itself is differentiated."""
    inputs = keras.Input((4, 4, 3))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(2, 3, name="conv")(inputs))
    x = {
        "softmax inside": lambda: layers.Dense(3, activation="softmax")(x),
        "Softmax layer": lambda: layers.Softmax()(layers.Dense(3)(x)),
        "Activation layer": lambda: layers.Activation("softmax")(layers.Dense(3)(x)),
        "nested": lambda: keras.Sequential([keras.Input((2,)), layers.Dense(3, activation="softmax")])(x),
        "float16": lambda: layers.Dense(3, activation="softmax", dtype="float16")(x),
    }[ending]()
    assert explained_of(keras.Model(inputs, x), np.resize(PICTURE, (4, 4, 3))).unit == "logit"


def test_without_logits_the_output_itself_is_explained() -> None:
    @keras.saving.register_keras_serializable("tests")
    class OwnSoftmax(keras.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return tf.exp(x) / tf.reduce_sum(tf.exp(x), axis=-1, keepdims=True)

    inputs = keras.Input((4, 4, 3))
    x = layers.Dense(3)(layers.GlobalAveragePooling2D()(layers.Conv2D(2, 3)(inputs)))
    explained = explained_of(keras.Model(inputs, OwnSoftmax()(x)), np.resize(PICTURE, (4, 4, 3)))
    assert explained.unit == "output"


@pytest.mark.parametrize("name", ["functional", "sequential", "residual"])
def test_grad_cam_equals_the_second_model_computation(name: str) -> None:
    model = built(name)
    probe = inspected(model, target=1)
    target = model.get_layer(probe.explained[0].path)
    head = model.get_layer("head")
    activation, head.activation = head.activation, keras.activations.linear
    ends = keras.Model(model.inputs[0], [target.output, model.outputs[0]])
    with tf.GradientTape() as tape:
        maps, outputs = ends(PICTURE[None] / np.float32(255))
        score = outputs[0, 1]
    gradient = tape.gradient(score, maps)
    head.activation = activation
    weights = tf.reduce_mean(gradient, axis=(0, 1, 2))
    expected = tf.nn.relu(tf.reduce_sum(maps[0] * weights, axis=-1)).numpy()
    np.testing.assert_allclose(grad_cam(probe.explained[0]), expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("nested", "base/conv2"), ("nested_twice", "middle/inner/conv2"), ("called_twice", "both"), ("subclassed", "block"),
        ("residual", "out"), ("shared_layer", "conv#2"), ("mixed_precision", "conv1"), ("segmentation", "conv1"),
    ],
)  # fmt: skip
def test_the_last_spatial_layer_is_explained(name: str, path: str) -> None:
    explained = explained_of(built(name), PICTURE)
    assert explained.path == path
    assert explained.gradients.any()


@pytest.mark.parametrize("name", ["two_heads", "named_heads"])
def test_models_with_several_heads(name: str) -> None:
    model = built(name)
    batch = PICTURE[None] / np.float32(255)
    answers = dict(zip(("kind", "rotten"), tf.nest.flatten(model(batch)), strict=True))
    for head, classes in (("kind", 3), ("rotten", 1)):
        probe = inspected(model, head=head)
        assert probe.scores is not None
        assert len(probe.scores) == classes
        np.testing.assert_allclose(probe.scores, answers[head][0], rtol=1e-6)
        assert probe.explained[0].path == "conv1"
    report = reportgen.generate(model, PICTURE, preprocess="unit", skip="feature_visualization")
    assert report.warnings == ()
    assert not isinstance(report.other_outputs, Absent)
    (other,) = report.other_outputs.rows
    assert other.name == "rotten"
    assert other.predictions is not None
    found = other.predictions.all_scores()
    assert found is not None
    np.testing.assert_allclose(found, answers["rotten"][0], rtol=1e-6)
    assert isinstance(reportgen.generate(model, PICTURE, preprocess="unit", head="kind").other_outputs, Absent)
    with pytest.raises(OptionError, match="expected one of kind, rotten"):
        inspected(model, head="ripe")


def test_the_class_to_explain() -> None:
    model = built("functional")
    labels = ("ant", "bee", "cat", "dog", "eel")
    loaded = load(model, preprocess="unit", labels=labels)
    asked = {
        target: inspect(KerasNetwork(loaded), PICTURE, PICTURE, Options(target=target)).explained for target in (3, "3", "DOG")
    }
    assert [[each.class_index for each in every] for every in asked.values()] == [[3], [3], [3]]
    top = inspect(KerasNetwork(loaded), PICTURE, PICTURE, Options())
    assert top.scores is not None
    assert top.explained[0].class_index == int(np.argmax(top.scores))
    with pytest.raises(LabelsError, match="5 classes"):
        inspect(KerasNetwork(loaded), PICTURE, PICTURE, Options(target=5))
    with pytest.raises(LabelsError, match="such as dog"):
        inspect(KerasNetwork(loaded), PICTURE, PICTURE, Options(target="dogg"))
    with pytest.raises(LabelsError, match="no labels"):
        inspected(model, target="dog")


def test_the_model_and_keras_are_left_as_they_were() -> None:
    original = keras.Operation.__call__
    model = built("functional")
    before = [weight.numpy().copy() for weight in model.weights]
    attributes = set(vars(model))
    inspected(model)
    assert keras.Operation.__call__ is original
    assert set(vars(model)) == attributes
    for weight, old in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), old)


def test_the_patch_comes_off_after_an_error() -> None:
    original = keras.Operation.__call__

    class Failing(keras.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            if isinstance(x, tf.Tensor) and hasattr(x, "numpy"):
                raise RuntimeError("not today")
            return x

    inputs = keras.Input((16, 16, 3))
    model = keras.Model(inputs, layers.Flatten()(Failing()(layers.Conv2D(1, 3)(inputs))))
    with pytest.raises(ModelError, match=r"Failing.call\(\): not today"):
        inspected(model)
    assert keras.Operation.__call__ is original
    with pytest.raises(ZeroDivisionError), listening(lambda _operation, run, _given: run()):
        _ = 1 / 0
    assert keras.Operation.__call__ is original


def test_other_threads_are_not_heard() -> None:
    import threading

    heard: list[str] = []

    def hear(operation: Any, run: Any, _given: Any) -> Any:
        heard.append(operation.name)
        return run()

    with listening(hear):
        thread = threading.Thread(target=lambda: layers.ReLU(name="elsewhere")(tf.ones((1, 2))))
        thread.start()
        thread.join()
        layers.ReLU(name="here")(tf.ones((1, 2)))
    assert heard == ["here"]


def test_weights_are_read_without_copying() -> None:
    variable = keras.Variable(np.ones((4, 4), np.float32))
    assert not as_array(variable).flags.owndata
    bfloat = keras.Variable(np.ones((4, 4)), dtype="bfloat16")
    assert as_array(bfloat).astype(np.float32).sum() == 16


def test_digests_follow_weights_and_architecture_and_nothing_else(tmp_path: Path) -> None:
    model = built("functional")
    digest = digest_of(model)
    model.save(tmp_path / "other name.keras")
    model.save(tmp_path / "legacy.h5")
    assert digest_of(tmp_path / "other name.keras") == digest
    assert digest_of(tmp_path / "legacy.h5") == digest
    kernel, bias = model.get_layer("conv1").get_weights()
    model.get_layer("conv1").set_weights([kernel, bias + np.float32(1e-6)])
    assert digest_of(model) != digest
    changed = built("functional")
    changed.get_layer("relu2").activation = keras.activations.tanh
    assert digest_of(changed) != digest


def test_weights_that_are_not_numbers_are_warned_of() -> None:
    model = built("functional")
    kernel, bias = model.get_layer("conv1").get_weights()
    kernel[0, 0, 0, 0] = np.nan
    model.get_layer("conv1").set_weights([kernel, bias])
    report = reportgen.generate(model, PICTURE, preprocess="unit", skip="feature_visualization")
    errors = [finding for finding in report.findings() if finding.level == "error"]
    assert [(finding.name, finding.path) for finding in errors] == [
        ("non-finite-weights", "conv1"), ("non-finite-scores", ""), ("non-finite-maps", "conv1"),
    ]  # fmt: skip
    assert all("not finite" in finding.text for finding in errors)
    assert reportgen.read(reportgen.render(report)) == report
    assert isinstance(report.feature_maps, ConvolutionMapsTable)
    assert isinstance(report.attributions, Attributions)


def test_reports_are_the_same_twice_and_the_data_hold_no_path(tmp_path: Path) -> None:
    model = built("functional")
    model.save(tmp_path / "mine.keras")
    pages = [
        reportgen.render(reportgen.generate(tmp_path / "mine.keras", PICTURE, skip="feature_visualization")) for _ in range(2)
    ]
    assert pages[0] == pages[1]
    assert str(tmp_path) not in pages[0]
    assert json.dumps("mine.keras") in pages[0]


def test_layers_that_pass_their_input_on_are_told_apart() -> None:
    inputs = keras.Input((16, 16, 3), name="picture")
    x = layers.Conv2D(2, 3, name="conv")(inputs)
    dropped = layers.Dropout(0.5, name="drop")(x)
    both = layers.Concatenate(name="both")([x, dropped])
    other = layers.Conv2D(2, 1, name="other")(x)
    x = layers.GlobalAveragePooling2D(name="gap")(layers.Concatenate(name="all")([both, other]))
    probe = inspected(keras.Model(inputs, layers.Dense(2, name="head")(x)))
    assert row(probe, "both").inputs == ("conv", "drop")
    assert row(probe, "other").inputs == ("conv",)


def test_models_that_cast_their_input_have_no_gap_in_what_feeds_what() -> None:
    inputs = keras.Input((16, 16, 3), name="picture", dtype="uint8")
    x = layers.Conv2D(2, 3, name="conv", dtype="mixed_float16")(layers.Rescaling(1 / 255, name="scaled")(inputs))
    x = layers.GlobalAveragePooling2D(name="gap", dtype="mixed_float16")(x)
    probe = inspected(keras.Model(inputs, layers.Dense(2, name="head")(x)))
    assert [call.inputs for call in probe.network.layers] == [(), ("picture",), ("scaled",), ("conv",), ("gap",)]


def test_bare_operations_between_layers_hide_no_source() -> None:
    class Bare(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(name="bare")
            self.left = layers.Conv2D(2, 3, name="left")
            self.right = layers.Conv2D(2, 3, name="right")
            self.head = layers.Dense(2, name="head")

        def call(self, x: Any) -> Any:
            left = tf.nn.relu(self.left(x / 2))
            right = self.right(tf.concat([left, left[:, ::-1]], axis=1))
            return self.head(tf.reduce_mean(left, (1, 2)) * tf.reduce_mean(right, (1, 2)))

    model = Bare()
    model(np.zeros((1, 16, 16, 3), np.float32))
    assert [(call.path, call.inputs) for call in inspected(model).network.layers] == [
        ("input", ()), ("left", ("input",)), ("right", ("left",)), ("head", ("left", "right")),
    ]  # fmt: skip


def test_what_feeds_what_inside_attention_and_recurrent_cells() -> None:
    inputs = keras.Input((16, 16, 3), name="picture")
    x = layers.Reshape((16, 6), name="rows")(layers.Conv2D(6, 4, strides=4, name="conv")(inputs))
    x = layers.MultiHeadAttention(2, 3, name="attention")(x, x)
    x, *_, cell = layers.LSTM(4, return_state=True, name="lstm")(x)
    probe = inspected(keras.Model(inputs, layers.Add(name="sum")([x, cell])))
    inner = tuple(f"attention/{name}" for name in ("query", "key", "value"))
    assert [row(probe, path).inputs for path in inner] == [("rows",)] * 3
    assert row(probe, "attention/attention_output").inputs == inner
    assert row(probe, "lstm/lstm_cell").inputs == ("attention/attention_output",)
    assert row(probe, "sum").inputs == ("lstm",)


def code_of_a_lambda(folder: Path, scale: int) -> Any:
    folder.mkdir()
    text = "\n" * scale + f"function = lambda x: x * {scale} if x is not None else [y for y in x if y in {{'a', 'b'}}]"
    made: dict[str, Any] = {}
    exec(compile(text, folder / "code.py", "exec"), made)
    return made["function"]


def test_a_lambda_is_the_same_wherever_it_was_written(tmp_path: Path) -> None:
    def digest(function: Any) -> str:
        keras.utils.set_random_seed(1)
        net = [layers.Lambda(function, output_shape=(8, 8, 3), name="own"), layers.Conv2D(2, 3, name="conv")]
        return digest_of(keras.Sequential([keras.Input((8, 8, 3), name="picture"), *net]))

    here, there, other = (code_of_a_lambda(tmp_path / name, scale) for name, scale in (("here", 2), ("there", 2), ("other", 3)))
    assert here.__code__.co_filename != there.__code__.co_filename
    assert digest(here) == digest(there) != digest(other)


def test_subclassed_models_of_other_layers_have_other_digests() -> None:
    class Small(keras.Model):  # type: ignore[misc]
        def __init__(self, activation: str) -> None:
            super().__init__(name="small")
            self.conv = layers.Conv2D(2, 3, activation=activation, name="conv", kernel_initializer="ones")

        def call(self, x: Any) -> Any:
            return self.conv(x)

    models = [Small("relu"), Small("tanh"), Small("relu")]
    for model in models:
        model(np.zeros((1, 16, 16, 3), np.float32))
    digests = [digest_of(model) for model in models]
    assert digests[0] == digests[2] != digests[1]


def test_unnamed_layers_of_a_file_are_numbered_alike_each_time(tmp_path: Path) -> None:
    @keras.saving.register_keras_serializable("tests")
    class Unnamed(keras.Model):  # type: ignore[misc]
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.conv = layers.Conv2D(2, 3)

        def build(self, shape: Any) -> None:
            self.conv.build(shape)

        def call(self, x: Any) -> Any:
            return self.conv(x)

    model = Unnamed(name="unnamed")
    model(np.zeros((1, 16, 16, 3), np.float32))
    model.save(tmp_path / "unnamed.keras")
    pages = [
        reportgen.render(reportgen.generate(tmp_path / "unnamed.keras", PICTURE, skip="feature_visualization")) for _ in range(2)
    ]
    assert pages[0] == pages[1]


def test_what_runs_inside_a_tf_function_is_seen_too() -> None:
    class Compiled(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(name="compiled")
            self.conv = layers.Conv2D(2, 3, name="conv")

        @tf.function  # type: ignore[untyped-decorator]
        def call(self, x: Any) -> Any:
            return self.conv(x)

    model = Compiled()
    model(np.zeros((1, 16, 16, 3), np.float32))
    assert [maps.path for maps in inspected(model).maps] == ["conv"]
    assert not tf.config.functions_run_eagerly()


def test_sigmoids_that_add_up_to_1_are_no_choice() -> None:
    inputs = keras.Input((4, 4, 3))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(2, 3, kernel_initializer="zeros")(inputs))
    # sigmoid(1) + sigmoid(-1) = 1, but softmax(1, -1) is 0.88, 0.12
    two = keras.Model(inputs, layers.Dense(2, activation="sigmoid", bias_initializer=keras.initializers.Constant([1, -1]))(x))
    probe = inspected(two, np.resize(PICTURE, (4, 4, 3)))
    assert probe.scores is not None
    assert probe.scores.sum() == pytest.approx(1)
    assert probe.score_kind == "independent"


def test_a_mapping_of_one_input_and_what_a_lambda_has_caught() -> None:
    caught = layers.Dense(2, name="caught")
    caught.build((None, 2))
    inputs = keras.Input((16, 16, 3), name="picture")
    x = layers.GlobalAveragePooling2D(name="gap")(layers.Conv2D(2, 3, name="conv")(inputs))
    x = layers.Lambda(lambda each: caught(each), output_shape=(2,), name="own")(x)
    model = keras.Model({"picture": inputs}, x)
    report = reportgen.generate(model, PICTURE, preprocess="unit", skip="feature_visualization")
    assert not isinstance(report.layers, Absent)
    assert sum(layer.parameters for layer in report.layers.rows) == model.count_params()


def returning(give: Any) -> Any:
    """A subclassed model that gives back what `give` makes of its scores (1, 3)."""

    class Giving(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(name="giving")
            self.conv = layers.Conv2D(2, 3, name="conv")
            self.head = layers.Dense(3, name="head")

        def call(self, x: Any) -> Any:
            return give(self.head(tf.reduce_mean(self.conv(x), (1, 2))))

    model = Giving()
    model(np.zeros((1, 16, 16, 3), np.float32))
    return model


@pytest.mark.parametrize(
    ("give", "heads"),
    [
        (lambda x: x, ("output",)),
        (lambda x: [x], ("output",)),
        (lambda x: (x, None), ("output",)),
        (lambda x: (x, [x * 2, x * 3]), ("output0", "output1", "output2")),
        (lambda x: {"b": x, "a": x * 2}, ("b", "a")),
        (lambda x: {"kind": x, "boxes": [x * 2, {"deep": x * 3}]}, ("kind", "boxes/0", "boxes/1/deep")),
    ],
)
def test_outputs_of_every_make_have_names(give: Any, heads: tuple[str, ...]) -> None:
    model = returning(give)
    probe = inspected(model)
    assert probe.heads == heads
    first, last = (inspected(model, head=name).scores for name in (heads[0], heads[-1]))
    assert first is not None
    assert last is not None
    np.testing.assert_allclose(last, first * len(heads), rtol=1e-6)  # the last is that many times the first


def test_a_number_for_each_picture_is_one_score() -> None:
    probe = inspected(returning(lambda x: x[:, 1]))
    whole = inspected(returning(lambda x: x))
    assert probe.scores is not None
    assert len(probe.scores) == 1
    assert probe.explained[0].gradients.shape == whole.explained[0].gradients.shape


def test_no_output_is_told_in_a_line() -> None:
    with pytest.raises(ModelError, match="giving: the model returned no tensor"):
        inspected(returning(lambda _x: None))


def test_a_gradient_that_fails_leaves_the_rest() -> None:
    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def broken(x: Any) -> Any:
        def gradient(_upstream: Any) -> Any:
            raise ValueError("no gradient")

        return tf.identity(x), gradient

    class Broken(keras.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return broken(x)

    inputs = keras.Input((16, 16, 3))
    x = Broken()(layers.GlobalAveragePooling2D()(layers.Conv2D(2, 3)(inputs)))
    probe = inspected(keras.Model(inputs, x))
    assert not probe.explained
    assert probe.scores is not None
