"""The distributions that a layer's weights were drawn from before training, by its initializer's configuration."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from ..kernels import Law

TRUNCATED_STD = 0.87962566103423978  # of a standard normal distribution truncated at -2 and 2
# the named variants of `VarianceScaling`: scale, mode and distribution
SCALINGS = {
    "GlorotUniform": (1.0, "fan_avg", "uniform"),
    "GlorotNormal": (1.0, "fan_avg", "truncated_normal"),
    "HeUniform": (2.0, "fan_in", "uniform"),
    "HeNormal": (2.0, "fan_in", "truncated_normal"),
    "LecunUniform": (1.0, "fan_in", "uniform"),
    "LecunNormal": (1.0, "fan_in", "truncated_normal"),
}
# by a weight's name, the prefixes that the attribute of its initializer may have
DRAWN_BY = {"kernel": ("kernel", "depthwise"), "depthwise_kernel": ("depthwise",), "pointwise_kernel": ("pointwise",)}


def initial_laws(layer: Any, name: str, shape: tuple[int, ...]) -> tuple[Law, ...]:
    """Return the distributions that the layer may have drawn its weight `name` of this shape from.

    Empty if its initializer is not one of Keras's, or does not draw each weight independently.
    """
    prefixes = (prefix for prefix in DRAWN_BY.get(name, ()) if hasattr(layer, f"{prefix}_initializer"))
    initializer: Any = getattr(layer, f"{next(prefixes, '')}_initializer", None)
    if not type(initializer).__module__.startswith("keras."):
        return ()
    kind, config = type(initializer).__name__, initializer.get_config()
    if kind == "RandomUniform":
        low, high = float(config["minval"]), float(config["maxval"])
        return (Law("uniform", (low + high) / 2, (high - low) / 2),)
    if kind in ("RandomNormal", "TruncatedNormal"):
        drawn = Law("normal" if kind == "RandomNormal" else "truncated", float(config["mean"]), float(config["stddev"]))
        return (drawn,)
    if kind in SCALINGS:
        scaling = SCALINGS[kind]
    elif kind == "VarianceScaling":
        scaling = config["scale"], config["mode"], config["distribution"]
    else:
        return ()
    return tuple(dict.fromkeys(_scaled(*scaling, *fans) for fans in _fans(shape, config)))


def _scaled(scale: float, mode: str, distribution: str, fan_in: float, fan_out: float) -> Law:
    """Return the law of `VarianceScaling`, which joins Glorot and Bengio 2010, equation 16, and He et al. 2015, equation 10."""
    fan = {"fan_in": fan_in, "fan_out": fan_out}.get(mode, (fan_in + fan_out) / 2)
    variance = scale / max(1.0, fan)
    if distribution == "uniform":
        return Law("uniform", 0.0, math.sqrt(3 * variance))
    if distribution == "untruncated_normal":
        return Law("normal", 0.0, math.sqrt(variance))
    return Law("truncated", 0.0, math.sqrt(variance) / TRUNCATED_STD)


def _fans(shape: tuple[int, ...], config: dict[str, Any]) -> Iterator[tuple[float, float]]:
    """Yield fan-in and fan-out: by the last two axes, and by the axes that newer versions of Keras name."""
    if len(shape) > 1:
        places = math.prod(shape[:-2])
        yield places * shape[-2], places * shape[-1]
    axes_in, axes_out = config.get("input_axes"), config.get("output_axes")
    if axes_in is not None and axes_out is not None:
        yield math.prod(shape[axis] for axis in axes_in), math.prod(shape[axis] for axis in axes_out)
