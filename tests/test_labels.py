"""The labels of classes: every form of a file, what is none, and that they fit the model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reportgen.errors import LabelsError
from reportgen.loading.labels import imagenet_labels, read_labels
from reportgen.loading.sources import load

from .models import built


def test_imagenet_labels() -> None:
    labels = imagenet_labels()
    assert len(labels) == len(set(labels)) == 1000
    assert [labels[index] for index in (0, 281, 285, 817, 999)] == [
        "tench",
        "tabby",
        "Egyptian cat",
        "sports car",
        "toilet tissue",
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.txt", "cat\ndog\n"),
        ("bom.txt", "\ufeffcat\ndog"),
        ("crlf.txt", "cat\r\ndog\r\n\r\n"),
        ("list.json", '["cat", "dog"]'),
        ("index.json", '{"1": "dog", "0": "cat"}'),
        ("label.json", '{"dog": 1, "cat": 0}'),
        ("keras.json", '{"0": ["n02123045", "cat"], "1": ["n02084071", "dog"]}'),
    ],
)
def test_labels_in_every_form(name: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(text.encode())
    assert read_labels(path) == ("cat", "dog")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.txt", b""),
        ("binary.txt", b"\xff\xfe\x00"),
        ("broken.json", b'["cat"'),
        ("number.json", b"3"),
        ("gap.json", b'{"0": "cat", "2": "dog"}'),
        ("nested.json", b"[" * 100_000),
        ("empty pair.json", b'{"0": []}'),
    ],
)
def test_labels_that_are_none_are_refused(name: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(LabelsError, match=name):
        read_labels(path)


def test_labels_must_fit_the_classes(tmp_path: Path) -> None:
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(["a", "b", "c", "d"]))
    with pytest.raises(LabelsError, match="4 labels for 5 classes"):
        load(built("functional"), labels=path)
    with pytest.raises(LabelsError, match="missing"):
        load(built("functional"), labels=tmp_path / "missing.txt")
    assert load(built("functional"), labels=list("abcde")).labels == tuple("abcde")
