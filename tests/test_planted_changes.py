"""Changes planted in a real model, one a test: the verdict names each, and a model against itself is the same."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import reportgen
from reportgen.report import Absent

from .planted import compared, net, report_of, report_of_net

Change = Callable[[Any], None]


def with_kernel(model: Any, layer: str, change: Change) -> Any:
    """The model with the kernel of a layer changed."""
    kernel, *rest = model.get_layer(layer).get_weights()
    kernel = kernel.copy()
    change(kernel)
    model.get_layer(layer).set_weights([kernel, *rest])
    return model


def one_weight(kernel: np.ndarray) -> None:
    kernel[1, 2, 0, 5] += 0.01


def swap(kernel: np.ndarray) -> None:
    kernel[..., [3, 5]] = kernel[..., [5, 3]]


def test_one_weight_of_the_first_layer(cat: Path) -> None:
    diff = compared(None, with_kernel(net(), "conv1", one_weight), cat)
    assert "Same architecture; only the weights of `conv1` (" in diff.verdict
    assert "changed: one weight of its `kernel`, in filter 5." in diff.verdict
    assert not diff.same


def test_one_weight_of_a_deeper_layer(cat: Path) -> None:
    diff = compared(None, with_kernel(net(), "conv2", one_weight), cat)
    assert "only the weights of `conv2` (" in diff.verdict
    assert "one weight, or very few, of its `kernel`" in diff.verdict
    # a single weight moves a single place of the sketch, so that the estimate is the exact figure
    assert not isinstance(diff.weights, Absent)
    row = next(row for row in diff.weights.rows if row.changed)
    kernel = net().get_layer("conv2").get_weights()[0]
    assert row.relative_change == pytest.approx(0.01 / np.linalg.norm(kernel), rel=1e-4)


@pytest.mark.parametrize("layer", ["conv1", "conv2"])
def test_two_filters_swapped(cat: Path, layer: str) -> None:
    old, new = net(), net()
    kernel, bias = new.get_layer(layer).get_weights()
    swap(kernel)
    swap(bias)
    new.get_layer(layer).set_weights([kernel, bias])
    assert f"only the weights of `{layer}` (" in compared(old, new, cat).verdict
    assert "changed: filters 3 and 5 changed places." in compared(old, new, cat).verdict


def test_a_layer_inserted(cat: Path) -> None:
    diff = compared(None, net(inserted=True), cat)
    assert "One layer added (`extra`); the weights of the 3 layers that both have are the same." in diff.verdict
    assert not isinstance(diff.layers, Absent)
    assert [(row.path, row.kinds) for row in diff.layers.changed()] == [("extra", ("added",))]


def test_a_layer_removed(cat: Path) -> None:
    assert "One layer removed (`extra`); the weights of the 3" in compared(net(inserted=True), net(), cat).verdict


def test_a_layer_renamed(cat: Path) -> None:
    diff = compared(None, net(last="last_convolution"), cat)
    assert diff.verdict.endswith("Renamed only: one layer renamed (`conv2` → `last_convolution`); every weight is the same.")
    assert not diff.same
    # the rows of the other sections are matched under the new name
    assert {section.name for section in diff.sections if section.changes} == {"provenance", "layers"}
    within = reportgen.diff(report_of_net(cat), report_of(net(last="last_convolution"), cat), ignore_names=True)
    assert within.same
    assert within.verdict.startswith("The same except for names. The answer is `")


def test_a_layer_widened(cat: Path) -> None:
    diff = compared(None, net(widths=(8, 20)), cat)
    assert "layers changed (`conv2`: shape (5, 5, 12) → (5, 5, 20), parameters 876 → 1,460" in diff.verdict
    assert not isinstance(diff.weights, Absent)
    assert "conv2" not in {row.path for row in diff.weights.rows}  # kernels of two shapes have no distance


def test_a_layer_moved(cat: Path) -> None:
    def pooled(first: bool) -> Any:
        layers = [keras.layers.MaxPooling2D(name="pool"), keras.layers.Conv2D(4, 3, padding="same", name="conv")]
        flat = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(4, activation="softmax", name="answer")]
        return keras.Sequential([keras.Input((16, 16, 3)), *(layers if first else layers[::-1]), *flat])

    verdict = compared(pooled(True), pooled(False), cat).verdict
    assert "one layer moved (`" in verdict.lower()


def test_everything_trained(cat: Path) -> None:
    new = net()
    for layer in new.layers:
        layer.set_weights([each + np.float32(0.1) for each in layer.get_weights()])
    diff = compared(None, new, cat)
    assert (
        "; retrained or trained further: the weights of all 3 layers changed by 35 % overall (a moderate change), each by "
        in diff.verdict
    )


def test_channels_that_are_inactive_now(cat: Path) -> None:
    def inactive(*channels: int) -> Any:
        model = net()
        kernel, bias = model.get_layer("conv1").get_weights()
        bias[:] = 5  # every channel is active
        bias[list(channels)] = -100
        model.get_layer("conv1").set_weights([kernel, bias])
        return model

    diff = compared(inactive(2), inactive(6), cat)  # another channel, but as many
    assert not isinstance(diff.feature_maps, Absent)
    assert [diff.feature_maps.rows[0].old_inactive, diff.feature_maps.rows[0].new_inactive] == [1, 1]
    assert "only the weights of `conv1` (" in diff.verdict
    assert " changed: the same values of its `bias` in another order." in diff.verdict
    diff = compared(inactive(2), inactive(2, 6), cat)
    assert not isinstance(diff.feature_maps, Absent)
    first = diff.feature_maps.rows[0]
    assert (first.old_inactive, first.new_inactive) == (1, 2)
    more = diff.feature_maps.more_inactive
    assert more >= 1
    assert diff.verdict.endswith(f". {more} more channel{'s' * (more > 1)} inactive on this image.")


def test_a_file_copied_renamed_and_saved_anew_is_the_same(cat: Path, tmp_path: Path) -> None:
    first, copy, anew, legacy = (tmp_path / name for name in ("first.keras", "other name.keras", "anew.keras", "old.h5"))
    model = net()
    model.compile("sgd", "categorical_crossentropy")
    model.save(first)
    shutil.copy(first, copy)
    keras.models.load_model(first, compile=False).save(anew)
    keras.models.load_model(first, compile=False).save(legacy)
    old = report_of(str(first), cat)
    for path in (first, copy, anew, legacy):
        diff = reportgen.diff(old, report_of(str(path), cat))
        assert diff.same, f"{path.name}: {diff.verdict} {[section for section in diff.sections if section.changes]}"
        assert diff.verdict.startswith("The same: ")
        assert diff.caveats == ()


def test_tolerance(cat: Path) -> None:
    new = net()
    for layer in new.layers:
        layer.set_weights([each * np.float32(1.0001) for each in layer.get_weights()])
    old, changed = report_of_net(cat), report_of(new, cat)
    assert not reportgen.diff(old, changed).same
    within = reportgen.diff(old, changed, tolerance=0.01)
    assert within.same
    assert within.verdict.startswith("The same within a tolerance of 0.01. The answer is still `fish`")
    assert not reportgen.diff(old, changed, tolerance=1e-5).same


def blocks(*, inserted: bool = False, depth: int = 5) -> Any:
    """Convolution, normalization, activation over and over, under the names that Keras gives; weights by place from the end."""
    x = inputs = keras.Input((16, 16, 3))
    for _ in range(depth + inserted):
        x = keras.layers.Conv2D(8, 3, padding="same", use_bias=False)(x)
        x = keras.layers.BatchNormalization()(x)
        x = keras.layers.ReLU()(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, keras.layers.Dense(4, activation="softmax")(x))
    weighted = [layer for layer in model.layers if layer.weights]
    for place, layer in enumerate(reversed(weighted)):
        generator = np.random.default_rng(place)
        drawn = [generator.normal(size=each.shape) for each in layer.get_weights()]
        if isinstance(layer, keras.layers.BatchNormalization):
            drawn = [1 + 0.1 * drawn[0], 0.1 * drawn[1], 0.1 * drawn[2], 1 + 0.1 * np.abs(drawn[3])]
        if each_shape(layer) != (3, 3, 3, 8):  # the first convolution takes three channels, so it is another one's
            layer.set_weights(drawn)
    return model


def each_shape(layer: Any) -> tuple[int, ...]:
    return tuple(layer.get_weights()[0].shape)


def test_a_model_built_anew_differs_in_names_alone(cat: Path) -> None:
    keras.backend.clear_session()
    old = blocks()
    new = blocks()  # Keras goes on counting: conv2d_5, batch_normalization_5, ...
    new.set_weights(old.get_weights())
    diff = compared(old, new, cat)
    assert not isinstance(diff.layers, Absent)
    assert {row.kinds for row in diff.layers.changed()} == {("renamed",)}
    assert "every weight is the same" in diff.verdict
    assert reportgen.diff(report_of(old, cat), report_of(new, cat), ignore_names=True).same


def test_a_block_inserted_where_keras_counts_names_anew(cat: Path) -> None:
    keras.backend.clear_session()
    old = blocks()
    keras.backend.clear_session()
    new = blocks(inserted=True)  # its first block is another, then all have the weights of the old, one number further
    diff = compared(old, new, cat)
    assert not isinstance(diff.weights, Absent)
    moved = [row.path for row in diff.weights.moved()]
    assert set(moved) <= {"conv2d"}, diff.verdict
    assert not isinstance(diff.layers, Absent)
    assert len(diff.layers.of_kind("added")) - len(diff.layers.of_kind("removed")) == 3


def test_broken_numbers_against_themselves_are_the_same(cat: Path) -> None:
    def broken(value: float) -> Any:
        model = net()
        kernel, bias = model.get_layer("conv1").get_weights()
        kernel[0, 0, 0, 0] = value
        model.get_layer("conv1").set_weights([kernel, bias])
        return model

    for value in (np.nan, np.inf):
        diff = compared(broken(value), broken(value), cat)
        assert diff.same, diff.verdict


def test_a_bias_that_left_zero_by_a_hair_is_within_a_tolerance(cat: Path) -> None:
    def with_bias(value: float) -> Any:
        model = net()
        kernel, bias = model.get_layer("conv1").get_weights()
        model.get_layer("conv1").set_weights([kernel, np.full_like(bias, value)])
        return model

    old, new = (report_of(with_bias(value), cat) for value in (0, 1e-7))
    assert not reportgen.diff(old, new).same
    assert reportgen.diff(old, new, tolerance=1e-3).same


def test_filters_swapped_and_more_are_not_called_swapped(cat: Path) -> None:
    old, new = net(), net()
    kernel, bias = new.get_layer("conv2").get_weights()
    swap(kernel)
    swap(bias)
    bias[11] += 5
    new.get_layer("conv2").set_weights([kernel, bias])
    for maps in (6, 64):  # the eleventh filter's map is shown, or not
        verdict = reportgen.diff(report_of(old, cat, maps=maps), report_of(new, cat, maps=maps)).verdict
        assert "changed places" not in verdict


def test_weights_of_another_type_are_told(cat: Path) -> None:
    half = keras.models.clone_model(net())
    for layer in half.layers:
        layer.dtype_policy = keras.DTypePolicy("float16")
    half = keras.Model.from_config(half.get_config())
    half.set_weights([each.astype(np.float16) for each in net().get_weights()])
    verdict = compared(None, half, cat).verdict
    assert "weights that were `float32` are `float16`" in verdict


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method")
def test_quantized_weights_are_told_and_not_measured(cat: Path) -> None:
    quantized = net()
    quantized.quantize("int8")
    diff = compared(None, quantized, cat)
    assert "weights that were `float32` are `int8`" in diff.verdict
    assert "do not show" not in diff.verdict
    assert not isinstance(diff.weights, Absent)
    assert ("answer", "kernel") not in {(row.path, row.weight) for row in diff.weights.rows}
    assert not diff.same


def test_weights_that_are_not_numbers(cat: Path) -> None:
    def broken(kernel: np.ndarray) -> None:
        kernel[0, 0, 0, 0] = np.nan

    diff = compared(None, with_kernel(net(), "conv1", broken), cat)
    assert "the weights of `conv1` changed from or to values that are not finite" in diff.verdict
    assert not diff.same
    assert not reportgen.diff(report_of_net(cat), report_of(with_kernel(net(), "conv1", broken), cat), tolerance=9).same
