"""Receptive fields: against published figures (see also `test_applications`), and what the pixels of an image really change."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen.layer_calls import ReceptiveField
from reportgen.page.read import read
from reportgen.page.render import render
from reportgen.report import present

from .gold import report_file
from .models import keras, layers, tf
from .placed_nets import ENLARGED, EVEN, NETS, ODD, by_turns, chain, conv, model_of, seen_by

VGG16 = (3, 5, 6, 10, 14, 16, 24, 32, 40, 44, 60, 76, 92, 100, 132, 164, 196, 212)
MOBILENET = (3, 7, 11, 19, 27, 43, 59, 91, 123, 155, 187, 219, 251, 315)


def fields_of(model: Any) -> dict[str, ReceptiveField | None]:
    return {row.path: row.receptive_field for row in reportgen.load(model, preprocess="unit").layers}


def square(field: ReceptiveField | None) -> float:
    assert field is not None
    assert field.size is not None
    assert field.size[0] == field.size[1]
    return field.size[0]


def test_those_of_vgg16_are_as_published() -> None:
    fields = fields_of(keras.applications.VGG16(weights=None, include_top=False, input_shape=(224, 224, 3)))
    assert tuple(square(field) for path, field in fields.items() if "block" in path) == VGG16
    last = fields["block5_conv3"]
    assert last is not None
    # 13 convolutions of 3 x 3 between four poolings of 2 x 2: (2 - 1) / 2 (1 + 2 + 4 + 8) = 7.5
    assert (last.stride, last.offset, last.aligned) == ((16, 16), (7.5, 7.5), True)


def test_those_of_mobilenet_are_as_published() -> None:
    fields = fields_of(keras.applications.MobileNet(alpha=0.25, weights=None, include_top=False, input_shape=(224, 224, 3)))
    found = [square(field) for path, field in fields.items() if path == "conv1" or path.startswith("conv_dw_")]
    assert tuple(dict.fromkeys(found)) == MOBILENET


@pytest.mark.parametrize(("name", "size"), by_turns(ODD, EVEN))
def test_a_field_holds_the_pixels_that_change_a_value_and_no_others(name: str, size: tuple[int, int]) -> None:
    """With all weights 1, a value changes with each pixel that it sees. An excited net sees more: its gate takes all places."""
    model = model_of(NETS[name](), *size, channels_first=name == "channels first")
    rows = [row for row in reportgen.load(model, preprocess="unit").layers if len(row.output_shape) == 3]
    row = rows[-1]
    field = row.receptive_field
    assert field is not None
    if name == "excited":
        assert field.extent == "whole"
        return
    # a convolution of 3 x 3 that takes each second pixel begins between two where their number is even
    assert (field.extent, field.aligned) == ("part", name not in ("residual", "pyramid") or size == ODD)
    assert field.exact == (name not in ENLARGED)
    assert field.size is not None
    assert field.stride is not None
    assert field.offset is not None
    checked = 0
    for axis in (0, 1):
        reach, stride, offset = field.size[axis], field.stride[axis], field.offset[axis]
        for place, pixels in enumerate(seen_by(model, row.path, axis, size)):
            middle = offset + place * stride
            first, last = middle - (reach - 1) / 2, middle + (reach - 1) / 2
            if name in ENLARGED:  # the cells that one cell became see the same, and are drawn evenly
                assert pixels.size == 0 or np.ptp(pixels) + 1 <= reach
                checked += 1
            elif first >= 0 and last <= size[axis] - 1 and name not in ("residual", "dilated"):
                assert (pixels[0], pixels[-1]) == pytest.approx((first, last), abs=2e-3)
                checked += 1
            elif pixels.size and first >= 0 and last <= size[axis] - 1:  # with gaps, or more on one side
                assert pixels[0] >= first - 2e-3
                assert pixels[-1] <= last + 2e-3
                checked += 1
    assert checked > 3


class Flipped(keras.layers.Layer):  # type: ignore[misc]
    """Takes each row from the other end: where its values look is not told."""

    def call(self, x: Any) -> Any:
        return tf.gather(x, tf.range(x.shape[1])[::-1], axis=1)


class Averaged(keras.layers.Layer):  # type: ignore[misc]
    """Takes the mean over all places away, by TensorFlow's own operation."""

    def call(self, x: Any) -> Any:
        return x - tf.reduce_mean(x, axis=(1, 2), keepdims=True)


@pytest.mark.parametrize(
    ("layer", "extent"),
    [
        (layers.GlobalAveragePooling2D(keepdims=True), "whole"),
        (layers.GlobalMaxPooling2D(keepdims=True), "whole"),
        (layers.GroupNormalization(1), "whole"),
        (layers.LayerNormalization(axis=(1, 2, 3)), "whole"),
        (layers.LayerNormalization(), "part"),
        (layers.LayerNormalization(axis=1), "unknown"),
        (layers.Softmax(axis=(1, 2)), "whole"),
        (layers.Softmax(), "part"),
        (layers.BatchNormalization(), "part"),
        (layers.Dense(2), "part"),
        (layers.Permute((2, 1, 3)), "unknown"),
        (Flipped(), "unknown"),
        (Averaged(), "whole"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_takes_all_places_together_sees_the_whole_image_and_so_does_all_behind_it(layer: Any, extent: str) -> None:
    inputs = keras.Input((12, 12, 1))
    x = layer(conv(3)(inputs))
    fields = fields_of(keras.Model(inputs, conv(1, name="behind")(x)))
    assert fields["behind"] is not None
    assert fields["behind"].extent == extent
    if extent == "part":
        assert square(fields["behind"]) == 3


def test_a_gate_of_the_whole_image_makes_all_it_multiplies_see_the_whole() -> None:
    inputs = keras.Input((12, 12, 1))
    gate = layers.Reshape((1, 1, 1))(layers.GlobalAveragePooling2D()(inputs))
    fields = fields_of(keras.Model(inputs, layers.Multiply(name="gated")([conv(3)(inputs), conv(1)(gate)])))
    assert fields["gated"] == ReceptiveField(extent="whole")


@pytest.mark.parametrize(("interpolation", "reach"), [("nearest", 6), ("bilinear", 10), ("bicubic", 18)])
def test_resizing_looks_at_neighbours(interpolation: str, reach: int) -> None:
    # a cell of 4 x 4 pixels; bilinear mixes 2 of them, 4 pixels apart, bicubic 4; and half a cell, as they lie beside the middle
    net = chain(conv(4, strides=4), layers.UpSampling2D(2, interpolation=interpolation), conv(1, name="last"))
    model = model_of(net, 32, 32)
    assert square(fields_of(model)["last"]) == reach
    seen = [np.ptp(pixels) + 1 for pixels in seen_by(model, "last", 0, (32, 32))]
    assert max(seen) <= reach


def test_what_is_no_map_has_a_field_only_behind_the_whole_image() -> None:
    inputs = keras.Input((12, 12, 1))
    x = layers.Flatten(name="flat")(conv(3)(inputs))
    fields = fields_of(keras.Model(inputs, layers.Dense(2, name="score")(x)))
    assert fields["flat"] is None
    assert fields["score"] == ReceptiveField(extent="whole")


def test_a_page_shows_them_and_an_older_report_has_none() -> None:
    report = reportgen.generate("minivgg", np.zeros((64, 64, 3), np.uint8), only="layers")
    page = render(report)
    assert read(page) == report
    assert '<td class="field">140 × 140 <small>whole image; stride 16, offset 7.5</small></td>' in page
    assert '<td class="field">whole image</td>' in page
    old = read(report_file(1))
    table = present(old.layers)
    assert table is not None
    assert all(row.receptive_field is None for row in table.rows)
    assert "Receptive field" not in render(old)


@pytest.mark.parametrize(("field", "image", "covers"), [
    # 3 places, 4 apart, at 0, 4 and 8 of 9 pixels: from 0 to 8 each must reach 8 to either side
    (ReceptiveField(extent="part", size=(17, 17), stride=(4, 4), offset=(0, 0)), (9, 9), True),
    (ReceptiveField(extent="part", size=(16, 17), stride=(4, 4), offset=(0, 0)), (9, 9), False),
    (ReceptiveField(extent="part", size=(17, 17), stride=(4, 4), offset=(0, 0)), (9, 10), False),
    (ReceptiveField(extent="part", size=(17, 17), stride=(4, 4), offset=(0, 1)), (9, 9), False),
    (ReceptiveField(extent="part", size=(99, 99), stride=(4, 4), offset=(0, 0), exact=False), (9, 9), False),  # an upper bound
    (ReceptiveField(extent="part", size=(99, 99), stride=(4, 4), offset=(0, 0), aligned=False), (9, 9), False),
    (ReceptiveField(extent="whole"), (9, 9), True),
    (ReceptiveField(extent="unknown"), (9, 9), False),
])  # fmt: skip
def test_a_field_may_cover_the_image_wherever_it_lies(field: ReceptiveField, image: tuple[int, int], covers: bool) -> None:
    assert field.covers(image, (3, 3)) is covers


def test_the_page_says_which_fields_cover_the_image() -> None:
    # of 5 pixels, a 3 x 3 window sees 3, twice 5, four times 9: the middle of the first place's is 0, so it reaches 4 = 5 - 1
    inputs = x = keras.Input((5, 5, 1))
    for number in range(5):
        x = conv(3, padding="same", name=f"conv{number}")(x)
    page = render(reportgen.generate(keras.Model(inputs, x), np.zeros((5, 5), np.uint8), only="layers"))
    assert '<td class="field">7 × 7 <small>stride 1, offset 0</small></td>' in page
    assert '<td class="field">9 × 9 <small>whole image; stride 1, offset 0</small></td>' in page


@pytest.mark.parametrize(("count", "size", "words"), [
    (2, 9, "depends on 5 × 5 of the input’s 9 × 9 pixels."),
    # nine places of 9 x 9 pixels, of which the one in the middle sees all 9
    (4, 9, "depends on the whole input in the middle of its map, and on a part of the input towards the edges: its receptive "
     "field is 9 × 9 pixels, the input 9 × 9."),
    (4, 5, "depends on the whole input (its receptive field is 9 × 9 pixels, the input 5 × 5)."),
])  # fmt: skip
def test_the_page_says_how_much_the_last_convolution_sees(count: int, size: int, words: str) -> None:
    inputs = x = keras.Input((size, size, 1))
    for number in range(count):
        x = conv(3, padding="same", name=f"conv{number}")(x)
    pooled = layers.Conv2D(2, 1, name="scores")(
        layers.GlobalAveragePooling2D(keepdims=True)(x)
    )  # a map of one place does not count
    page = render(reportgen.generate(keras.Model(inputs, pooled), np.zeros((size, size), np.uint8), only="layers"))
    assert f"One value of the last convolution that makes maps, <bdi>conv{count - 1}</bdi>, {words}" in " ".join(
        page.replace("\xa0", " ").split()
    )


def test_of_a_convolution_behind_a_squeeze_every_value_sees_the_whole_input() -> None:
    inputs = keras.Input((8, 8, 2))
    squeezed = layers.GlobalAveragePooling2D(keepdims=True)(inputs)
    x = conv(3, padding="same", name="last")(layers.Multiply()([inputs, squeezed]))
    page = render(reportgen.generate(keras.Model(inputs, x), np.zeros((8, 8, 2), np.uint8), only="layers"))
    assert "One value of the last convolution that makes maps, <bdi>last</bdi>, depends on the whole input." in page
