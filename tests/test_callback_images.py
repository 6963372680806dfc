"""What the callback of a training is given: images and truths in every form, and mistakes that are found before the training."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import reportgen
from reportgen.backend import tf
from reportgen.callback.images import shown_images
from reportgen.errors import ImageError, LabelsError, OptionError, OutputError

from .trainings import X


@pytest.mark.parametrize(
    ("truth", "expected"),
    [
        ([1, "cat"], [1, "cat"]),
        (np.array([[2], [0]]), [2, 0]),
        (np.array([2.0, 0.0]), [2, 0]),
        (np.eye(3)[[2, 0]], [2, 0]),
        (tf.constant([1, 2]), [1, 2]),
        ((None, np.int64(1)), [None, 1]),
        ({"image-2": 1}, [None, 1]),
        (None, [None, None]),
    ],
)
def test_forms_of_truth(truth: Any, expected: list[Any]) -> None:
    assert [image.truth for image in shown_images(X[:2], truth)] == expected


def test_forms_of_images(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "image-1.png")
    found = shown_images([str(tmp_path), X[0], tf.constant(X[:2]), (X[0, :, :, 0] * 255).astype(np.uint8)])
    assert [image.source.stem for image in found] == ["image-1", "image-1-2", "image-2", "image-3", "image-4"]
    assert [image.array is None for image in found] == [True, False, False, False, False]
    named = shown_images({"a b": X[0], "file": tmp_path / "image-1.png"}, {"file": "red"})
    assert [(image.source.name, image.source.stem, image.truth) for image in named] == [
        ("a b", "a-b", None),
        ("file", "file", "red"),
    ]
    given = X[0].copy()
    kept = shown_images(given)[0].array
    given[:] = 0  # as a program that fills its buffer anew
    assert kept is not None
    assert isinstance(kept, reportgen.arrays.GivenArray)
    np.testing.assert_array_equal(kept.values, X[0])


@pytest.mark.parametrize(
    ("given", "error", "told"),
    [
        ({"images": []}, ImageError, "no image"),
        ({"images": np.zeros((1001, 2, 2, 3))}, ImageError, "x_val"),
        ({"images": 3}, ImageError, "int"),
        ({"images": np.zeros((2, 2, 2, 2, 3))}, ImageError, "image-1"),
        ({"images": "missing.png"}, ImageError, "no such file"),
        ({"every": 0}, OptionError, "every=0"),
        ({"every": 1.5}, OptionError, "every=1.5"),
        ({"every": True}, OptionError, "every=True"),
        ({"epochs": 3}, OptionError, "epochs=3"),
        ({"epochs": [-1]}, OptionError, "epochs=-1"),
        ({"truth": [1, 2, 3]}, LabelsError, "3 images, of 1"),
        ({"truth": [0.5]}, LabelsError, "0.5"),
        ({"truth": "folders"}, LabelsError, "folders"),
        ({"truth": np.array([[0.5, 0.5]])}, LabelsError, "one-hot"),
        ({"output": "missing/site"}, OutputError, "no folder"),
        ({"colour": "red"}, OptionError, "colour"),
    ],
)
def test_mistakes_are_found_before_the_training(
    given: dict[str, Any], error: type[Exception], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=re.escape(told)) as caught:
        reportgen.ReportCallback(**{"images": X[:1], **given})
    assert "\n" not in str(caught.value)
    assert not any(tmp_path.iterdir())
