"""What is told of weights that moved: the stated errors hold for every kind of change, and what cannot be known is not told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from reportgen import Diff, Report
from reportgen.comparison.diff import diff
from reportgen.comparison.series import series
from reportgen.options import Options
from reportgen.page.diff import render_diff, render_series
from reportgen.page.markdown import markdown
from reportgen.sections.weights.drift import TensorDrift, WeightDrift
from reportgen.sections.weights.find import SKETCH_ERROR, Weights, find_weights
from reportgen.tensors import sketch_of

from .comparable import network_with, report_with
from .fake_probe import FakeNetwork, call, f32

Shape = tuple[int, ...]
SHAPES: list[Shape] = [(512, 257), (257, 512), (3, 3, 256, 514), (514, 256), (1, 1, 257, 257), (256, 514), (5, 5, 3, 257)]
Change = Callable[[Shape, np.random.Generator], tuple[Any, ...]]


def along(axis: int, most: int = 1) -> Change:
    """Some of the slices of a tensor along an axis: its columns or filters (-1), its rows or inputs (-2)."""

    def places(shape: Shape, generator: np.random.Generator) -> tuple[Any, ...]:
        chosen = generator.choice(shape[axis], generator.integers(1, most + 1), replace=False)
        return (..., chosen) if axis == -1 else (..., chosen, slice(None))

    return places


def block(shape: Shape, generator: np.random.Generator) -> tuple[Any, ...]:
    starts = [int(generator.integers(side)) for side in shape]
    return tuple(slice(start, int(generator.integers(start + 1, side + 1))) for start, side in zip(starts, shape, strict=True))


def one_weight(shape: Shape, generator: np.random.Generator) -> tuple[Any, ...]:
    return tuple(int(generator.integers(side)) for side in shape)


def everything(_shape: Shape, _generator: np.random.Generator) -> tuple[Any, ...]:
    return (...,)


CHANGES: list[Change] = [along(-1), along(-2), along(-1, 20), block, one_weight, everything]


def test_the_stated_error_holds_over_a_thousand_changes_of_every_kind() -> None:
    """Two thirds lie within one standard error, all within 4.5; steps of chance, of one size, and of one sign."""
    generator = np.random.default_rng(0)
    off = []
    for place in range(1000):
        shape = SHAPES[place % len(SHAPES)]
        step = np.zeros(shape, np.float32)
        where = CHANGES[place // len(SHAPES) % len(CHANGES)](shape, generator)
        drawn = generator.normal(size=step[where].shape)
        step[where] = (drawn, np.full(drawn.shape, 0.5), np.abs(drawn))[generator.integers(3)]
        off.append((np.linalg.norm(sketch_of(step)) / np.linalg.norm(step) - 1) / SKETCH_ERROR)
    within = np.mean(np.abs(off) < 1)
    assert 0.63 < within < 0.9  # those of a single weight are exact
    assert np.max(np.abs(off)) < 4.5
    assert abs(np.mean(off)) < 0.2


def tensor(old: np.ndarray, new: np.ndarray) -> TensorDrift:
    found = diff(report_with({"dense": old}), report_with({"dense": new})).weights
    assert isinstance(found, WeightDrift)
    return found.rows[0]


def test_one_column_of_a_matrix_257_wide() -> None:
    generator = np.random.default_rng(3)
    old = generator.normal(size=(512, 257)).astype(np.float32)
    new = old.copy()
    new[:, 11] += generator.normal(size=512).astype(np.float32) * 2
    exact = np.linalg.norm(new - old) / np.linalg.norm(old)
    row = tensor(old, new)
    assert row.relative_change is not None
    assert row.error is not None
    assert abs(row.relative_change - exact) < 3 * row.error
    assert row.places_changed is not None
    assert row.places_changed > 200
    assert "one weight" not in diff(report_with({"dense": old}), report_with({"dense": new})).verdict


@pytest.mark.parametrize("step", [0.01, 1.0, 30.0])
def test_the_error_of_the_cosine_is_stated_and_holds(step: float) -> None:
    generator = np.random.default_rng(round(step * 100))
    off = []
    for _ in range(60):
        old = generator.normal(size=(400, 30)).astype(np.float32)
        new = old + np.float32(step) * generator.normal(size=old.shape).astype(np.float32)
        row = tensor(old, new)
        assert row.cosine is not None
        assert row.cosine_error is not None
        exact = float(np.sum(old * new)) / np.linalg.norm(old) / np.linalg.norm(new)
        off.append(abs(row.cosine - exact) / row.cosine_error)
    assert 0.5 < np.mean(np.array(off) < 1) < 0.87
    assert max(off) < 4.5


def test_an_exact_cosine_has_no_error() -> None:
    assert tensor(f32([3, 4]), f32([3, 0])).cosine_error == 0
    assert tensor(np.ones(1000, np.float32), np.ones(1000, np.float32)).cosine_error == 0


def test_the_page_and_the_summary_give_the_error_of_the_cosine() -> None:
    old = np.random.default_rng(0).normal(size=(400, 30)).astype(np.float32)
    found = diff(report_with({"dense": old}), report_with({"dense": -old[::-1]}))
    assert isinstance(found.weights, WeightDrift)
    row = found.weights.layers[0]
    assert f"±\N{NO-BREAK SPACE}{row.cosine_error:.1g}</td>" in render_diff(found)
    assert f"± {row.cosine_error:.1g} |" in markdown(found)


def as_of_version_1(report: Report) -> Report:
    """The report as version 0.1 made it; the sketches of others than small tensors are not like those of today."""
    weights: Any = report.weights
    return replace(report, weights=Weights(weights.rows, 1))


def mixed() -> tuple[Diff, Report, Report]:
    """A report of version 0.1 against one of today: of three layers one is small, one large, one large and as it was."""
    generator = np.random.default_rng(0)
    same = generator.normal(size=(30, 30)).astype(np.float32)
    large = generator.normal(size=(40, 30)).astype(np.float32)
    old = as_of_version_1(report_with({"small": f32([3, 4]), "large": large, "same": same}))
    new = report_with({"small": f32([3, 0]), "large": large * 2, "same": same})
    return diff(old, new), old, new


def test_sketches_made_in_two_ways_are_not_compared() -> None:
    found, old, new = mixed()
    drift = found.weights
    assert isinstance(drift, WeightDrift)
    rows = {row.path: row for row in drift.rows}
    large = rows["large"]
    assert (large.changed, large.relative_change, large.error, large.cosine, large.cosine_error) == (True, None, None, None, None)
    assert (large.weights_changed, large.places_changed) == (None, None)
    assert rows["small"].relative_change == pytest.approx(0.8)
    assert (rows["same"].changed, rows["same"].relative_change) == (False, 0)
    assert found.verdict.endswith("Same architecture; the weights of 2 of 3 layers changed.")
    assert [caveat for caveat in found.caveats if "not known how far the weights of one layer moved" in caveat]
    assert "not known" in render_diff(found)
    assert "| `large` | 1,200 | not known | not known |" in markdown(found)
    assert not diff(old, new, tolerance=1e9).same  # what is not known is no change within a tolerance
    assert "not known" in render_series(series([old, new, new]))


def test_sketches_made_in_one_way_are_compared_also_in_older_reports() -> None:
    generator = np.random.default_rng(0)
    old = generator.normal(size=(512, 100)).astype(np.float32)
    before, after = (as_of_version_1(report_with({"dense": values})) for values in (old, old * np.float32(1.1)))
    found = diff(before, after).weights
    assert isinstance(found, WeightDrift)
    assert found.rows[0].relative_change == pytest.approx(0.1, rel=0.2)


@pytest.mark.parametrize(
    ("shape", "known"),
    [((512, 257), False), ((512, 514), False), ((2, 2, 257, 8), False), ((257, 512), True), ((514,), True), ((2, 100), True)],
)
def test_where_older_sketches_are_blind_nothing_is_told_from_them(shape: Shape, known: bool) -> None:
    old = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    before, after = (as_of_version_1(report_with({"dense": values})) for values in (old, old * np.float32(1.1)))
    found = diff(before, after).weights
    assert isinstance(found, WeightDrift)
    assert (found.rows[0].relative_change is not None) == known
    assert bool(found.unknown()) != known


def test_layers_are_not_taken_for_each_other_by_sketches_made_in_two_ways() -> None:
    values = {name: np.random.default_rng(seed).normal(size=(40, 30)).astype(np.float32) for seed, name in enumerate("ab")}
    old = find_weights(network_with(values), Options())
    for version, expected in ((old.sketch_version, {"a": "b", "b": "c"}), (1, {"a": "a", "b": "b"})):
        before = replace(report_with(values), weights=Weights(old.rows, version))
        other = np.random.default_rng(7).normal(size=(40, 30)).astype(np.float32)
        shifted = {"a": other, "b": values["a"] * 3, "c": values["b"] * 3}
        found = diff(before, report_with(shifted))
        paired = {row.old.path: row.new.path for row in found.layers.rows if row.old and row.new}
        assert paired == expected


def test_every_weight_is_the_same_only_where_each_has_its_counterpart() -> None:
    network = FakeNetwork(layers=(call(0, "a"),), tensors={(0, "kernel"): f32([3, 4])})
    more = replace(network, tensors={**network.tensors, (0, "bias"): f32([1])})
    reports = [replace(report_with({"a": f32([0])}), weights=find_weights(each, Options())) for each in (network, more)]
    assert "the only weight tensor that has the same shape in both is unchanged" in diff(*reports).verdict
