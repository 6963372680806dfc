"""Figures of a tensor against numpy in two passes and exact sums, on values that break naive formulas; sketches; packing."""

from __future__ import annotations

import base64
import hashlib
import math
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from reportgen.errors import ReportFileError
from reportgen.options import Options
from reportgen.sections.filters.find import find_filters
from reportgen.sections.weights.find import find_weights
from reportgen.tensors import (
    CHUNK,
    SKETCH_LENGTH,
    Statistics,
    figure,
    figures_of,
    packed,
    sketch_of,
    statistics_of,
    tensor_digest,
    unpacked,
)

from .fake_probe import FakeNetwork, call, f32


def in_two_passes(values: np.ndarray) -> Statistics:
    """The mean first, then the deviations from it, in float64."""
    exact = values.astype(np.float64).reshape(-1)
    with np.errstate(all="ignore"):
        mean = exact.mean()
        std, norm = np.sqrt(np.mean((exact - mean) ** 2)), np.sqrt(np.sum(exact**2))
    return Statistics(*(float(each) for each in (mean, std, exact.min(), exact.max(), norm)))


def assert_statistics(values: np.ndarray, spread: float = 0.0) -> None:
    """Right to float32's digits. The mean may be off by as much of the `spread` of values that all but cancel one another."""
    found, expected = statistics_of(values), in_two_passes(values)
    assert found.mean == pytest.approx(expected.mean, rel=1e-6, abs=1e-12 * spread, nan_ok=True)
    assert found.std == pytest.approx(expected.std, rel=1e-6, abs=1e-15 * abs(expected.mean), nan_ok=True)
    assert found.l2_norm == pytest.approx(expected.l2_norm, rel=1e-6, nan_ok=True)
    assert (found.min, found.max) == pytest.approx((expected.min, expected.max), rel=1e-6, nan_ok=True)


def chance(size: int | tuple[int, ...], mean: float, spread: float) -> np.ndarray:
    return np.random.default_rng(0).normal(mean, spread, size).astype(np.float32)


@pytest.mark.parametrize("size", [1_000, CHUNK + 1, 3 * CHUNK])
@pytest.mark.parametrize(
    ("mean", "spread"),
    [(100, 0.01), (1, 1e-4), (-1e6, 1), (0, 1), (0, 1e-30), (0, 1e30), (1e30, 1e24), (1e-30, 1e-34)],
)
def test_the_spread_about_a_large_mean_is_kept(mean: float, spread: float, size: int) -> None:
    values = chance(size, mean, spread)
    assert_statistics(values, spread)


def test_against_sums_without_rounding() -> None:
    values = chance(5_000, 100, 0.01)
    numbers = [float(each) for each in values]
    mean = math.fsum(numbers) / len(numbers)
    std = math.sqrt(math.fsum((each - mean) ** 2 for each in numbers) / len(numbers))
    found = statistics_of(values)
    assert found.mean == figure(np.float32(mean))
    assert found.std == figure(np.float32(std))
    assert found.l2_norm == figure(np.float32(math.sqrt(math.fsum(each * each for each in numbers))))
    # E[x^2] - E[x]^2 in float32 has lost every digit of it
    naive = np.sqrt(np.maximum(0, np.mean(values * values) - values.mean() ** 2))
    assert abs(naive - std) > 0.1 * std


@pytest.mark.parametrize("value", [0.0, 0.1, -7.25, 1e30, 1e-30])
@pytest.mark.parametrize("size", [1, 2, 1_000, CHUNK + 5])
def test_a_constant_has_no_spread(value: float, size: int) -> None:
    found = statistics_of(np.full(size, value, np.float32))
    assert found.std == pytest.approx(0, abs=1e-12 * abs(value))
    assert (found.mean, found.min, found.max) == (pytest.approx(value, rel=1e-7), *[figure(np.float32(value))] * 2)
    assert found.l2_norm == pytest.approx(abs(value) * math.sqrt(size), rel=1e-6)


def test_one_value_and_none() -> None:
    assert statistics_of(f32([3])) == statistics_of(f32(3)) == Statistics(3.0, 0.0, 3.0, 3.0, 3.0)
    assert statistics_of(np.zeros((0, 4), np.float32)) == Statistics(0.0, 0.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize("size", [CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 7])
def test_where_one_chunk_ends_and_the_next_begins(size: int) -> None:
    """The chunks have other means, and each border value is one of a kind."""
    values = chance(size, 0, 1)
    values[CHUNK:] += 1000
    for place in (0, CHUNK - 1, CHUNK, size - 1):
        if place < size:
            values[place] = 5000 + place % 7
    assert_statistics(values)


@pytest.mark.parametrize("place", [0, 5, CHUNK - 1, CHUNK, CHUNK + 3])
@pytest.mark.parametrize("broken", [[math.nan], [math.inf], [-math.inf], [math.inf, -math.inf], [math.nan, math.inf]])
def test_what_is_no_number_spreads_to_the_figures_it_takes_part_in(broken: list[float], place: int) -> None:
    values = chance(CHUNK + 10, 0, 1)
    values[place : place + len(broken)] = broken
    found = statistics_of(values)
    assert_statistics(values)
    assert math.isnan(found.std)
    if broken == [math.inf]:
        assert (found.mean, found.max, found.l2_norm) == (math.inf, math.inf, math.inf)
        assert math.isfinite(found.min)


@pytest.mark.parametrize(
    "kind", [np.float16, np.float64, ml_dtypes.bfloat16, np.int8, np.uint8, np.int32, np.bool_], ids=lambda kind: kind.__name__
)
def test_every_type_of_number(kind: Any) -> None:
    values = chance((70, 9, 3), 3, 20).astype(np.int8).astype(kind)
    assert_statistics(values)
    found = figures_of(values)
    assert found.digest == tensor_digest(values)
    np.testing.assert_array_equal(found.sketch, sketch_of(values.astype(np.float32)))


def test_half_precision_is_summed_in_double() -> None:
    # in float16 a sum of 70,000 ones would stop at 2048, and the square of 300 be infinite
    assert statistics_of(np.ones(70_000, np.float16)) == Statistics(1.0, 0.0, 1.0, 1.0, figure(np.float32(math.sqrt(70_000))))
    assert statistics_of(np.full(10, 300, np.float16)).l2_norm == pytest.approx(300 * math.sqrt(10), rel=1e-6)


@given(
    arrays(
        np.float32, array_shapes(max_dims=4, max_side=6), elements=st.floats(-(2.0**50), 2.0**50, width=32, allow_subnormal=False)
    )
)
def test_any_tensor(values: np.ndarray) -> None:
    found, expected = statistics_of(values), in_two_passes(values)
    size = float(np.abs(values).max())
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-6 * size)
    assert found.min <= found.max
    assert found.std >= 0


@given(arrays(np.float32, array_shapes(max_dims=3, max_side=9), elements=st.floats(-100, 100, width=32)), st.randoms())
def test_the_order_of_values_does_not_matter(values: np.ndarray, random: Any) -> None:
    shuffled = values.reshape(-1).copy()
    random.shuffle(shuffled)
    assert statistics_of(shuffled) == pytest.approx(statistics_of(values), rel=1e-6, abs=1e-9)


def test_a_view_that_is_not_contiguous() -> None:
    values = chance((30, 40, 5), 1, 2)
    for view in (values.T, values[::2, 1:], values[:, :, 3]):
        assert_statistics(view)
        assert tensor_digest(view) == tensor_digest(np.ascontiguousarray(view))


def test_two_tables_show_the_same_figures() -> None:
    network = FakeNetwork(
        layers=(call(0, "conv"), call(1, "separable", "SeparableConv2D")),
        tensors={
            (0, "kernel"): chance((3, 3, 3, 8), 100, 0.01),
            (0, "bias"): chance(8, 0, 1),
            (1, "depthwise_kernel"): chance((3, 3, 8, 1), 1, 1e-4).astype(np.float16),
            (1, "pointwise_kernel"): chance((1, 1, 8, 300), 0, 1e30),
        },
    )
    weights = find_weights(network, Options()).tensors
    rows = find_filters(network, Options()).rows
    assert len(rows) == 3
    for row in rows:
        other = weights[row.path, row.weight]
        assert (row.mean, row.std, row.min, row.max) == (other.mean, other.std, other.min, other.max)


def test_figures_are_as_short_as_their_precision() -> None:
    assert figure(np.float32(0.1)) == 0.1
    assert figure(np.float16(0.1)) == 0.1
    assert figure(0.1) == 0.1
    assert np.float32(figure(np.float32(1 / 3))) == np.float32(1 / 3)
    assert math.isnan(figure(np.float32(np.nan)))


def test_a_digest_tells_type_shape_and_every_bit() -> None:
    values = chance((70, 90), 2, 3)
    changed = values.copy()
    changed[3, 3] = np.nextafter(changed[3, 3], np.float32(np.inf))
    zero = f32([0.0])
    others = [changed, values.reshape(90, 70), values.astype(np.float64), values.view(np.int32)]
    assert len({tensor_digest(each) for each in (values, *others)}) == 5
    assert tensor_digest(zero) != tensor_digest(-zero)
    assert tensor_digest(f32([1, 2])) == hashlib.sha256(b"float32 (2,) " + f32([1, 2]).tobytes()).hexdigest()


@pytest.mark.parametrize("shape", [(7,), (SKETCH_LENGTH,), ()])
def test_small_tensors_are_kept_whole(shape: tuple[int, ...]) -> None:
    values = chance(shape, 0, 1) if shape else f32(0.5)
    np.testing.assert_array_equal(sketch_of(values), values.reshape(-1).astype(np.float64))


@pytest.mark.parametrize("shape", [(5, SKETCH_LENGTH), (3, 100), (600, 300)])
def test_a_sketch_is_the_signed_sum_of_rotated_rows(shape: tuple[int, int]) -> None:
    # an independent computation, value by value: the same random numbers, bits taken one by one, lowest first
    values = chance(shape, 0, 1).reshape(-1)
    block = SKETCH_LENGTH * SKETCH_LENGTH
    generator = np.random.SFC64(int.from_bytes(hashlib.sha256(repr(shape).encode()).digest()[:8], "little"))
    rows = -(-values.size // block) * SKETCH_LENGTH
    drawn = [int(word) for word in generator.random_raw(rows)]
    order = sorted(range(rows), key=drawn.__getitem__)  # the row that is dealt out first, second, ...
    words = [int(word) for word in generator.random_raw(-(-rows * SKETCH_LENGTH // 64))]
    expected = np.zeros(SKETCH_LENGTH)
    for dealt, row in enumerate(order):
        for column, value in enumerate(values[row * SKETCH_LENGTH : (row + 1) * SKETCH_LENGTH]):
            bit = dealt * SKETCH_LENGTH + column
            sign = -1 if words[bit // 64] >> (bit % 64) & 1 else 1
            expected[(column + dealt) % SKETCH_LENGTH] += sign * float(value)
    np.testing.assert_allclose(sketch_of(values.reshape(shape)), expected, rtol=1e-5, atol=1e-5)


@given(st.lists(st.floats(width=32), max_size=20))
def test_packed_numbers_come_back(values: list[float]) -> None:
    np.testing.assert_array_equal(unpacked(packed(np.array(values, np.float64)), len(values), "here"), values)


def test_packed_numbers_are_little_endian_floats_in_c_order() -> None:
    values = np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3))
    assert base64.b64decode(packed(values)) == np.arange(6, dtype="<f4").tobytes()
    assert packed(values.astype(">f4")) == packed(values)


@pytest.mark.parametrize(
    ("text", "count"), [("", 1), ("AAAA", 1), ("no base64!", 2), ("AAAAAAAAAAA=", 3), ("AAAAAA==", -1), ("é", 1)]
)
def test_what_is_no_packed_numbers_is_refused(text: str, count: int) -> None:
    with pytest.raises(ReportFileError, match="not as expected at the sketch of a"):
        unpacked(text, count, "the sketch of a")
