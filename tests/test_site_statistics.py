"""The statistics of a diff of two sites, against their definitions."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import permutations
from typing import Any

import numpy as np
import pytest

from reportgen.sections.predictions.variation import total_variation
from reportgen.site_diff.facts import _layer
from reportgen.site_diff.statistics import EXACT, linear_cka, mcnemar


@pytest.mark.parametrize(
    ("broken", "mended", "p"),
    [
        (0, 0, 1.0),
        (0, 1, 1.0),  # 2 * 1/2
        (5, 5, 1.0),
        (0, 5, 2 / 32),
        (1, 4, 2 * (1 + 5) / 32),
        (2, 16, 2 * (1 + 18 + 153) / 2**18),
    ],
)
def test_mcnemar_by_hand_and_either_way(broken: int, mended: int, p: float) -> None:
    assert mcnemar(broken, mended) == p
    assert mcnemar(mended, broken) == p


def test_mcnemar_of_many_images_against_whole_numbers() -> None:
    for count in (EXACT, EXACT + 1, 5000):
        for fewer in (count // 2 - 40, count // 3):
            exact = Fraction(2 * sum(math.comb(count, hits) for hits in range(fewer + 1)), 2**count)
            assert mcnemar(fewer, count - fewer) == pytest.approx(float(exact), rel=1e-9)
    assert mcnemar(0, 10**6) == 0.0


def test_total_variation_by_hand() -> None:
    assert total_variation(np.array([0.7, 0.2, 0.1]), np.array([0.5, 0.2, 0.3])) == pytest.approx(0.2)
    assert total_variation(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == 1.0


def hsic_by_definition(x: np.ndarray, y: np.ndarray) -> float:
    """The unbiased HSIC as a mean over all ordered quadruples of different images (Song et al. 2012, section 3.2)."""
    k, m = x @ x.T, y @ y.T
    terms = [k[i, j] * (m[i, j] + m[q, r] - 2 * m[i, q]) for i, j, q, r in permutations(range(len(x)), 4)]
    return float(np.mean(terms))


def hsic_by_centring(x: np.ndarray, y: np.ndarray) -> float:
    """The unbiased HSIC by U-centred kernels (Szekely and Rizzo 2014, definition 2)."""

    def centred(values: np.ndarray) -> np.ndarray:
        k, n = values @ values.T, len(values)
        np.fill_diagonal(k, 0)
        rows = k.sum(axis=1) / (n - 2)
        u = k - rows[:, None] - rows[None, :] + k.sum() / ((n - 1) * (n - 2))
        np.fill_diagonal(u, 0)
        return np.asarray(u)

    return float((centred(x) * centred(y)).sum() / (len(x) * (len(x) - 3)))


@pytest.mark.parametrize("hsic", [hsic_by_definition, hsic_by_centring])
def test_cka_against_its_definition(hsic: Any) -> None:
    x = np.array([[1, 0, 2], [0, 1, 1], [3, 1, 0], [2, 2, 5], [1, 4, 0], [0, 0, 1], [7, 1, 2]], float)
    y = np.array([[1, 1], [0, 2], [2, 0], [3, 5], [4, 1], [1, 0], [6, 3]], float)
    expected = hsic(x, y) / math.sqrt(hsic(x, x) * hsic(y, y))
    assert 0.1 < expected < 0.9
    assert linear_cka(x, y) == pytest.approx(expected, abs=1e-11)


def test_cka_is_1_up_to_rotation_shift_and_scale_and_about_0_for_noise() -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(60, 8))
    rotation = np.linalg.qr(generator.normal(size=(8, 8)))[0]
    assert linear_cka(x, x) == 1.0
    assert linear_cka(x, 37 * x @ rotation + 5) == pytest.approx(1, abs=1e-10)
    assert linear_cka(x + 1e6, x) == pytest.approx(1, abs=1e-8)  # a mean a million times the spread
    stretched = linear_cka(x, x * [9, 1, 1, 1, 1, 1, 1, 1])  # not an isotropic scale
    assert stretched is not None
    assert stretched < 0.9
    # without debiasing, 300 channels of noise on 60 images would give about 0.8
    unrelated = [linear_cka(generator.normal(size=(60, 300)), generator.normal(size=(60, 300))) for _ in range(5)]
    assert all(each is not None and abs(each) < 0.1 for each in unrelated)


def test_cka_of_what_is_the_same_on_every_image_is_none() -> None:
    constant = np.full((50, 3), 0.1, np.float32)
    assert linear_cka(constant, np.arange(150.0).reshape(50, 3)) is None
    with pytest.raises(ValueError, match="four or more"):
        linear_cka(np.eye(3), np.eye(3))


def test_inactive_channels_do_not_stand_for_a_layer_without_maps() -> None:
    row: dict[str, Any] = {"shape": [2, 2, 3], "inactive": [1], "inactive_values": [0.5], "channels": []}
    assert _layer(row).known.tolist() == []  # so that CKA is refused, not taken from one channel that is the same everywhere
    shown = _layer({**row, "channels": [{"channel": 2, "mean": 4.0}]})
    assert (shown.known.tolist(), shown.means.tolist()) == ([1, 2], [0.5, 4.0])
    whole = _layer({**row, "inactive": [0, 1, 2], "inactive_values": [1, 0, 2]})  # maps of a single cell, for one
    assert (whole.known.tolist(), whole.zero.tolist()) == ([0, 1, 2], [1])
