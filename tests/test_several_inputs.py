"""Models that take more than an image: the others are given by --input, and stay as they are while the image is explained."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import reportgen
import reportgen.resizing
from reportgen.cli import main
from reportgen.comparison.provenance import OTHER_INPUTS
from reportgen.errors import ModelError, OptionError
from reportgen.options import Options, read_options
from reportgen.options.other_inputs import HeldValue, without_folders
from reportgen.report import Absent

from .models import built, keras, layers, tf
from .several_inputs import (
    DEAR,
    FACTS,
    GIVEN,
    KINDS,
    OTHER,
    OTHER_GIVEN,
    PHOTO,
    net,
    report_of,
)


@pytest.mark.parametrize("kind", KINDS)
def test_the_answer_is_that_of_the_model(kind: str) -> None:
    found = report_of(kind).predictions
    assert not isinstance(found, Absent)
    scores = [row.score for row in sorted(found.rows, key=lambda row: row.class_index)]
    assert scores == pytest.approx(np.asarray(KINDS[kind][2](net(kind)))[0].tolist(), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_every_section_works(kind: str, tmp_path: Path) -> None:
    report = report_of(kind)
    (tmp_path / "a.html").write_text(reportgen.render(report), "utf-8")
    assert reportgen.read(tmp_path / "a.html") == report
    assert not isinstance(report.attributions, Absent)
    assert report.attributions.not_made == ()
    methods = {"grad-cam", "integrated-gradients", "occlusion"}
    assert {row.method for row in report.attributions.rows} == methods
    assert {row.method for row in report.attributions.quality} >= (methods if "quality" in DEAR[kind] else set())
    assert len(report.attributions.sanity) == (3 if "sanity" in DEAR[kind] else 0)
    if "visualize" in DEAR[kind]:
        assert not isinstance(report.feature_visualization, Absent)
        assert report.feature_visualization.failed == ()
    assert not isinstance(report.overview, Absent)
    (other,) = report.overview.others
    assert (other.name, other.told) == (
        next(iter(KINDS[kind][1])),
        "an array (16, 16, 3)" if kind == "siamese" else "1, -2, 0.5, 3",
    )
    assert (other.picture is not None) == (kind == "siamese")


@pytest.mark.parametrize("kind", KINDS)
def test_the_image_is_what_is_explained(kind: str) -> None:
    """Scores and gradients of many images, beside which the others stay, are those of the model called one by one."""
    model = net(kind)
    network = reportgen.load(model, preprocess="unit")
    assert network.loaded.inputs is not None
    (name,) = KINDS[kind][1]
    beside = network.beside({name: OTHER_GIVEN[0] if kind == "siamese" else FACTS})
    batch = np.concatenate([GIVEN, np.zeros_like(GIVEN), OTHER_GIVEN])
    one_by_one = np.concatenate([beside.scores(each[None]) for each in batch])
    assert beside.scores(batch) == pytest.approx(one_by_one, rel=1e-4, abs=1e-6)
    gradient = beside.gradient(batch[:1], 0)
    images = tf.constant(GIVEN)
    with tf.GradientTape() as tape:
        tape.watch(images)
        facts, other = tf.constant(FACTS[None]), tf.constant(OTHER_GIVEN)
        given = {"a list": [facts, images], "siamese": [images, other], "nested": [images, facts]}
        output = model(given.get(kind, {"facts": facts, "photo": images}))
        logit = getattr(output, "_keras_logits", output)[0, 0]
    assert gradient == pytest.approx(np.asarray(tape.gradient(logit, images)), rel=1e-4, abs=1e-6)


def test_a_table_of_layers_begins_with_all_inputs() -> None:
    found = report_of("a list").layers
    assert not isinstance(found, Absent)
    rows = {row.path: row.inputs for row in found.rows}
    assert list(rows)[:2] == ["photo", "facts"]
    assert (rows["conv1"], rows["dense"], rows["join"]) == (("photo",), ("facts",), ("gap", "dense"))


def test_what_an_encoder_makes_of_the_other_image_is_not_taken_for_this_one() -> None:
    report = report_of("siamese")
    assert not isinstance(report.attributions, Absent)
    assert not isinstance(report.feature_maps, Absent)
    assert {row.path for row in report.attributions.rows} == {"encoder/conv2", ""}
    assert [row.path for row in report.feature_maps.rows] == ["encoder/conv1", "encoder/conv2"]
    maps = reportgen.load(net("siamese"), preprocess="unit").maps("encoder/conv2", GIVEN)
    assert report.feature_maps.rows[1].max == pytest.approx(float(maps.max()), rel=1e-4)


def test_another_value_is_another_input() -> None:
    old, new = (
        reportgen.generate(net("a list"), PHOTO, inputs={"facts": facts}, preprocess="unit", skip="feature_visualization")
        for facts in (FACTS, FACTS + 1)
    )
    assert old.provenance.input_digest != new.provenance.input_digest
    told = reportgen.diff(old, new)
    assert not told.same
    assert any(each.name == "Option inputs" and not each.same for each in told.circumstances)
    assert told.caveats[0] == OTHER_INPUTS
    assert told.verdict.startswith("The other inputs were given different values")
    assert "resized" not in told.verdict


# On a command line


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("several")
    for kind, name in (("a list", "facts"), ("siamese", "siamese")):
        net(kind).save(folder / f"{name}.keras")
    Image.fromarray(PHOTO).save(folder / "photo.png")
    Image.fromarray(OTHER).save(folder / "other.png")
    np.save(folder / "facts.npy", FACTS)
    return folder


def ran(monkeypatch: pytest.MonkeyPatch, *words: str | Path) -> int:
    monkeypatch.setattr(sys, "argv", ["reportgen", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.mark.parametrize("value", ["1,-2,0.5,3", "facts.npy"])
def test_a_command_gives_numbers_or_a_file(saved: Path, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(saved)
    words = ("report", "photo.png", "-m", "facts.keras", "--input", f"facts={value}", "--preprocess", "unit")
    assert ran(monkeypatch, *words, "--only", "predictions", "-o", "a.html", "--force", "--quiet") == 0
    report = reportgen.read("a.html")
    found = report_of("a list").predictions
    assert not isinstance(report.predictions, Absent)
    assert not isinstance(found, Absent)
    expected = {row.class_index: row.score for row in found.rows}
    assert {row.class_index: row.score for row in report.predictions.rows} == pytest.approx(expected, rel=1e-5)
    assert f"--input facts={value}" in report.provenance.command


def test_a_second_image_is_fitted_and_scaled_as_the_first(saved: Path) -> None:
    large = np.asarray(Image.fromarray(OTHER).resize((40, 30), Image.Resampling.BICUBIC))
    Image.fromarray(large).save(saved / "large.png")
    given = {"right": saved / "large.png"}
    report = reportgen.generate(
        saved / "siamese.keras", saved / "photo.png", inputs=given, preprocess="symmetric", only="predictions"
    )
    fitted = np.asarray(Image.fromarray(large).resize((16, 16), Image.Resampling.BICUBIC))
    pair = [each[None] / np.float32(127.5) - 1 for each in (PHOTO, fitted)]
    assert not isinstance(report.predictions, Absent)
    assert report.predictions.rows[0].score == pytest.approx(float(np.asarray(net("siamese")(pair))[0, 0]), rel=1e-5)
    assert "--input right=large.png" in report.provenance.command


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "the model takes 2 inputs: facts (4,), photo (16, 16, 3). photo takes the image.\nPass values for the others: "
             "--input facts=FILE"),
        (("--input", "fact=1"), "--input fact: the model has no such input; besides photo, it takes facts (4,)."),
        (("--input", "photo=1"), "--input photo: this input takes the image; expected one of the others: facts (4,)."),
        (("--input", "facts=1,2"), "--input facts: 2 numbers; expected an array of shape (4,)."),
        (("--input", "facts=no.npy"), "no.npy: no such file"),
        (("--input", "facts=other.png"), "facts: an image for an input of shape (4,); expected an array (.npy) or numbers."),
        (("--input", "facts"), "--input facts: expected NAME=FILE or NAME=NUMBER"),
    ],
)  # fmt: skip
def test_what_is_missing_or_wrong_is_told(
    saved: Path, words: tuple[str, ...], told: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(saved)
    assert ran(monkeypatch, "report", "photo.png", "-m", "facts.keras", *words, "-o", "never.html") == 2
    assert told in capfd.readouterr().err
    assert not (saved / "never.html").exists()


def test_a_model_of_one_input_takes_no_other() -> None:
    with pytest.raises(OptionError, match=r"^--input more: logits has no input other than the image"):
        reportgen.generate(built("logits"), PHOTO, inputs={"more": 1})


def test_a_model_without_an_input_for_images_is_refused() -> None:
    pair = [keras.Input((4,), name="a"), keras.Input((3,), name="b")]
    model = keras.Model(pair, layers.Concatenate()(pair), name="tables")
    with pytest.raises(ModelError, match=r"takes 2 inputs \(a \(4,\), b \(3,\)\); expected one for images"):
        reportgen.generate(model, PHOTO, inputs={"b": 1})


def test_the_option_from_python() -> None:
    read = read_options(
        Options, {"inputs": {"a": 2, "b": [1.5, 2], "c": Path("x/y.png"), "d": np.zeros((3, 4)), "e": "7"}}
    ).inputs
    assert read[:3] == ("a=2", "b=1.5,2", "c=x/y.png")
    assert isinstance(read[3], HeldValue)
    assert read[3].startswith("d=array float64 (3, 4) ")
    assert read[4] == "e=7"
    assert without_folders(read)[2] == "c=y.png"
    assert read_options(Options, {"inputs": read}).inputs == read
    for wrong in ({"a": None}, {"": 1}, {"a=b": 1}, {"a": object()}, ["a"], ["a=1", "a=2"], 3, {"a": True}):
        with pytest.raises(OptionError, match="--input"):
            read_options(Options, {"inputs": wrong})


class Beside(keras.Model):  # type: ignore[misc]
    """A model whose own `call` takes two inputs."""

    def __init__(self) -> None:
        super().__init__(name="beside")
        self.conv, self.head = layers.Conv2D(2, 3), layers.Dense(2, activation="softmax")

    def call(self, image: Any, meta: Any, training: bool = False) -> Any:
        return self.head(keras.ops.concatenate([keras.ops.mean(self.conv(image), axis=(1, 2)), meta], axis=1))


class BesideBuilt(Beside):
    def build(self, image_shape: Any, meta_shape: Any) -> None:
        self.built = True


def test_a_call_of_two_arguments_needs_the_shapes_of_both() -> None:
    image, meta = np.zeros((1, 12, 12, 3), np.float32), np.zeros((1, 2), np.float32)
    model, built = Beside(), BesideBuilt()
    model(image, meta)
    built(image, meta)
    with pytest.raises(ModelError, match=r"its call takes image, meta, .* build\(self, image_shape, meta_shape\)"):
        reportgen.generate(model, PHOTO)
    report = reportgen.generate(built, PHOTO, inputs={"meta": [1, 2]}, preprocess="none", only="predictions")
    pixels = reportgen.resizing.fit(PHOTO, 12, 12)
    expected = np.asarray(built(pixels[None].astype(np.float32), np.array([[1, 2]], np.float32)))[0]
    assert {row.class_index: row.score for row in report.predictions.rows} == pytest.approx(  # type: ignore[union-attr]
        dict(enumerate(expected)), rel=1e-5
    )
