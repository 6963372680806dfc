"""Hand-set layers that pick a colour or keep it, and the report that explains a net of them."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

import reportgen
from reportgen import Report
from reportgen.probe import LayerCall
from reportgen.report import Absent
from reportgen.sections.attributions.find import Attribution

from .models import keras, layers

RED, GREEN = (5, 7), (20, 11)  # where the image has its two bright pixels
SIZE = 32
LAST = "is the last layer with a height and a width on the path to the score."


def image() -> np.ndarray:
    pixels = np.zeros((SIZE, SIZE, 3), np.uint8)
    pixels[RED], pixels[GREEN] = (255, 0, 0), (0, 255, 0)
    return pixels


def picking(name: str, *weights: float, **options: Any) -> Any:
    """A 1 x 1 convolution with one filter of these weights."""
    kernel = np.array(weights, np.float32).reshape(1, 1, -1, 1)
    return layers.Conv2D(1, 1, use_bias=False, kernel_initializer=lambda *_, **__: kernel, name=name, **options)


def keeping(name: str, channels: int = 3, **options: Any) -> Any:
    """A 1 x 1 convolution that hands on every channel."""
    kernel = np.eye(channels, dtype=np.float32)[None, None]
    return layers.Conv2D(channels, 1, use_bias=False, kernel_initializer=lambda *_, **__: kernel, name=name, **options)


def score(name: str, units: int = 1) -> Any:
    return layers.Dense(units, use_bias=False, kernel_initializer="ones", name=name)


def average(name: str) -> Any:
    return layers.GlobalAveragePooling2D(name=name)


def report_of(model: Any, pixels: np.ndarray | None = None, **options: Any) -> Report:
    report = reportgen.generate(
        model, image() if pixels is None else pixels, **{"preprocess": "unit", "skip": "feature_visualization", **options}
    )
    assert reportgen.read(reportgen.render(report)) == report
    return report


def explained(report: Report) -> Attribution:
    assert not isinstance(report.attributions, Absent), report.attributions.reason
    return report.attributions.rows[0]


def hottest(row: Attribution) -> list[tuple[int, ...]]:
    return [tuple(place.tolist()) for place in np.argwhere(row.heatmap.values == 255)]


def layer(report: Report, path: str) -> LayerCall:
    assert not isinstance(report.layers, Absent)
    (found,) = (row for row in report.layers.rows if row.path == path)
    return found


def words(report: Report) -> str:
    """What the page says, without its marks."""
    body = reportgen.render(report).split("<main")[1].split("</main>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", body).replace("&#39;", "'").split())


def two_heads(first: str) -> Any:
    """A head that looks at red and one that looks at green, each with a convolution of its own."""
    inputs = keras.Input((SIZE, SIZE, 3), name="image")
    trunk = keeping("trunk")(inputs)
    red = score("class_score")(average("class_average")(picking("class_conv", 1, 0, 0)(trunk)))
    green = score("box_score")(average("box_average")(picking("box_conv", 0, 1, 0)(trunk)))
    heads = {"class": red, "box": green}
    return keras.Model(inputs, {name: heads[name] for name in sorted(heads, key=lambda name: name != first)})
