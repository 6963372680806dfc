"""Changes planted in the image, the labels and the options: the verdict names each, and the same given otherwise is the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np

import reportgen
from reportgen.comparison.provenance import OTHER_SIZE
from reportgen.report import Absent
from reportgen.sections.predictions.compare import Answers

from .planted import LABELS, compared, net, report_of, report_of_net


def test_another_label_file(cat: Path, tmp_path: Path) -> None:
    for name, labels in (("old.txt", LABELS), ("new.txt", LABELS[::-1])):
        (tmp_path / name).write_text("\n".join(labels))
    old, new = (report_of(net(), cat, labels=str(tmp_path / name)) for name in ("old.txt", "new.txt"))
    diff = reportgen.diff(old, new)
    assert diff.verdict.startswith("The labels differ: the answer, class ")
    assert diff.verdict.endswith("Same architecture; every weight is the same.")
    assert not diff.same


def test_other_labels_of_classes_that_are_not_shown(cat: Path) -> None:
    many = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Conv2D(25, 16, name="conv"), keras.layers.Flatten(),
                             keras.layers.Softmax()])  # fmt: skip
    labels = [f"label {place}" for place in range(25)]
    old = report_of(many, cat, labels=labels)
    assert not isinstance(old.predictions, Absent)
    worst = next(place for place in range(25) if place not in {row.class_index for row in old.predictions.rows})
    labels[worst] = "another"
    diff = reportgen.diff(old, report_of(many, cat, labels=labels))
    assert "the labels of other classes differ" in diff.verdict
    assert not diff.same


def test_another_image(cat: Path, tmp_path: Path) -> None:
    from PIL import Image

    other = tmp_path / "other.png"
    Image.open(cat).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(other)
    diff = reportgen.diff(report_of_net(cat), report_of(net(), other))
    assert diff.verdict == "Another image (`cat.png`, now `other.png`). Same architecture; every weight is the same."
    assert "different images" in diff.caveats[0]
    for part in (diff.predictions, diff.attributions, diff.feature_maps):
        assert part == Absent(diff.caveats[0])
    assert not diff.same


def test_the_same_image_in_another_file_is_the_same(cat: Path, tmp_path: Path) -> None:
    from PIL import Image

    copy = tmp_path / "copy.bmp"
    Image.open(cat).convert("RGB").save(copy)
    diff = reportgen.diff(report_of_net(cat), report_of(net(), copy))
    assert diff.same, diff.verdict


def test_another_preprocessing(cat: Path) -> None:
    diff = reportgen.diff(report_of_net(cat), report_of(net(), cat, preprocess="symmetric"))
    assert diff.verdict.startswith("The pixels were scaled differently (`unit: ")
    assert "every weight is the same" in diff.verdict
    assert "scaled differently" in diff.caveats[0]
    assert not diff.same


def test_a_setting_that_no_table_shows(cat: Path) -> None:
    def started(initializer: str) -> Any:
        conv = keras.layers.Conv2D(4, 16, name="conv", kernel_initializer=initializer)
        model = keras.Sequential([keras.Input((16, 16, 3), name="picture"), conv, keras.layers.Flatten(name="flat")])
        conv.set_weights([np.full((16, 16, 3, 4), 0.01), np.arange(4)])
        return model

    verdict = compared(started("zeros"), started("ones"), cat).verdict
    assert "the models differ in something that the reports do not show" in verdict


def test_the_same_image_given_otherwise(cat: Path) -> None:
    cropped = reportgen.diff(report_of_net(cat), report_of(net(), cat, fit="crop"))
    assert cropped.verdict == "The image was fitted or resized differently. Same architecture; every weight is the same."
    assert "--fit" in cropped.caveats[0]
    wide = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(4, 3, name="conv"),
                             keras.layers.GlobalAveragePooling2D(), keras.layers.Softmax()])  # fmt: skip
    sized = reportgen.diff(report_of(wide, cat, size=(20, 20)), report_of(wide, cat, size=(30, 30)))
    assert sized.verdict.startswith("The image was given at another size. The answer ")
    assert isinstance(sized.predictions, Answers)
    assert "The answer" in sized.verdict
    assert {section.name for section in sized.sections if section.changes} >= {"provenance", "predictions"}
    assert isinstance(sized.feature_maps, Absent)
    assert sized.caveats == (OTHER_SIZE,)


def test_the_top_class_named_is_the_same_as_not_named(cat: Path) -> None:
    plain = report_of_net(cat)
    assert not isinstance(plain.predictions, Absent)
    named = report_of(net(), cat, target=plain.predictions.rows[0].class_index)
    diff = reportgen.diff(plain, named)
    assert diff.same
    assert diff.caveats == ()
    # a class that both explain, among others, is compared; only where there is none, the reader is told
    second, third = (report_of(net(), cat, target=plain.predictions.rows[place].class_index) for place in (1, 2))
    among = reportgen.diff(plain, second)
    assert among.same
    assert among.caveats == ()
    assert [row.new_class_index for row in among.attributions.rows] == [plain.predictions.rows[1].class_index]
    apart = reportgen.diff(second, third)
    assert "explain different classes" in apart.caveats[0]
    assert not apart.same


def test_another_number_of_classes_is_told(cat: Path) -> None:
    old = net()
    body = keras.Model(old.inputs, old.get_layer("average").output)
    smaller = keras.Model(body.inputs, keras.layers.Dense(3, activation="softmax", name="answer")(body.output))
    diff = reportgen.diff(report_of_net(cat), report_of(smaller, cat, labels=LABELS[:3]))
    assert (
        "The scores cannot be compared: the old model outputs probabilities of 4 classes, the new one probabilities of 3 classes"
        in diff.verdict
    )
    assert (
        "unchanged, though not frozen (96.6 % of the new model's weights); the head was replaced: 4 classes, now 3 classes"
        in diff.verdict
    )


def test_two_labels_fit_the_one_score_of_a_yes_or_no_answer(cat: Path) -> None:
    layers = [keras.layers.Conv2D(2, 3), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(1, activation="sigmoid")]
    model = keras.Sequential([keras.Input((16, 16, 3)), *layers])
    report = report_of(model, cat, labels=("sound", "cracked"))
    assert not isinstance(report.predictions, Absent)
    assert report.predictions.rows[0].label == "cracked"
