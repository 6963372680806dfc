"""What feeds what, and names and digests of layers that are the same each time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import reportgen

from .inspecting import PICTURE, digest_of, inspected, row
from .models import built, keras, layers, tf


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
