"""The kind of change is named, and only where it was checked: planted pairs of each kind, and mixtures of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen import Diff
from reportgen.sections.weights.drift import WeightDrift

from .changed_nets import BEFORE_ANSWER, KINDS, compared, compared_once, edited, moved, net, report_of
from .models import keras
from .test_truth_answers import text_of


def model_sentence(found: Diff) -> str:
    """The sentence of the verdict about the models: what stands before it is the input and the answer."""
    starts = ("Same ", "Retrained", "Another arch", "Fine-", "Renamed", "Pruned", "The head", "8 layers", "12 layers")
    return next(text for text in found.verdict.split(". ") if text.startswith(starts)).removesuffix(".")


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


def test_a_head_with_random_weights_is_not_called_fine_tuned() -> None:
    old, new, wider = (net(classes=classes, frozen=BEFORE_ANSWER) for classes in (20, 20, 24))
    for model in (new, wider):
        head = model.get_layer("answer")
        kernel, bias = head.get_weights()
        head.set_weights([keras.initializers.GlorotUniform(1)(kernel.shape), 0 * bias])
    for model in (new, wider):
        found = reportgen.diff(report_of(old), report_of(model))
        assert "statistically indistinguishable from random initialization" in found.verdict
        assert "ine-tuned" not in found.verdict
    assert "The head was replaced: 20 classes, now 24 classes; the weights of the 8 layers " in found.verdict


def test_the_order_of_the_colours_is_told_of_the_first_kernel() -> None:
    new = net()
    kernel, *others = new.get_layer("conv0").get_weights()
    new.get_layer("conv0").set_weights([kernel[:, :, ::-1], *others])
    verdict = compared(new).verdict
    assert "%) changed: the same values of its `kernel` in another order." in verdict


def test_training_that_diverged_is_not_called_further_training() -> None:
    broken = edited(net(), lambda value, _: value * np.nan)
    told = "Same architecture; the weights of all 9 layers changed from or to values that are not finite (nan or infinite);"
    assert model_sentence(compared(broken)).startswith(told)
    last = edited(edited(net(), moved(), 0, BEFORE_ANSWER), lambda value, _: value * np.nan, BEFORE_ANSWER)
    told = model_sentence(compared(last))
    assert (
        "the weights of `answer` changed from or to values that are not finite (nan or infinite); those of 8 other layers" in told
    )
    assert "raining" not in told
    found = compared(broken)
    assert "The answer changed from " in found.verdict
    assert " to no answer (" in found.verdict


def test_weights_are_said_to_be_kept_only_if_all_can_be_compared() -> None:
    found = reportgen.diff(report_of(net()), report_of(net(classes=7, answer="head")))  # the same body, and another head
    weights = found.weights
    assert isinstance(weights, WeightDrift)
    assert weights.all_kept()
    said, kept = "No trained weight changed in the layers that both models have.", "layers that have any in both models"
    page = text_of(reportgen.render_diff(found))
    assert said in page
    assert f"trained weights of the {len(weights.layers)} {kept}" in page
    doubts: tuple[dict[str, Any], ...] = ({"retyped": 1}, {"partly": ("conv1",)}, {"layers": ()})
    for doubt in doubts:
        changed = replace(weights, **doubt)
        assert not changed.all_kept()
        assert said not in text_of(reportgen.render_diff(replace(found, parts={**found.parts, "weights": changed})))
