"""The kind of change is named, and only where it was checked: planted pairs of each kind, and mixtures of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import keras
import ml_dtypes
import numpy as np
import pytest

import reportgen
from reportgen import Diff, Report
from reportgen.report import Absent

L = keras.layers
CAT = Path(__file__).parent.parent / "sample_images" / "cat.png"
LABELS = ("cat", "dog", "bird", "fish")
WIDTHS = (8, 12, 16, 16)
BEFORE_THIRD = 7  # layers before the third convolution: the input, and two blocks of three
BEFORE_ANSWER = 14
Edit = Callable[[np.ndarray, str], np.ndarray]


def net(
    *, classes: int = 4, seed: int = 0, frozen: int = 0, widths: Iterable[int] = WIDTHS, tag: str = "", answer: str = "answer"
) -> Any:
    """Convolution, normalization, activation over and over; the same weights for the same seed and widths."""
    x = inputs = keras.Input((16, 16, 3), name="in")
    for place, width in enumerate(widths):
        x = L.Conv2D(width, 3, padding="same", name=f"conv{place}{tag}")(x)
        x = L.BatchNormalization(name=f"bn{place}{tag}")(x)
        x = L.ReLU(name=f"relu{place}{tag}")(x)
    x = L.GlobalAveragePooling2D(name="average")(x)
    model = keras.Model(inputs, L.Dense(classes, activation="softmax", name=answer)(x))
    generator = np.random.default_rng(seed)
    for layer in model.layers:
        drawn = [generator.normal(size=weight.shape) * 0.3 for weight in layer.get_weights()]
        if isinstance(layer, L.BatchNormalization):
            drawn = [1 + np.abs(each) for each in drawn]
        layer.set_weights(drawn)
    for layer in model.layers[:frozen]:
        layer.trainable = False
    return model


def edited(model: Any, edit: Edit, start: int = 0, stop: int | None = None) -> Any:
    for layer in model.layers[start:stop]:
        layer.set_weights([edit(value, each.name) for value, each in zip(layer.get_weights(), layer.weights, strict=True)])
    return model


def moved(by: float = 0.05) -> Edit:
    """Every weight that training learns moved by chance."""
    generator = np.random.default_rng(5)
    return lambda value, name: value if name.startswith("moving") else value + by * generator.normal(size=value.shape)


def pruned(value: np.ndarray, _: str) -> np.ndarray:
    """The smaller half of a kernel set to zero."""
    return np.where(np.abs(value) < np.quantile(np.abs(value), 0.5), 0, value) if value.ndim > 1 else value


def without_filters(value: np.ndarray, _: str) -> np.ndarray:
    """The first three filters of a convolution set to zero."""
    return value * (np.arange(value.shape[-1]) >= 3) if value.ndim == 4 else value


def to_int8(value: np.ndarray, _: str) -> np.ndarray:
    """Kernels rounded to 255 steps, from minus to plus the greatest of each filter."""
    if value.ndim < 2:
        return value
    step: np.ndarray = np.abs(value).max(axis=tuple(range(value.ndim - 1)), keepdims=True) / 127
    rounded: np.ndarray = np.round(value / step) * step
    return rounded


def as_float16(model: Any) -> Any:
    copy = keras.models.clone_model(model)
    for layer in copy.layers:
        layer.dtype_policy = keras.DTypePolicy("float16")
    copy = keras.Model.from_config(copy.get_config())
    copy.set_weights([each.astype(np.float16) for each in model.get_weights()])
    return copy


def report_of(model: Any) -> Report:
    labels = LABELS[: model.output_shape[-1]]
    return reportgen.generate(model, CAT, preprocess="unit", labels=labels, only="overview,predictions,layers,filters,first_filters,weights")


@cache
def original() -> Report:
    return report_of(net())


def compared(new: Any) -> Diff:
    return reportgen.diff(original(), report_of(new))


def model_sentence(found: Diff) -> str:
    """The sentence of the verdict about the models: what stands before it is the input and the answer."""
    starts = ("Same ", "Retrained", "Another arch", "Fine-", "Renamed", "Pruned", "The head", "8 layers", "12 layers")
    return next(text for text in found.verdict.split(". ") if text.startswith(starts)).removesuffix(".")


KINDS: dict[str, tuple[Callable[[], Any], str]] = {
    "every layer": (
        lambda: edited(net(), moved()),
        "Same architecture; retrained or trained further: the weights of all 9 layers changed by 14 % overall "
        "(a moderate change), most in `",
    ),
    "statistics alone": (
        lambda: edited(net(), lambda value, name: value + 0.1 if name.startswith("moving") else value),
        "Same architecture; every trained weight is the same; only the moving statistics of 4 batch normalizations changed",
    ),
    "fine-tuned, frozen": (
        lambda: edited(net(frozen=BEFORE_THIRD), moved(), BEFORE_THIRD),
        "Same architecture; fine-tuned: the first 4 layers with weights are unchanged and frozen "
        "(21.4 % of the new model's weights); "
        "the 5 layers after them changed, most in `",
    ),
    "fine-tuned, not frozen": (
        lambda: edited(net(), moved(), BEFORE_THIRD),
        "Same architecture; fine-tuned: the first 4 layers with weights are unchanged, though not frozen (21.4 % of the ",
    ),
    "the last layer alone": (
        lambda: edited(net(frozen=BEFORE_ANSWER), moved(), BEFORE_ANSWER),
        "Same architecture; fine-tuned: the first 8 layers with weights are unchanged and frozen "
        "(98.7 % of the new model's weights); "
        "only `answer` changed (",
    ),
    "another head": (
        lambda: net(classes=3, frozen=BEFORE_ANSWER, answer="three"),
        "Fine-tuned: the first 8 layers with weights are unchanged and frozen (99.0 % of the new model's weights); "
        "the head was replaced: 4 classes, now 3 classes",
    ),
    "another head, part of the base moved": (
        lambda: edited(net(classes=3, frozen=BEFORE_THIRD), moved(), BEFORE_THIRD),
        "Fine-tuned: the first 4 layers with weights are unchanged and frozen (21.4 % of the new model's weights); the 4 ",
    ),
    "another head, all moved": (
        lambda: edited(net(classes=2), moved()),
        "The head was replaced: 4 classes, now 2 classes; the weights of all 8 layers that can be compared changed by 14 %",
    ),
    "frozen alone": (
        lambda: net(frozen=BEFORE_ANSWER),
        "8 layers are now frozen (`conv0`, `bn0`, `conv1` and 5 more); every weight is the same",
    ),
    "pruned": (
        lambda: edited(net(), pruned),
        "Same architecture; pruned: 50.0 % of the weights of 5 layers (`",
    ),
    "pruned, by filters": (
        lambda: edited(net(), without_filters),
        "Same architecture; pruned: 12 of the 52 filters of 4 layers (`",
    ),
    "pruned and trained on": (
        lambda: edited(edited(net(), moved(0.1)), pruned),
        "Same architecture; pruned: 50.0 % of the weights of 5 layers (`",
    ),
    "rounded": (
        lambda: edited(net(), to_int8),
        "Same architecture; quantized: the weights of 5 layers have at most 255 different values now, in the whole kernel or in "
        "each filter, and changed by 0.",
    ),
    "cast": (
        lambda: as_float16(net()),
        "Same architecture; cast: weights that were `float32` are `float16`, and changed by no more than rounding explains (0.02",
    ),
    "rounded to float16 and back": (
        lambda: edited(net(), lambda value, name: value.astype(np.float16).astype(np.float32)),
        "Same architecture; every layer's weights changed by 0.02",
    ),
    "rounded to bfloat16 and back": (
        lambda: edited(net(), lambda value, name: value.astype(ml_dtypes.bfloat16).astype(np.float32)),
        "Same architecture; every layer's weights changed by 0.1",
    ),
    "cast and trained on": (
        lambda: edited(as_float16(net()), lambda value, name: moved()(value, name).astype(np.float16)),
        "Same architecture; weights that were `float32` are `float16`, and changed by more than rounding explains; "
        "retrained or trained further: the weights of all 9 layers ",
    ),
    "renamed": (
        lambda: net(tag="_x"),
        "Renamed only: 12 layers renamed (`conv0` → `conv0_x`, `bn0` → `bn0_x`, `relu0` → `relu0_x` and 9 more); "
        "every weight is the same",
    ),
    "renamed, and every layer": (
        lambda: edited(net(tag="_x"), moved()),
        "Retrained or trained further: the weights of all 9 layers changed by 14 % overall (a moderate change), most in `",
    ),
    "one tensor": (
        lambda: edited(net(), lambda value, name: value + 0.1 if name == "kernel" else value, 4, 5),
        "Same architecture; only the weights of `conv1` (",
    ),
    "another architecture": (
        lambda: net(widths=(32, 48, 64, 64, 64, 64, 64), tag="_other", answer="other"),
        "Another architecture: 5,440 weights, now 192 k; nothing in common to compare layer by layer",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_the_kind_is_named(kind: str) -> None:
    make, told = KINDS[kind]
    found = compared(make())
    assert model_sentence(found).startswith(told), found.verdict
    assert not found.same


OTHERS = {
    "every layer": ("he weights of all 9 layers", {"every layer", "pruned and trained on", "cast and trained on",
                                                   "renamed, and every layer"}),
    "fine-tuned": ("ine-tuned", {"fine-tuned, frozen", "fine-tuned, not frozen", "the last layer alone", "another head",
                                 "another head, part of the base moved"}),
    "rounded": ("as by rounding to `", {"rounded to float16 and back", "rounded to bfloat16 and back"}),
    "pruned": ("runed", {"pruned", "pruned, by filters", "pruned and trained on"}),
    "quantized": ("quantized", {"rounded"}),
    "cast": ("cast:", {"cast"}),
    "renamed only": ("enamed only", {"renamed"}),
    "every weight is the same": ("every weight is the same", {"renamed", "frozen alone"}),
    "another architecture": ("nother architecture", {"another architecture"}),
}  # fmt: skip


@pytest.mark.parametrize("kind", OTHERS)
def test_a_kind_is_claimed_of_no_other_pair(kind: str) -> None:
    word, those = OTHERS[kind]
    assert those <= KINDS.keys()
    claimed = {name for name in KINDS if word in compared_once(name).verdict}
    assert claimed == those


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_weights_rounded_to_half_precision_are_not_called_retrained(precision: str) -> None:
    verdict = compared_once(f"rounded to {precision} and back").verdict
    assert f", as by rounding to `{precision}` and back" in verdict
    for each in ("resemble", "etrained", "ine-tuned"):
        assert each not in verdict


def test_training_that_moves_weights_as_little_is_not_called_rounding() -> None:
    by = 0.3 * 2.0**-11 * 0.4  # as far as rounding to float16, but the values of small tensors show that it is something else
    verdict = compared(edited(net(), moved(by))).verdict
    assert "retrained or trained further: the weights of all 9 layers changed by 0.0" in verdict
    assert "rounding" not in verdict


@cache
def compared_once(kind: str) -> Diff:
    return compared(KINDS[kind][0]())


def test_what_is_left_of_pruned_weights_is_told_as_far_as_it_is_known() -> None:
    # a sketch tells it by an estimate; the first convolution's weights are in the report, and so are those of small tensors
    assert "the weights that are left seem to be the same, by an estimate from sketches; " in compared_once("pruned").verdict
    assert "the other layers' weights are the same" in compared_once("pruned").verdict
    first = compared(edited(net(), pruned, 1, 2))
    assert (
        "50.0 % of the weights of one layer (`conv0`) are zero now, none was before; the weights that are left are the same"
        in first.verdict
    )
    assert "the weights that are left changed, too" in compared_once("pruned and trained on").verdict
    # a step of a hundredth is less than a sketch sees beside what was taken away, but not in weights that are known
    known = compared(edited(edited(net(), moved(0.003), 1, 2), pruned, 1, 2))
    assert "the weights that are left changed, too" in known.verdict


def test_mixtures_are_told_as_what_they_are() -> None:
    both = compared(edited(edited(net(frozen=BEFORE_THIRD), moved(), BEFORE_THIRD), pruned, BEFORE_THIRD)).verdict
    assert "pruned: 50.0 % of the weights of 3 layers (" in both
    assert "fine-tuned: the first 4 layers with weights are unchanged and frozen" in both
    rounded = compared(edited(edited(net(), pruned), to_int8)).verdict
    assert (
        "quantized: the weights of 4 layers have at most 255 different values" in rounded
    )  # of the last too few are left to tell
    assert "pruned: 50.0 % of them are zero now, none was before" in rounded
    # rounding alone makes zeros, too
    assert "pruned" not in compared_once("rounded").verdict


def test_a_model_with_fewer_filters_that_keeps_the_old_ones_was_pruned() -> None:
    def narrower(*, kept: bool) -> Any:
        model = net(widths=(6, 9, 12, 12))
        kernel, bias = net().get_layer("conv0").get_weights()
        model.get_layer("conv0").set_weights([kernel[..., 2:] + (0 if kept else 0.01), bias[2:]])
        return model

    told = "with fewer filters (`conv0`: 8, now 6, `conv1`: 12, now 9, `conv2`: 16, now 12 and 1 more)"
    found = compared(narrower(kept=True)).verdict
    assert f"Pruned: 4 layers {told}; the 6 filters left in `conv0` are among its old ones, unchanged; " in found
    other = compared(narrower(kept=False)).verdict
    assert f"4 layers {told}; " in other
    assert "runed" not in other


def test_a_model_inside_another_is_told_in_a_line() -> None:
    def transferred(*, frozen: bool) -> Any:
        whole = net()
        base = keras.Model(whole.inputs, whole.get_layer("average").output, name="base")
        base.trainable = not frozen
        inputs = keras.Input((16, 16, 3), name="in")
        return keras.Model(inputs, L.Dense(2, activation="softmax", name="two")(base(inputs)))

    verdict = compared(transferred(frozen=True)).verdict
    told = "Fine-tuned: the first 8 layers with weights are unchanged and frozen (99.4 % of the new model's weights); "
    assert told + "the head was replaced: 4 classes, now 2 classes; 11 layers inside `base` now" in verdict
    assert "frozen (`" not in verdict  # told once
    found = compared(transferred(frozen=False))
    assert "8 layers with weights are unchanged, though not frozen" in found.verdict
    # 5,268 of 5,302 weights; and a number stands for other classes now
    assert "have different classes" not in "".join(compared_once("every layer").caveats)
    assert next(each for each in found.alike if each.name == "Output type").same is False
    assert found.comparable == "Only partly: the outputs and labels differ."


def test_statistics_are_listed_apart_and_never_lead() -> None:
    far = compared(edited(edited(net(), moved(0.001)), lambda value, name: value * 100 if name.startswith("moving") else value))
    weights = far.weights
    assert not isinstance(weights, Absent)
    leading = weights.leading()
    assert leading is not None
    assert leading.relative_change < 0.1  # statistics moved a hundredfold
    assert f"most in `{leading.path}` (" in far.verdict
    assert "; the moving statistics of 4 batch normalizations also changed." in far.verdict
    assert {layer.path for layer in weights.statistics} == {"bn0", "bn1", "bn2", "bn3"}
    assert all(layer.relative_change == pytest.approx(99, rel=1e-6) for layer in weights.statistics)
    # scales and offsets, on paper: the change of each layer is that of all its trained weights as one vector
    row = next(layer for layer in weights.layers if layer.path == "bn0")
    assert row.values == 16


def test_a_tiny_layer_does_not_lead() -> None:
    def change(value: np.ndarray, name: str) -> np.ndarray:
        return (
            value * (9 if value.shape == (8,) and name in ("gamma", "beta") else 1.2) if not name.startswith("moving") else value
        )

    found = compared(edited(net(), change))
    weights = found.weights
    assert not isinstance(weights, Absent)
    assert weights.layers[0].path == "bn0"  # 16 of 5,000 weights moved furthest
    leading = weights.leading()
    assert leading is not None
    assert leading.path != "bn0"
    assert "`bn0`" not in found.verdict


def test_weights_that_have_nothing_in_common_are_said_to_have_nothing() -> None:
    def plain(seed: int) -> Any:
        model = keras.Sequential([keras.Input((16, 16, 3)), L.Conv2D(64, 3, name="a"), L.Conv2D(32, 3, name="b"),
                                  L.GlobalAveragePooling2D(), L.Dense(4, activation="softmax", name="c")])  # fmt: skip
        generator = np.random.default_rng(seed)
        model.set_weights([generator.normal(size=each.shape) for each in model.get_weights()])
        return model

    verdict = reportgen.diff(report_of(plain(1)), report_of(plain(2))).verdict
    assert "; old and new kernels have almost nothing in common (" in verdict
    assert "in common" not in compared_once("every layer").verdict


def test_a_report_that_knows_no_zeros_claims_no_pruning() -> None:
    from dataclasses import replace

    old = original()
    assert not isinstance(old.weights, Absent)
    rows = tuple(replace(row, histogram=None, zero_filters=None, levels=None) for row in old.weights.rows)
    older = replace(old, weights=replace(old.weights, rows=rows))
    for kind in ("pruned", "rounded"):
        verdict = reportgen.diff(older, report_of(KINDS[kind][0]())).verdict
        assert "pruned" not in verdict
        assert "quantized" not in verdict
        assert "the weights of 5 of 9 layers changed" in verdict


def test_a_new_head_on_a_body_of_which_only_late_kernels_moved_is_fine_tuning() -> None:
    generator = np.random.default_rng(3)

    def kernels(value: np.ndarray, name: str) -> np.ndarray:
        return value + 0.05 * generator.normal(size=value.shape) if name == "kernel" else value

    new = net(classes=3, frozen=BEFORE_THIRD, answer="other")
    verdict = compared(edited(new, kernels, BEFORE_THIRD, BEFORE_ANSWER - 1)).verdict
    assert "ine-tuned: the first 4 layers with weights are unchanged and frozen (" in verdict
    assert "the weights of 2 of the 4 layers after them changed, each by " in verdict  # the kernels, not the normalizations
    assert "; the other 2 are unchanged though trainable; the head was replaced: 4 classes, now 3 classes" in verdict
