"""Small nets of every kind of layer, and which pixels a value of theirs changes with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import reportgen

from .models import keras, layers, tf

Net = Callable[[Any], Any]  # from the image's tensor to that of the layer that is explained
FIRST = {"data_format": "channels_first"}
ONES: dict[str, Any] = {"use_bias": False, "kernel_initializer": "ones"}


def conv(size: int, name: str | None = None, **options: Any) -> Any:
    """A convolution that adds up what it sees, so that every place of it counts."""
    return layers.Conv2D(1, size, name=name, **ONES, **options)


def middle() -> Any:
    """A convolution of 3 x 3 that hands on what lies in its middle."""
    kernel = np.zeros((3, 3, 1, 1))
    kernel[1, 1] = 1
    return layers.Conv2D(1, 3, use_bias=False, kernel_initializer=lambda *_args, **_options: kernel)


def chain(*parts: Any) -> Net:
    def net(x: Any) -> Any:
        for part in parts:
            x = part(x)
        return x

    return net


def model_of(net: Net, height: int, width: int, channels_first: bool = False) -> Any:
    """`net` on a grey image, averaged and handed on as the one score."""
    inputs = keras.Input((1, height, width) if channels_first else (height, width, 1), name="image")
    options = FIRST if channels_first else {}
    x = layers.GlobalAveragePooling2D(name="average", **options)(net(inputs))
    return keras.Model(inputs, layers.Dense(1, name="score", **ONES)(x))


# Every kind of layer against what its cells see when one row or column of pixels after the other is lit


def residual(x: Any) -> Any:
    """The two ways see different middles: 3 x 3 with stride 2 looks one pixel further than a pooling that takes each second."""
    return layers.Add()([conv(3, strides=2, padding="same")(x), layers.MaxPooling2D(1, 2)(x)])


def inception(x: Any) -> Any:
    return layers.Concatenate()([conv(5)(x), layers.Cropping2D(2)(x), conv(3)(conv(3)(x))])


def excited(x: Any) -> Any:
    x = conv(5, strides=2)(x)
    gate = layers.Dense(1, activation="sigmoid", name="gate")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    return layers.Multiply()([x, gate])


def pyramid(x: Any) -> Any:
    fine = conv(3, strides=2, padding="same")(x)
    coarse = conv(3, strides=2, padding="same")(fine)
    return layers.Add()([layers.UpSampling2D()(conv(1)(coarse)), conv(1)(fine)])


def arithmetic(x: Any) -> Any:
    x = keras.ops.pad(x, [[0, 0], [2, 1], [0, 3], [0, 0]])
    return keras.ops.relu(conv(3, strides=2)(x) * 2.0) + 1.0


def nested(x: Any) -> Any:
    inner = keras.Input(x.shape[1:])
    return keras.Model(inner, conv(3, strides=3)(layers.AveragePooling2D(3, 2)(inner)), name="inner")(x)


@keras.saving.register_keras_serializable("tests")
class OwnConvolution(keras.layers.Layer):  # type: ignore[misc]
    """A convolution that is TensorFlow's own, behind a frame that is, too."""

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(shape=(4, 3, 1, 1), initializer="ones", name="kernel")

    def call(self, x: Any) -> Any:
        x = tf.pad(x, [[0, 0], [1, 0], [3, 2], [0, 0]])
        return tf.nn.relu(tf.nn.conv2d(x, self.kernel, strides=(2, 1), padding="SAME"))


SEPARABLE: dict[str, Any] = {"use_bias": False, "depthwise_initializer": "ones", "pointwise_initializer": "ones"}
NETS: dict[str, Callable[[], Net]] = {
    "valid": lambda: chain(conv(5), conv(4), conv(3, strides=3)),
    "same": lambda: chain(conv(5, padding="same"), conv(4, padding="same"), conv(3, padding="same", strides=2)),
    "same even": lambda: chain(conv(2, padding="same", strides=2), conv(4, padding="same", strides=2)),
    "dilated": lambda: chain(conv(3, dilation_rate=2), conv(3, padding="same", dilation_rate=3)),
    "oblong": lambda: chain(layers.Conv2D(1, (5, 2), strides=(3, 3), **ONES)),
    "depthwise": lambda: chain(layers.DepthwiseConv2D(3, strides=2, use_bias=False, depthwise_initializer="ones")),
    "separable": lambda: chain(layers.SeparableConv2D(1, 4, padding="same", **SEPARABLE)),
    "pools": lambda: chain(layers.MaxPooling2D(3, 2), layers.AveragePooling2D(3, 2, padding="same"), conv(1)),
    "frames": lambda: chain(layers.ZeroPadding2D(((1, 4), (3, 0))), conv(3), layers.Cropping2D(((2, 1), (0, 5))), conv(1)),
    "enlarged": lambda: chain(conv(3, strides=3), layers.UpSampling2D(3), conv(3)),
    "smooth": lambda: chain(conv(4, strides=4), layers.UpSampling2D(2, interpolation="bilinear"), conv(1)),
    "transposed": lambda: chain(conv(5, strides=4), layers.Conv2DTranspose(1, 4, strides=2, padding="same", **ONES)),
    "transposed valid": lambda: chain(conv(2, strides=2), layers.Conv2DTranspose(1, 6, strides=3, **ONES)),
    "transposed odd": lambda: chain(conv(4, strides=4), layers.Conv2DTranspose(1, 3, strides=2, padding="same", **ONES)),
    "centre": lambda: chain(layers.CenterCrop(20, 16), conv(3)),
    "residual": lambda: residual,
    "inception": lambda: inception,
    "excited": lambda: excited,
    "pyramid": lambda: pyramid,
    "arithmetic": lambda: arithmetic,
    "nested": lambda: nested,
    "own": lambda: chain(conv(2), OwnConvolution()),
    "normalized": lambda: chain(conv(3), layers.BatchNormalization(), layers.LeakyReLU(), layers.Dropout(0.5), conv(2)),
    "channels first": lambda: chain(
        layers.ZeroPadding2D(((2, 0), (0, 1)), **FIRST), conv(3, **FIRST), layers.MaxPooling2D(**FIRST), conv(1, **FIRST)
    ),
}
# of nets that enlarge maps, the width in pixels of a cell before that
ENLARGED = {"enlarged": 3.0, "smooth": 4.0, "transposed": 4.0, "transposed valid": 2.0, "transposed odd": 4.0, "pyramid": 4.0}


def seen_by(model: Any, path: str, axis: int, size: tuple[int, int]) -> list[np.ndarray]:
    """For each cell along an axis (0: down) the rows or columns of pixels that it sees: those that change it when lit."""
    network = reportgen.load(model, preprocess="unit")
    batch = np.zeros((1 + size[axis], *size, 1), np.float32)
    for place in range(size[axis]):
        batch[1 + place][(place, slice(None)) if axis == 0 else (slice(None), place)] = 1
    maps = network.maps(path, batch)
    changed = (np.abs(maps[1:] - maps[:1]) > 1e-6).any(axis=(2, 3) if axis == 0 else (1, 3))
    return [np.flatnonzero(changed[:, cell]) for cell in range(changed.shape[1])]


EVEN, ODD = (32, 28), (33, 31)


def by_turns(*sizes: tuple[int, int]) -> list[tuple[str, tuple[int, int]]]:
    """Every net with one of the two sizes, the next with the other: here they begin with one, receptive fields with the other."""
    turns = [(name, sizes[place % 2]) for place, name in enumerate(NETS)]
    # maps of an odd size, halved and doubled, cannot be added to themselves
    return [(name, EVEN if name == "pyramid" else size) for name, size in turns]
