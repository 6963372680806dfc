"""A network of several layers, changed in the ways that training, pruning and rounding change one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import keras
import ml_dtypes
import numpy as np

import reportgen
from reportgen import Diff, Report

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
    classes = model.output_shape[-1]
    labels = LABELS[:classes] if classes <= len(LABELS) else None
    return reportgen.generate(
        model, CAT, preprocess="unit", labels=labels, only="overview,predictions,layers,filters,first_filters,weights"
    )


@cache
def original() -> Report:
    return report_of(net())


def compared(new: Any) -> Diff:
    return reportgen.diff(original(), report_of(new))


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


@cache
def compared_once(kind: str) -> Diff:
    return compared(KINDS[kind][0]())
