"""The checks: a planted fault of each kind is found at the right layer and level, and the same net without it has none."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from typer.testing import CliRunner

import reportgen
from reportgen.backend import keras
from reportgen.checking import check, junit
from reportgen.checks import Checks, NotChecked, run_checks
from reportgen.comparison.result import CheckChanges
from reportgen.errors import ModelError, NotApplicable
from reportgen.kernels import Law
from reportgen.probe import SeenImages
from reportgen.report import SECTIONS, Absent, checks_about
from reportgen.sections.feature_maps.checks import dead_on_all_images
from reportgen.sections.filters.checks import duplicate_filters, zero_filter
from reportgen.sections.predictions.checks import flat_scores
from reportgen.sections.section import Check, Finding
from reportgen.sections.weights.checks import dead_in_training
from reportgen.sections.weights.untrained import untrained

from .command import here
from .fake_probe import FakeNetwork, FakeProbe, call, f32, maps_of
from .gold import report_file
from .models import built

layers = keras.layers
RANDOM = np.random.default_rng(0)
IMAGE = RANDOM.integers(0, 256, (16, 16, 3)).astype(np.uint8)
# the names that the contract gives, and two more
NAMES = {
    "non-finite-weights", "non-finite-scores", "huge-weights", "zero-filter", "duplicate-filters", "dead-in-training",
    "untrained", "inactive-layer", "flat-scores", "zero-attribution", "input-range", "weights-not-loaded",
    "dead-on-all-images", "non-finite-maps", "random-scores",
}  # fmt: skip


def net() -> Any:
    """A small net with the weights of a trained one: nothing as it was drawn, nothing constant."""
    model = keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            layers.Conv2D(8, 3, name="conv1"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(name="relu"),
            layers.Conv2D(12, 3, activation="relu", name="conv2"),
            layers.GlobalAveragePooling2D(name="average"),
            layers.Dense(4, activation="softmax", name="answer"),
        ]
    )
    random = np.random.default_rng(1)
    for layer in model.layers:
        layer.set_weights([random.laplace(0.05, 0.3, each.shape).astype(np.float32) for each in layer.get_weights()])
    scale, shift, mean, variance = model.get_layer("norm").get_weights()
    model.get_layer("norm").set_weights([np.abs(scale) + 0.5, shift, mean, np.abs(variance) + 0.5])
    return model


def changed(layer: str, place: int, change: Callable[[np.ndarray], None]) -> Any:
    model = net()
    weights = model.get_layer(layer).get_weights()
    change(weights[place])
    model.get_layer(layer).set_weights(weights)
    return model


def found(model: Any, level: str = "note") -> list[tuple[str, str, str]]:
    """Name, level and layer of what the checks find on one image, at that level or a more serious one."""
    report = reportgen.generate(model, IMAGE, preprocess="unit", skip="feature_visualization")
    assert isinstance(report.checks, Checks)
    assert not [each for each in report.checks.not_checked if "failed" in each.reason]
    levels = ("error", "warning", "note")
    return [(row.name, row.level, row.path) for row in report.findings() if levels.index(row.level) <= levels.index(level)]


def copy_filter(kernel: np.ndarray) -> None:
    kernel[..., 5] = 2 * kernel[..., 2]  # at twice the size it is a copy still


def shut(bias: np.ndarray) -> None:
    bias[:11] = -1e4


PLANTED: dict[str, tuple[Callable[[], Any], str, str]] = {
    "huge-weights": (lambda: changed("conv2", 0, lambda kernel: kernel.__setitem__((0, 0, 0, 0), -101)), "warning", "conv2"),
    "zero-filter": (lambda: changed("conv1", 0, lambda kernel: kernel.__setitem__((..., 3), 1e-34)), "warning", "conv1"),
    "duplicate-filters": (lambda: changed("conv2", 0, copy_filter), "warning", "conv2"),
    "dead-in-training": (lambda: changed("norm", 3, lambda variance: variance.__setitem__(slice(4), 1e-9)), "warning", "norm"),
    "inactive-layer": (lambda: changed("conv2", 1, shut), "warning", "conv2"),
}


def test_a_healthy_net_has_no_problem() -> None:
    assert found(net(), "warning") == []


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found(name: str) -> None:
    make, level, path = PLANTED[name]
    assert (name, level, path) in found(make(), "warning")


def test_a_few_channels_constant_in_training_are_a_note() -> None:
    few = changed("norm", 3, lambda variance: variance.__setitem__(slice(3), 1e-9))
    assert ("dead-in-training", "note", "norm") in found(few)


def test_weights_just_below_a_threshold_are_no_fault() -> None:
    assert found(changed("conv2", 0, lambda kernel: kernel.__setitem__((0, 0, 0, 0), -99)), "warning") == []
    assert found(changed("norm", 3, lambda variance: variance.__setitem__(0, 1e6)), "warning") == []


@pytest.mark.parametrize("initializer", [
    "glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal",
    keras.initializers.RandomNormal(0.1, 0.2, seed=1), keras.initializers.RandomUniform(-0.3, 0.1, seed=2),
    keras.initializers.TruncatedNormal(0, 0.1, seed=3),
    keras.initializers.VarianceScaling(2.0, "fan_out", "truncated_normal", seed=4),
    keras.initializers.VarianceScaling(0.5, "fan_avg", "untruncated_normal", seed=5),
], ids=lambda each: each if isinstance(each, str) else type(each).__name__)  # fmt: skip
def test_what_an_initializer_drew_is_known_and_a_step_of_training_is_seen(initializer: Any) -> None:
    keras.utils.set_random_seed(3)
    options = {"kernel_initializer": initializer}
    model = keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            layers.Conv2D(32, 3, name="conv", **options),
            layers.DepthwiseConv2D(3, depthwise_initializer=initializer, name="depthwise"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(20, activation="softmax", name="answer", **options),
        ]
    )
    network = reportgen.load(model, preprocess="unit")
    (finding,) = untrained(network)
    assert (finding.level, finding.path) == ("warning", "")
    assert "All 3 kernels" in finding.text
    # another law: everything half as large again; and the same law, but a bias that moved
    model.get_layer("conv").set_weights([each * 1.5 for each in model.get_layer("conv").get_weights()])
    answer = model.get_layer("answer").get_weights()
    model.get_layer("answer").set_weights([answer[0], answer[1] + np.arange(20)])
    assert [row.path for row in untrained(reportgen.load(model, preprocess="unit"))] == ["depthwise"]


def test_kolmogorov_smirnov_by_hand() -> None:
    """300 weights spread evenly over [-1, 1]: the empirical distribution is off by 1/600 at most; over [0, 1] by a half."""
    even = f32(np.linspace(-1, 1, 601)[1::2]).reshape(3, 5, 20)

    def distances(law: Law) -> Iterator[float]:
        tensors = {(0, "kernel"): even, (0, "bias"): f32([0, 0])}
        network = FakeNetwork(layers=(call(0, "conv"),), tensors=tensors, laws={(0, "kernel"): (law,)})
        yield from (row.value for row in untrained(network) if row.value is not None)

    assert list(distances(Law("uniform", 0, 1))) == [pytest.approx(math.sqrt(300) / 600, rel=1e-3)]
    assert list(distances(Law("uniform", 0.5, 0.5))) == []
    assert list(distances(Law("normal", 0, 1))) == []
    assert list(distances(Law("truncated", 0, 0.5))) == []


@pytest.mark.parametrize("kind", ["normal", "truncated"])
def test_the_laws_accuse_what_they_drew_and_nothing_wider(kind: Any) -> None:
    drawn = np.random.default_rng(5).standard_normal(40_000)
    drawn = drawn[np.abs(drawn) <= 2] if kind == "truncated" else drawn
    for factor, accused in ((1.0, 1), (1.05, 0)):
        tensors = {(0, "kernel"): f32(0.1 + 0.2 * factor * drawn[:20_000]).reshape(10, -1), (0, "bias"): f32([0])}
        network = FakeNetwork(layers=(call(0, "conv"),), tensors=tensors, laws={(0, "kernel"): (Law(kind, 0.1, 0.2),)})
        assert len(list(untrained(network))) == accused


def test_the_bundled_models_are_told_apart(cat: Path) -> None:
    keras.utils.set_random_seed(0)
    trained = reportgen.load("minivgg")
    fresh = keras.models.clone_model(trained.model)
    report = reportgen.generate(fresh, cat, preprocess="unit", skip="feature_visualization")
    assert ("untrained", "warning", "") in [(row.name, row.level, row.path) for row in report.findings()]
    for name in ("minivgg@early", "minivgg"):
        assert [row.name for row in reportgen.generate(name, cat, skip="feature_visualization").findings()] == ["inactive-layer"]


def test_copies_are_found_among_many_filters_and_depthwise_ones_left_alone() -> None:
    """All pairs, by plain loops, on filters of which some are near copies, on both sides of the threshold."""
    random = np.random.default_rng(2)
    filters = random.standard_normal((300, 9, 7, 40)).astype(np.float32)
    for copy, (place, noise) in enumerate([(299, 0.01), (150, 0.04), (77, 0.06)]):
        filters[copy] = filters[place] * 3 + 3 * noise * random.standard_normal(filters[0].shape)
    kernel = np.moveaxis(filters, 0, -1)
    flat = filters.reshape(300, -1).astype(np.float64)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    cosines = np.triu(flat @ flat.T, 1)
    pairs = np.argwhere(cosines >= 0.999)
    assert pairs.tolist() == [[0, 299], [1, 150]]
    (finding,) = duplicate_filters(FakeNetwork(layers=(call(0, "conv"),), tensors={(0, "kernel"): kernel}))
    assert "4 of 300 filters" in finding.text
    assert "such as 0 and 299." in finding.text
    assert finding.value == pytest.approx(cosines[0, 299])
    depthwise = FakeNetwork(
        layers=(call(0, "conv", "DepthwiseConv2D"),), tensors={(0, "depthwise_kernel"): np.ones((3, 3, 8, 1), np.float32)}
    )
    assert list(duplicate_filters(depthwise)) == []
    grouped = np.random.default_rng(3).standard_normal((3, 3, 4, 8)).astype(np.float32)
    grouped[..., 5] = grouped[..., 4]  # two of one group
    grouped[..., 1] = grouped[..., 7]  # of two groups
    (finding,) = duplicate_filters(FakeNetwork(layers=(call(0, "conv"),), tensors={(0, "kernel"): grouped}, groups=2))
    assert "2 of 8 filters" in finding.text
    assert "such as 4 and 5." in finding.text
    multiplied = FakeNetwork(
        layers=(call(0, "conv", "DepthwiseConv2D"),), tensors={(0, "depthwise_kernel"): np.ones((3, 3, 2, 2), np.float32)}
    )
    (finding,) = duplicate_filters(multiplied)  # a channel's two filters, twice
    assert "4 of 4 filters" in finding.text
    small = FakeNetwork(layers=(call(0, "conv"),), tensors={(0, "kernel"): np.ones((1, 1, 8, 4), np.float32)})
    assert list(duplicate_filters(small)) == []  # filters of 8 weights


def test_filters_without_a_direction_are_no_copies() -> None:
    kernel = np.random.default_rng(4).standard_normal((3, 3, 2, 170)).astype(np.float32)
    kernel[..., 10:20], kernel[..., 20:30], kernel[0, 0, 0, 30:40] = 0, np.nan, np.inf
    kernel[..., 165] = 2 * kernel[..., 3]  # far apart
    (finding,) = duplicate_filters(FakeNetwork(layers=(call(0, "conv"),), tensors={(0, "kernel"): kernel}))
    assert "2 of 170 filters" in finding.text
    assert "such as 3 and 165." in finding.text


def test_filters_that_are_zero_beside_the_others() -> None:
    kernel = np.ones((3, 3, 2, 4), np.float32) * f32([1, 1e-7, 0, 0.5])
    (finding,) = zero_filter(FakeNetwork(layers=(call(0, "conv"),), tensors={(0, "kernel"): kernel}))
    assert finding.text.startswith("conv: 2 of 4 filters (1 and 2) have near-zero weights, with a norm below a millionth of ")
    nothing = FakeNetwork(layers=(call(0, "conv"),), tensors={(0, "kernel"): np.zeros((3, 3, 2, 4), np.float32)})
    (finding,) = zero_filter(nothing)
    assert finding.text == "conv: all 4 filters have only zero weights."


def test_only_a_layer_with_a_bias_outputs_it_where_filters_are_zero() -> None:
    kernel = np.ones((3, 3, 2, 4), np.float32) * f32([1, 0, 1, 1])
    without = {(0, "kernel"): kernel}
    (finding,) = zero_filter(FakeNetwork(layers=(call(0, "conv"),), tensors=without))
    assert finding.text.startswith("conv: filter 1 has near-zero weights")
    assert finding.advice.startswith("Such filters ignore their input and, since conv has no bias, output almost 0 before ")
    (finding,) = zero_filter(FakeNetwork(layers=(call(0, "conv"),), tensors={**without, (0, "bias"): f32([1, 2, 3, 4])}))
    assert finding.advice.startswith(
        "Such filters ignore their input and, before any activation function, output only their bias. "
    )
    # the depthwise step of a separable convolution has no bias of its own: the layer's is added after the pointwise step
    separable = FakeNetwork(
        layers=(call(0, "conv", "SeparableConv2D"),),
        tensors={
            (0, "depthwise_kernel"): np.ones((3, 3, 4, 1), np.float32) * f32([[1], [0], [0], [1]]),
            (0, "pointwise_kernel"): np.ones((1, 1, 4, 2), np.float32),
            (0, "bias"): f32([1, 2]),
        },
    )
    (finding,) = zero_filter(separable)
    assert finding.text.startswith("conv (depthwise_kernel): 2 of 4 filters (1 and 2) have near-zero weights")
    assert finding.advice.startswith("Such filters ignore their input. ")


def test_two_checks_that_find_the_same_channels_give_the_same_advice() -> None:
    tensors = {
        (0, "kernel"): np.ones((3, 3, 2, 4), np.float32) * f32([1, 0, 0, 1]),
        (1, "moving_variance"): f32([1, 0, 0, 1]),
    }
    network = FakeNetwork(layers=(call(0, "conv"), call(1, "bn", "BatchNormalization")), tensors=tensors)
    (filters,), (channels,) = zero_filter(network), dead_in_training(network)
    assert channels.text == "bn: 2 of 4 channels were almost constant during training."
    assert filters.advice.split(". ", 1)[1] == channels.advice.split(". ", 1)[1]
    assert channels.advice.endswith("look for what kept them from learning; if you do not need them, remove them.")


@pytest.mark.parametrize(("kind", "scores", "flat"), [
    ("probabilities", [0.25, 0.25, 0.25, 0.25], True),
    ("probabilities", [0.28, 0.24, 0.24, 0.24], True),  # entropy 0.998 of log 4
    ("probabilities", [0.4, 0.2, 0.2, 0.2], False),  # 0.961
    ("probabilities", [1, 0, 0, 0], False),
    ("raw", [3, 3, 3, 3], True),
    ("raw", [3, 3, 3, 3.001], False),
    ("independent", [0, 0, 0, 0], True),
])  # fmt: skip
def test_an_answer_that_prefers_no_class(kind: Any, scores: list[float], flat: bool) -> None:
    assert bool(list(flat_scores(FakeProbe(scores=f32(scores), score_kind=kind)))) == flat


def test_a_map_of_zeros_explains_nothing() -> None:
    model = net()
    kernel, bias = model.get_layer("answer").get_weights()
    model.get_layer("answer").set_weights([np.zeros_like(kernel), bias])
    assert ("zero-attribution", "note", "conv2") in found(model)


def images_seen(*maps: list[float]) -> SeenImages:
    """A convolution of four channels, on 20 images for each list of what its maps reach beside a zero."""
    seen = SeenImages()
    for each in maps:
        for _ in range(20):
            seen.add([maps_of(1, "conv", np.stack([np.zeros((2, 4)), np.tile(each, (2, 1))]).astype(np.float32))])
    return seen


def test_channels_that_are_inactive_on_every_image() -> None:
    (finding,) = dead_on_all_images(images_seen([0, 0, 1, 1], [0, 2, 0, 1]))
    assert (finding.level, finding.value) == ("warning", 0.25)
    assert "1 of 4 channels is inactive on all 40 images" in finding.text
    assert list(dead_on_all_images(images_seen([0, 1, 1, 1], [1, 0, 1, 1]))) == []
    with pytest.raises(NotApplicable, match="20 images or more; 0 were given"):
        list(dead_on_all_images(SeenImages()))


def test_a_check_that_fails_is_told_and_costs_nothing() -> None:
    def stumbles(_: Any) -> Iterator[Finding]:
        yield Finding(level="note", text="half")
        raise ZeroDivisionError("division by zero")

    def does_not_apply(_: Any) -> Iterator[Finding]:
        raise NotApplicable("There is nothing.")

    def finds(_: Any) -> Iterator[Finding]:
        yield Finding(level="note", text="one")
        yield Finding(level="error", text="two")

    ran = run_checks([Check("model", each) for each in (stumbles, does_not_apply, finds)], None)
    assert [(row.name, row.text) for row in ran.rows] == [("finds", "two"), ("finds", "one")]
    assert ran.checked == ("finds",)
    assert ran.not_checked == (
        NotChecked("stumbles", "The check failed: division by zero."), NotChecked("does-not-apply", "There is nothing."),
    )  # fmt: skip
    assert (ran.summary(), ran.extent()) == ("one error, one note", "1 of 3 checks ran")
    assert ran.reach("error")
    assert not Checks(rows=ran.rows[1:], checked=()).reach("warning")


def test_every_check_has_a_name_of_its_own_and_gives_its_evidence() -> None:
    checks = [each for section in SECTIONS.values() for each in section.checks]
    assert {each.name for each in checks} == NAMES
    assert len(checks) == len(NAMES)
    assert all(each.find.__doc__ for each in checks)
    assert len(checks_about("model")) + len(checks_about("image")) + len(checks_about("images")) == len(checks)


def test_the_page_tells_what_was_found_and_what_could_not_run() -> None:
    report = reportgen.generate(changed("conv2", 0, copy_filter), IMAGE, preprocess="unit", skip="feature_visualization")
    page = reportgen.render(report)
    assert (
        '<dd>One warning <small><a href="#checks">14 checks</a></small><span class="overall">No error, but a warning: read it '
        in page
    )
    assert "conv2: 2 of 12 filters in the kernel point in the same direction as another" in page
    assert "they compute the same" in page
    assert reportgen.read(page) == report
    without = reportgen.generate(built("no_convolution"), IMAGE, preprocess="unit", skip="feature_visualization")
    assert "The model has no two-dimensional convolution." in reportgen.render(without)


def test_many_images_as_one() -> None:
    images = [RANDOM.integers(0, 256, (16, 16, 3)).astype(np.uint8) for _ in range(20)]
    dead = changed("conv2", 1, lambda bias: bias.__setitem__(slice(2), -1e4))
    result = check(dead, images, preprocess="unit")
    rows = {row["name"]: row for row in result.rows()}
    assert rows["dead-on-all-images"]["text"] == "conv2: 2 of 12 channels are inactive on all 20 images."
    assert rows["dead-on-all-images"]["images"] == []
    assert "inactive-layer" not in rows  # its note on each image says no more
    few = {row["name"]: row for row in check(dead, images[:3], preprocess="unit").rows()}
    assert len(few["inactive-layer"]["images"]) == 3
    assert set(result.checks.checked) == NAMES
    suite = ElementTree.fromstring(junit(result, "warning"))
    cases = {each.attrib["name"]: [inner.tag for inner in each] for each in suite}
    assert (suite.attrib["tests"], suite.attrib["failures"]) == ("15", "1")
    assert cases["dead-on-all-images"] == ["failure"]
    assert cases["inactive-layer"] == []
    assert cases["zero-filter"] == []


def test_without_an_image() -> None:
    result = check(changed("conv2", 0, copy_filter), preprocess="unit")
    assert [each.finding.name for each in result.occurrences] == ["duplicate-filters"]
    reasons = {each.name: each.reason for each in result.checks.not_checked}
    assert reasons.pop("dead-on-all-images") == "Needs 20 images or more; 0 were given."
    assert set(reasons.values()) == {"No image was given."}
    assert {*reasons, "dead-on-all-images", *result.checks.checked} == NAMES
    assert junit(result, "error").count(b"<skipped") == 8


def test_a_diff_tells_what_is_new_and_what_is_gone() -> None:
    sound, copies = (
        reportgen.generate(model, IMAGE, preprocess="unit", skip="feature_visualization")
        for model in (net(), changed("conv2", 0, copy_filter))
    )
    worse, better = reportgen.diff(sound, copies), reportgen.diff(copies, sound)
    assert isinstance(worse.checks, CheckChanges)
    assert isinstance(better.checks, CheckChanges)
    for changes, other in ((worse.checks.new, worse.checks.gone), (better.checks.gone, better.checks.new)):
        assert [(row.name, row.path) for row in changes] == [("duplicate-filters", "conv2")]
        assert other == ()
    assert worse.verdict.endswith("One new warning from the checks (`duplicate-filters`).")
    assert better.verdict.endswith("One warning fewer from the checks (`duplicate-filters`).")
    assert "they compute the same" in reportgen.render_diff(worse)
    assert reportgen.diff(copies, copies).checks == CheckChanges((), ())
    # a check that ran for one of them only tells nothing of the other
    unchecked = replace(sound, checks=Checks(rows=(), checked=("untrained",)))
    assert reportgen.diff(unchecked, copies).checks == CheckChanges((), ())
    other_image = reportgen.generate(changed("conv2", 1, shut), 255 - IMAGE, preprocess="unit", skip="feature_visualization")
    assert "inactive-layer" in [row.name for row in other_image.findings()]
    assert reportgen.diff(sound, other_image).checks == CheckChanges((), ())
    old = reportgen.read(report_file(1))
    assert isinstance(reportgen.diff(old, old).checks, Absent)


def test_a_model_that_cannot_be_had_is_an_error() -> None:
    with pytest.raises(ModelError, match="missing"):
        check("missing.keras")


def test_on_the_command_line(tmp_path: Path, cat: Path) -> None:
    changed("conv2", 0, copy_filter).save(tmp_path / "copies.keras")
    made = here("check", "copies.keras", "--preprocess", "unit", "--junit", "checks.xml", cwd=tmp_path)
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout.startswith(
        "copies: one warning (7 of 15 checks ran)\n\nWarning: duplicate-filters\n    conv2: 2 of 12 filters"
    )
    assert ElementTree.parse(tmp_path / "checks.xml").getroot().attrib["failures"] == "0"
    printed = here("check", "copies.keras", str(cat), "--preprocess", "unit", "--json", "--fail-on", "warning", cwd=tmp_path)
    assert printed.returncode == 1
    values = json.loads(printed.stdout)
    assert [row["name"] for row in values["rows"] if row["level"] == "warning"] == ["duplicate-filters"]
    assert {row["name"] for row in values["not_checked"]} == {"dead-on-all-images"}
    asked = ("report", str(cat), "-m", "copies.keras", "--preprocess", "unit", "--skip", "feature_visualization")
    report = here(*asked, "--fail-on", "warning", cwd=tmp_path)
    assert (report.returncode, report.stdout) == (1, "cat-copies.html\n")
    assert (tmp_path / "cat-copies.html").exists()
    for level in ((), ("--fail-on", "error")):
        assert here(*asked, *level, cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("arguments", [
    ("check",), ("check", "missing.keras"), ("check", "minivgg", "missing.png"), ("check", "minivgg", "--fail-on", "fatal"),
    ("check", "minivgg", "--junit", "missing/checks.xml"), ("report", "missing.png", "--fail-on", "fatal"),
], ids=" ".join)  # fmt: skip
def test_bad_input_is_a_line(arguments: tuple[str, ...], tmp_path: Path) -> None:
    made = here(*arguments, cwd=tmp_path)
    assert (made.returncode, made.stdout) == (2, "")
    assert "Traceback" not in made.stderr
    assert list(tmp_path.iterdir()) == []


def test_check_has_no_option_that_no_check_reads() -> None:
    from reportgen.cli import app

    for option in ("--explain", "--baseline", "--score-channels", "--quality", "--sanity", "--visualize"):
        told = CliRunner().invoke(app.app, ["check", "minivgg", option])
        assert told.exit_code == 2
        assert option in told.output
    assert "--class" in CliRunner().invoke(app.app, ["check", "--help"]).output
