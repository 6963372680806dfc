"""Mixtures of kinds of change, and pairs that are hard to tell: told as what they are, as far as it is known."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import reportgen
from reportgen.report import Absent

from .changed_nets import (
    BEFORE_ANSWER,
    BEFORE_THIRD,
    KINDS,
    L,
    compared,
    compared_once,
    edited,
    moved,
    net,
    original,
    pruned,
    report_of,
    to_int8,
)


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
