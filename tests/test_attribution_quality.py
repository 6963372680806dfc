"""Which attribution map to believe: deletion, insertion, ROAD, rank correlations, and the sanity check."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen.backend import keras
from reportgen.inspection.inspect import inspect
from reportgen.inspection.network import KerasNetwork
from reportgen.loading.sources import load
from reportgen.methods.quality import (
    DIAGONAL,
    NEAR,
    PERCENTS,
    STEPS,
    area,
    deletion,
    imputed,
    insertion,
    most_important_first,
    rank_correlation,
    rank_correlations,
    road,
    road_curve,
)
from reportgen.methods.subject import Subject
from reportgen.picture import WHOLE, Part
from reportgen.request import check_options
from reportgen.sections.attributions.find import Attributions
from reportgen.sections.attributions.subjects import subjects_of

layers = keras.layers
PIXELS = np.random.default_rng(2).integers(0, 256, (8, 10, 3), np.uint8)
SAMPLES = Path(__file__).parent.parent / "sample_images"


def mean_net() -> Any:
    """The score is the mean of the red channel, 0 to 1, beside its complement: no softmax, and nothing to learn."""
    inputs = keras.Input((8, 10, 3))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(1, 1, use_bias=False, name="red")(inputs))
    model = keras.Model(inputs, layers.Dense(2, name="head")(x))
    model.set_weights([np.array([[[[1], [0], [0]]]], np.float32), np.array([[1, -1]], np.float32), np.array([0, 1], np.float32)])
    return model


def subject_of(model: Any, pixels: np.ndarray = PIXELS, **options: Any) -> Subject:
    asked = check_options(target=0, **options)
    return subjects_of(inspect(KerasNetwork(load(model, preprocess="unit")), pixels, pixels, asked), asked)[0]


def test_curves_of_a_score_that_is_a_mean() -> None:
    subject, red = subject_of(mean_net()), PIXELS[..., 0].reshape(-1) / 255
    order = most_important_first(PIXELS[..., 0].astype(float), WHOLE, WHOLE, subject)
    assert (np.diff(red[order]) <= 0).all()
    gone = [round(step * 80 / STEPS) for step in range(STEPS + 1)]
    expected = np.array([red[order[count:]].sum() / 80 for count in gone])
    np.testing.assert_allclose(deletion(subject, order)[:, 0], expected, atol=1e-6)
    inserted = insertion(subject, order)[:, 0]
    assert inserted[-1] == pytest.approx(red.mean(), abs=1e-6)
    assert inserted[0] == pytest.approx(red.mean(), abs=0.02)  # blurred, the mean is nearly the same
    assert inserted[STEPS // 2] > inserted[0] + 0.02  # the reddest half is in, the others are blurred
    assert area(expected) == pytest.approx(np.trapezoid(expected, dx=1 / STEPS), rel=1e-6)
    assert (road_curve(subject, road(subject, order))[:5] > 0).all()
    worst = most_important_first(-PIXELS[..., 0].astype(float), WHOLE, WHOLE, subject)
    assert area(deletion(subject, worst)[:, 0]) > area(deletion(subject, order)[:, 0])
    assert road_curve(subject, road(subject, worst)).mean() < 0 < road_curve(subject, road(subject, order)).mean()


def test_pixels_without_a_cell_come_last_and_equal_ones_in_a_drawn_order() -> None:
    subject = subject_of(mean_net())
    upper = Part(0, 0, 0.5, 1)
    order = most_important_first(np.full((4, 10), -7.0), upper, upper, subject)
    assert sorted(order[:40].tolist()) == list(range(40))
    assert order[:40].tolist() != list(range(40))
    assert sorted(order.tolist()) == list(range(80))


def test_what_is_removed_is_imputed_as_a_plain_solver_does() -> None:
    subject = subject_of(mean_net())
    removed = np.random.default_rng(1).permutation(80)[:50]
    gone = np.isin(np.arange(80), removed).reshape(8, 10)
    image, places = PIXELS / 255, list(zip(*np.nonzero(gone), strict=True))
    left, right = np.zeros((50, 50)), np.zeros((50, 3))
    for row, (i, j) in enumerate(places):
        for down in (-1, 0, 1):
            for across in (-1, 0, 1):
                at = i + down, j + across
                if (down, across) == (0, 0) or not (0 <= at[0] < 8 and 0 <= at[1] < 10):
                    continue
                weight = DIAGONAL if down and across else NEAR
                left[row, row] += weight
                if gone[at]:
                    left[row, places.index(at)] -= weight
                else:
                    right[row] += weight * image[at]
    expected = np.linalg.solve(left, right)
    found = imputed(subject, removed)
    np.testing.assert_array_equal(found[~gone], subject.input[~gone])
    # but for noise with a standard deviation of 0.01
    away = found[gone] - expected
    assert np.abs(away).max() < 0.06
    assert 0.005 < away.std() < 0.015
    np.testing.assert_array_equal(imputed(subject, np.array([], int)), subject.input)


def test_rank_correlations_by_hand() -> None:
    rising, bent = np.array([[1, 2], [3, 4]]), np.array([[1, 3], [2, 4]])
    # by Spearman's formula, whose ranks differ by 0, 1, 1 and 0: one less 6 * 2 / (4 * 15)
    assert rank_correlation(rising, bent) == pytest.approx(0.8)
    assert rank_correlation(rising, -rising) == -1
    assert rank_correlation(rising, np.ones((2, 2))) is None
    table = rank_correlations([rising, bent, np.ones((2, 2))])
    assert table[0] == pytest.approx([1, 0.8, None])
    assert table[2] == [None, None, None]


def found(report: reportgen.Report) -> Attributions:
    assert isinstance(report.attributions, Attributions)
    return report.attributions


@pytest.fixture(scope="module")
def samples() -> list[Attributions]:
    methods = "grad-cam,saliency,guided-backprop"
    reporter = reportgen.Reporter("minivgg", only="attributions", explain=methods)
    names = ("cat.png", "coffee.png")
    return [found(reporter.report(SAMPLES / name, quality=True, sanity=name == "cat.png")) for name in names]


def test_random_maps_are_last_by_deletion_and_insertion(samples: list[Attributions]) -> None:
    """On average over the sample images, for the best class of each."""
    figures: dict[str, list[tuple[float, float, float]]] = {}
    for each in samples:
        for row in each.quality_by_class()[0]:
            figures.setdefault(row.method, []).append((row.deletion, row.insertion, row.road))
    means = {method: np.mean(values, axis=0) for method, values in figures.items()}
    assert list(means) == ["grad-cam", "saliency", "guided-backprop", "random"]
    assert max(means, key=lambda method: means[method][0]) == "random"
    assert min(means, key=lambda method: means[method][1]) == "random"
    assert min(means, key=lambda method: means[method][2]) == "random"


def test_the_sanity_check_flags_guided_backpropagation_and_passes_grad_cam(samples: list[Attributions]) -> None:
    sanity = {row.method: row for row in samples[0].sanity}
    assert sanity["grad-cam"].passed
    assert not sanity["guided-backprop"].passed
    assert (sanity["guided-backprop"].last or 0) > 0.3 > (sanity["grad-cam"].last or 0)
    assert sanity["grad-cam"].steps[-1].path == "predictions"  # from the input upward, to the last
    assert samples[1].sanity == ()


def test_why_no_map_was_made_is_told_also_if_none_can_be_recomputed() -> None:
    broken = mean_net()
    broken.get_layer("red").kernel.assign(broken.get_layer("red").kernel * np.nan)
    made = found(
        reportgen.generate(broken, PIXELS, preprocess="unit", only="attributions", explain="grad-cam,random", sanity=True)
    )
    assert [row.method for row in made.rows] == ["random"]
    assert made.sanity == ()
    told = [each.reason for each in made.not_made]
    assert told == ["The feature maps of red, or the gradients there, are not finite (nan or infinite)."]


MEASURED: dict[str, Any] = {"only": "attributions", "quality": True, "sanity": True, "explain": "grad-cam,saliency"}


def test_what_is_measured_is_the_same_twice_on_the_page_and_read_back(tmp_path: Path) -> None:
    model = mean_net()
    options: dict[str, Any] = {"preprocess": "unit", "target": 0, "labels": ["red", "rest"], **MEASURED}
    again, report = (reportgen.generate(model, PIXELS, **options) for _ in range(2))
    page = reportgen.render(report)
    assert reportgen.render(again) == page
    assert found(report).sanity
    (tmp_path / "page.html").write_text(page, "utf-8")
    assert reportgen.read(tmp_path / "page.html") == report
    assert [(row.method, row.label) for row in found(report).quality] == [
        ("grad-cam", "red"),
        ("saliency", "red"),
        ("random", "red"),
    ]
    assert len(found(report).quality[0].road_curve) == len(PERCENTS)
    for words in ("Which map to believe", "How alike the maps are", "Do the maps depend on what the model learned?"):
        assert words in page
    folder = reportgen.page.render.render_folder(report)
    assert "index.html" in folder
    assert reportgen.diff(report, report).same


def weights_of(model: Any) -> list[np.ndarray]:
    return [np.array(variable) for variable in model.weights]


def test_weights_are_drawn_from_the_input_upward_and_put_back() -> None:
    net = [
        keras.Input((8, 10, 3)),
        layers.Conv2D(4, 3, name="one", kernel_initializer="he_normal"),
        layers.BatchNormalization(name="norm"),
        layers.Conv2D(64, 3, name="two", kernel_initializer=keras.initializers.RandomUniform(2, 3)),
        layers.GlobalAveragePooling2D(),
        layers.Dense(2, name="head"),
    ]
    model = keras.Sequential(net)
    model.set_weights([each + 0.5 for each in model.get_weights()])
    network, before = KerasNetwork(load(model)), weights_of(model)
    names = [variable.path.split("/")[-2:] for variable in model.weights]
    digest = network.digest

    def changed() -> set[str]:
        pairs = zip(names, before, weights_of(model), strict=True)
        return {"/".join(name) for name, was, now in pairs if not np.array_equal(was, now)}

    seen = []
    with closing(network.reinitialized(0)) as drawn:
        for path in drawn:
            seen.append((path, changed()))
            if path == "two":
                kernel = np.array(model.get_layer("two").kernel)
                assert 2 <= kernel.min() < kernel.max() <= 3  # by its own initializer
                assert not np.array(model.get_layer("two").bias).any()
                break
    one = {"one/kernel", "one/bias"}
    norm = {"norm/gamma", "norm/beta"}  # what it knows of the data stays
    assert seen == [("one", one), ("norm", one | norm), ("two", one | norm | {"two/kernel", "two/bias"})]
    assert not changed()
    with pytest.raises(KeyboardInterrupt):
        interrupted(network)
    assert not changed()
    assert KerasNetwork(load(model)).digest == digest
    first: list[np.ndarray] = []
    second: list[np.ndarray] = []
    for kept in (first, second):
        with closing(network.reinitialized(1)) as drawn:
            for _ in drawn:
                pass
            kept += weights_of(model)
    assert all(np.array_equal(was, now) for was, now in zip(first, second, strict=True))


def interrupted(network: KerasNetwork) -> None:
    with closing(network.reinitialized(0)) as drawn:
        next(drawn)
        raise KeyboardInterrupt


def test_weights_without_a_known_initializer_are_shuffled() -> None:
    class Scaled(keras.layers.Layer):  # type: ignore[misc]
        def build(self, shape: Any) -> None:
            self.factor = self.add_weight(shape=(shape[-1],), initializer="ones", name="factor")

        def call(self, x: Any) -> Any:
            return x * self.factor

    inputs = keras.Input((8, 10, 3))
    x = layers.GlobalAveragePooling2D()(Scaled(name="scaled")(layers.Conv2D(8, 1, name="conv")(inputs)))
    model = keras.Model(inputs, layers.Dense(2)(x))
    model.get_layer("scaled").factor.assign(np.arange(8))
    with closing(KerasNetwork(load(model)).reinitialized(0)) as drawn:
        assert "scaled" in list(zip(drawn, range(2), strict=False))[-1][0]
        factor = np.array(model.get_layer("scaled").factor)
        assert sorted(factor) == list(range(8))
        assert list(factor) != list(range(8))
    assert list(np.array(model.get_layer("scaled").factor)) == list(range(8))


def test_maps_of_either_sign_are_compared_around_zero_and_followed_class_by_class() -> None:
    one, other = mean_net(), mean_net()
    kernel = np.array([[[[1], [-2], [0.5]]]], np.float32)
    other.get_layer("red").kernel.assign(kernel)
    options: dict[str, Any] = {"preprocess": "unit", "labels": ["red", "rest"], "explain": "grad-cam,hires-cam"}
    options["skip"] = "feature_visualization"
    old, new = (reportgen.generate(model, PIXELS, **options) for model in (one, other))
    changes = reportgen.diff(old, new).attributions
    rows = {(row.method, row.new_label): row for row in changes.rows}
    assert set(rows) == {("grad-cam", "red"), ("grad-cam", "rest"), ("hires-cam", "red"), ("hires-cam", "rest")}
    signed = rows["hires-cam", "red"]
    assert signed.old.colormap == signed.new.colormap == "RdBu_r"
    assert signed.old.low == signed.new.low == -signed.new.high < 0
    # HiResCAM of the pooled red channel is the channel over the 80 places; of the other model 1, -2 and 0.5 of the colours
    step = signed.new.high / 255
    np.testing.assert_allclose(signed.old.numbers(), PIXELS[..., 0] / 255 / 80, atol=2 * step)
    np.testing.assert_allclose(signed.new.numbers(), (PIXELS / 255) @ kernel.reshape(3) / 80, atol=2 * step)
    page = reportgen.render_diff(reportgen.diff(old, new))
    assert "HiResCAM, <bdi>red</bdi>" in page
    titles = [line.title for line in reportgen.series([old, new, new]).pictures if line.title.startswith("Where")]
    labels = [row.label for row in found(new).by_method()[0]]
    assert titles == [f"Where it looked: {method}, {label}" for method in ("Grad-CAM", "HiResCAM") for label in labels]
