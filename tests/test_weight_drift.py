"""How far weights moved: exact for small tensors, and within the stated error for sketches of large ones."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from reportgen.comparison.diff import diff
from reportgen.comparison.pair import Pair
from reportgen.errors import ReportFileError
from reportgen.matching.changes import Change
from reportgen.options import Options
from reportgen.report import Report
from reportgen.sections.weights.compare import compare_weights
from reportgen.sections.weights.drift import WeightDrift
from reportgen.sections.weights.find import Weights, find_weights

from .comparable import report_with
from .fake_probe import FakeNetwork, call, f32


def drift_between(old: dict[str, Any], new: dict[str, Any]) -> WeightDrift:
    before, after = report_with(old), report_with(new)
    assert isinstance(before.weights, Weights)
    assert isinstance(after.weights, Weights)
    return compare_weights(before.weights, after.weights, Pair(before, after, 16, ignore_names=False))


def test_drift_of_a_small_tensor_is_exact() -> None:
    # old (3, 4), length 5; new (3, 0): the step is (0, -4), 4 / 5; cosine 3 * 3 / (5 * 3) = 0.6
    row = drift_between({"a": f32([3, 4])}, {"a": f32([3, 0])}).rows[0]
    assert row.relative_change == pytest.approx(0.8)
    assert (row.error, row.weights_changed) == (0, 1)
    assert row.cosine == pytest.approx(0.6)


def test_drift_of_a_layer_is_that_of_all_its_tensors_as_one_vector() -> None:
    # kernel (3, 0) to (3, 3), bias (4) to (0): step (0, 3, -4) of length 5, old (3, 0, 4) of length 5: 1
    def two(kernel: Any, bias: Any) -> Report:
        network = FakeNetwork(layers=(call(0, "a"),), tensors={(0, "kernel"): f32(kernel), (0, "bias"): f32(bias)})
        return replace(report_with({"a": f32([0])}), weights=find_weights(network, Options()))

    old, new = two([3, 0], [4]), two([3, 3], [0])
    found = diff(old, new).weights
    assert isinstance(found, WeightDrift)
    assert [line.relative_change for line in found.layers] == [pytest.approx(1.0)]
    # old . new = 9, lengths 5 and sqrt(18)
    assert found.layers[0].cosine == pytest.approx(9 / (5 * math.sqrt(18)))


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [([0, 0], [1, 0], math.inf), ([1, 0], [1, 0], 0.0), ([1, 0], [math.nan, 0], math.nan), ([0], [0], 0.0)],
)
def test_drift_from_zero_of_nothing_and_of_no_numbers(old: Any, new: Any, change: float) -> None:
    row = drift_between({"a": f32(old)}, {"a": f32(new)}).rows[0]
    assert row.relative_change == pytest.approx(change, nan_ok=True)


def test_tensors_of_two_shapes_are_a_change_but_no_drift() -> None:
    found = diff(report_with({"a": f32([1, 2])}), report_with({"a": f32([1, 2, 3])}))
    assert isinstance(found.weights, WeightDrift)
    assert found.weights.rows == ()
    changes = next(section for section in found.sections if section.name == "weights").changes
    assert changes == (Change("rows[a kernel]", "float32 (2,)", "float32 (3,)", None),)
    assert not found.same


@pytest.mark.parametrize("size", [1_000, 20_000, 500_000])
def test_the_error_that_is_stated_is_the_error_that_is_made(size: int) -> None:
    """Of 40 tensors, two thirds lie within one stated standard error, all within four."""
    generator = np.random.default_rng(size)
    apart = []
    for _ in range(40):
        old = generator.normal(size=size).astype(np.float32)
        new = old + generator.normal(size=size).astype(np.float32) * np.float32(0.1)
        row = drift_between({"a": old}, {"a": new}).rows[0]
        exact = np.linalg.norm(new - old) / np.linalg.norm(old)
        assert row.relative_change is not None
        assert row.error is not None
        apart.append(abs(row.relative_change - exact) / row.error)
        assert row.cosine == pytest.approx(float(old @ new) / np.linalg.norm(old) / np.linalg.norm(new), abs=0.002)
    assert 0.5 < np.mean(np.array(apart) < 1) < 0.87
    assert max(apart) < 4


def test_a_change_too_small_for_a_sketch_is_still_a_change() -> None:
    old = np.ones(100_000, np.float32)
    new = old.copy()
    new[7] += np.float32(1.2e-7)
    found = diff(report_with({"a": old}), report_with({"a": new}))
    assert not found.same


def test_damaged_sketches_are_refused() -> None:
    report = report_with({"a": f32([1, 2])})
    assert isinstance(report.weights, Weights)
    for sketch in ("", "AAAA", "no base64!", "AAAAAAAAAAAAAAAA"):
        bad = replace(report, weights=Weights((replace(report.weights.rows[0], sketch=sketch, digest="other"),)))
        with pytest.raises(ReportFileError, match="the sketch of a"):
            diff(report, bad)
