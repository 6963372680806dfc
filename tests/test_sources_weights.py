"""The weights of Keras' applications: from a file, drawn at random, or downloaded."""

from __future__ import annotations

import io
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reportgen.errors import ModelError
from reportgen.inspection.network import KerasNetwork
from reportgen.loading.loaded import Loaded
from reportgen.loading.sources import load

from .models import built


@pytest.fixture(scope="module")
def mobilenet() -> Loaded:
    return load("mobilenet", weights="random", seed=1)


def test_weights_from_a_file(mobilenet: Loaded, tmp_path: Path) -> None:
    path = tmp_path / "mine.weights.h5"
    mobilenet.model.save_weights(path)
    again = load("mobilenet", weights=str(path))
    assert KerasNetwork(again).digest == KerasNetwork(mobilenet).digest
    assert again.source == "keras.applications.MobileNet, weights of mine.weights.h5"
    built("sequential").save_weights(path)
    with pytest.raises(ModelError, match="do not fit MobileNet"):
        load("mobilenet", weights=str(path))


def test_random_weights_leave_the_callers_random_numbers_alone(mobilenet: Loaded) -> None:
    random.seed(5)
    np.random.seed(5)
    expected = random.random(), np.random.random()
    random.seed(5)
    np.random.seed(5)
    again = load("mobilenet", weights="random", seed=1)
    assert (random.random(), np.random.random()) == expected
    assert KerasNetwork(again).digest == KerasNetwork(mobilenet).digest
    assert KerasNetwork(load("mobilenet", weights="random", seed=2)).digest != KerasNetwork(mobilenet).digest


def test_imagenet_weights_without_network_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setattr("socket.getaddrinfo", refuse)
    announced: list[str] = []

    def announce(line: str) -> io.StringIO:
        announced.append(line)
        return io.StringIO()

    with pytest.raises(ModelError, match=r"Without a network connection, .*--weights random"):
        load("mobilenet", announce=announce)
    assert announced == [f"The ImageNet weights of MobileNet (17 MB) are downloaded once, to {tmp_path}/.keras/models"]
    with pytest.raises(ModelError):
        load("mobilenet")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "cached", "other"),
    [
        ("mobilenetv3small", "weights_mobilenet_v3_small_224_1.0_float.h5",
         "weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5"),
        ("efficientnetb0", "efficientnetb0.h5", "efficientnetb0_notop.h5"),
        ("mobilenetv2", "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5",
         "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_224.h5"),
    ],
)  # fmt: skip
def test_a_download_is_announced_unless_the_very_file_is_there(
    name: str, cached: str, other: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    asked: list[str] = []

    def refuse(fname: str, *_: Any, **__: Any) -> None:
        asked.append(fname)
        raise OSError("no network")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", refuse)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / other).touch()
    announced: list[str] = []

    def announce(line: str) -> io.StringIO:
        announced.append(line)
        return io.StringIO()

    (tmp_path / "models" / cached).touch(exist_ok=True)
    with pytest.raises(ModelError):
        load(name, announce=announce)
    assert (len(announced), asked) == (0, [cached])
    if name == "mobilenetv3small":  # nothing but the name of the file differs between them
        (tmp_path / "models" / cached).unlink()
        with pytest.raises(ModelError):
            load(name, announce=announce)
        assert (len(announced), asked) == (1, [cached, cached])
