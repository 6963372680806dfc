"""Whether retrained kernels are recognisably the old ones: planted cosines, and what must not count as likeness."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from .changed_nets import L, edited, report_of

SIZE, NEXT = (3, 3, 16, 24), (3, 3, 24, 24)


def verdict_of(first: Any, second: Any, gamma: float = 1.0, kernel: tuple[int, ...] = SIZE) -> str:
    """The verdict on two models of two convolutions with these kernels; their normalizations hardly differ."""
    from reportgen import diff

    def model(kernels: Any, nudge: float) -> Any:
        inputs = keras.Input((16, 16, 3), name="in")
        x = L.Conv2D(kernel[2], 1, use_bias=False, name="first")(inputs)
        for place, _ in enumerate(kernels):
            x = L.BatchNormalization(name=f"bn{place}")(x)
            x = L.Conv2D(kernel[3], kernel[0], padding="same", use_bias=False, name=f"conv{place}")(x)
        made = keras.Model(inputs, L.Dense(4, activation="softmax", name="answer")(L.GlobalAveragePooling2D(name="mean")(x)))
        made = edited(made, lambda value, name: np.full(value.shape, gamma + nudge))
        for place, values in enumerate(kernels):
            made.get_layer(f"conv{place}").set_weights([values])
        return made

    return diff(report_of(model(first, 0.0)), report_of(model(second, 1e-3))).verdict


def kernels(seed: int, *shapes: tuple[int, ...]) -> list[np.ndarray]:
    """Kernels of mean 0 and length 1, all orthogonal to those of other seeds to within chance."""
    drawn = [np.random.default_rng(seed + 100 * place).normal(size=shape) for place, shape in enumerate(shapes)]
    centred = [each - each.mean() for each in drawn]
    return [each / np.linalg.norm(each) for each in centred]


def mixed(cosine: float) -> list[np.ndarray]:
    """Kernels of exactly this cosine to `kernels(0, SIZE)`, and as long."""
    found = []
    for old, other in zip(kernels(0, SIZE), kernels(1, SIZE), strict=True):
        rest = other - np.vdot(other, old) * old
        found.append(cosine * old + np.sqrt(1 - cosine**2) * rest / np.linalg.norm(rest))
    return found


def test_kernels_that_kept_a_good_part_of_the_old_ones_resemble_them() -> None:
    verdict = verdict_of(kernels(0, SIZE), mixed(0.8))
    (cosine,) = [float(part.split(";")[0]) for part in verdict.split("still resemble the old ones (centred cosine ")[1:]]
    assert abs(cosine - 0.8) < 0.1  # four standard errors of the sketch
    assert "as after further training from them, or training from a common start" in verdict


def test_kernels_of_another_start_have_almost_nothing_in_common_though_normalizations_are_alike() -> None:
    verdict = verdict_of(kernels(0, SIZE, NEXT), kernels(1, SIZE, NEXT), gamma=100.0)
    assert "old and new kernels have almost nothing in common (mean centred cosine " in verdict
    assert "resemble" not in verdict


def test_a_common_mean_is_no_likeness() -> None:
    first, second = ([each + 1.0 for each in kernels(seed, SIZE, NEXT)] for seed in (0, 1))
    assert np.vdot(first[0], second[0]) / np.linalg.norm(first[0]) / np.linalg.norm(second[0]) > 0.99
    assert "resemble" not in verdict_of(first, second)


def test_a_cosine_between_the_two_is_not_interpreted() -> None:
    verdict = verdict_of(kernels(0, SIZE), mixed(0.15))
    assert "do not show whether it was trained further or from another initialization" in verdict


def test_small_kernels_are_not_judged() -> None:
    small = (1, 1, 2, 3)  # by chance, six values have a cosine of 0 ± 0.4
    verdict = verdict_of(kernels(0, small), kernels(0, small), kernel=small)
    assert "resemble" not in verdict
    assert "in common" not in verdict


def test_filters_of_a_depthwise_convolution_that_all_look_alike_prove_nothing() -> None:
    """Each filter is largest at its centre, in any training; the other kernels of the two have nothing in common."""

    def model(seed: int) -> Any:
        inputs = keras.Input((16, 16, 3), name="in")
        x = L.Conv2D(48, 1, use_bias=False, name="first")(inputs)
        x = L.DepthwiseConv2D(3, use_bias=False, name="deep")(x)
        made = keras.Model(inputs, L.Dense(4, activation="softmax", name="answer")(L.GlobalAveragePooling2D(name="mean")(x)))
        generator = np.random.default_rng(seed)
        made.set_weights([generator.normal(size=each.shape) for each in made.get_weights()])
        centred = np.zeros((3, 3, 48, 1))
        centred[1, 1] = 1
        made.get_layer("deep").set_weights([centred + 0.01 * generator.normal(size=centred.shape)])
        return made

    from reportgen import diff

    assert "resemble" not in diff(report_of(model(1)), report_of(model(2))).verdict
