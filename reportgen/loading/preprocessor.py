"""The preprocessor that a task of KerasHub brings: how it resizes an image and scales its pixels."""

from __future__ import annotations

import importlib.util
import math
import sys
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from ..errors import ModelError
from ..options import Fit, Resample
from .allowlist import KERAS_HUB
from .schemes import Scheme, own_scheme

CALLS = ("__call__", "call", "_call_python", "_call_tf")  # the methods of which one does the work
UNUSED = (
    "Its own preprocessor ({name}) does more than resize and scale, and was not used: the image was prepared as for a model "
    "without one. Say how with --fit, --resample and --preprocess."
)


@dataclass(frozen=True, kw_only=True)
class Preprocessor:
    """What a preprocessor does: how it fits and resizes an image, to which (h, w) (None: any), and how it scales pixels."""

    size: tuple[int, int] | None
    fit: Fit
    resample: Resample
    scheme: Scheme


def preprocessor_of(model: Any) -> tuple[Preprocessor | None, tuple[str, ...]]:
    """Return what the model's own preprocessor does, and warnings; None where it has none or one that does more.

    The preprocessor itself is never run: its settings are read. Raises `ModelError` for settings that no preprocessor has.
    """
    if KERAS_HUB not in sys.modules and importlib.util.find_spec(KERAS_HUB) is None:
        return None, ()
    converter = getattr(getattr(model, "preprocessor", None), "image_converter", None)
    if converter is None or not any(base.__module__.startswith(f"{KERAS_HUB}.") for base in type(converter).__mro__):
        return None, ()
    if not _only_resizes_and_scales(converter):
        return None, (UNUSED.format(name=type(converter).__name__),)
    return _read(converter, model.name), ()


def _only_resizes_and_scales(converter: Any) -> bool:
    """Whether its class leaves the work to KerasHub's `ImageConverter`, and asks for a method that we know."""
    from keras_hub.layers import ImageConverter

    ours = type(converter)
    overridden = any(getattr(ours, name) != getattr(ImageConverter, name) for name in CALLS if hasattr(ImageConverter, name))
    return isinstance(converter, ImageConverter) and not overridden and _resample(converter) in get_args(Resample)


def _resample(converter: Any) -> str:
    return f"tf-{converter.interpolation}{'-antialias' if converter.antialias and converter.interpolation != 'nearest' else ''}"


def _read(converter: Any, name: str) -> Preprocessor:
    fit: Fit = "crop" if converter.crop_to_aspect_ratio else "pad" if converter.pad_to_aspect_ratio else "stretch"
    resample: Any = _resample(converter)
    return Preprocessor(
        size=converter.image_size,
        fit=fit,
        resample=resample,
        scheme=own_scheme(_numbers(converter.scale, 1.0, name), _numbers(converter.offset, 0.0, name)),
    )


def _numbers(given: Any, default: float, name: str) -> np.ndarray:
    """One number or one for each channel, as float64."""
    try:
        values = np.atleast_1d(np.asarray(default if given is None else given, np.float64))
    except (TypeError, ValueError) as error:
        raise ModelError(f"{name}: its preprocessor scales by {given!r:.100}; expected a number for each channel.") from error
    if values.ndim != 1 or not all(map(math.isfinite, values.tolist())):
        raise ModelError(f"{name}: its preprocessor scales by {given!r:.100}; expected a number for each channel.")
    return values
