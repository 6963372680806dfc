"""The preprocessor of a KerasHub task: how it resizes an image and scales its pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from ..errors import ModelError
from ..options import Fit, Resample
from .allowlist import KERAS_HUB
from .schemes import Scheme, own_scheme

CALLS = ("__call__", "call", "_call_python", "_call_tf")  # one of these methods does the work
UNUSED = (
    "The model's own preprocessor ({name}) does more than resize and scale, so it was not used. "
    "Set how the image is prepared with --fit, --resample and --preprocess."
)


@dataclass(frozen=True, kw_only=True)
class Preprocessor:
    """How a preprocessor fits and resizes an image, to which size (h, w) (None: any), and how it scales pixels."""

    size: tuple[int, int] | None
    fit: Fit
    resample: Resample
    scheme: Scheme


def preprocessor_of(model: Any) -> tuple[Preprocessor | None, tuple[str, ...]]:
    """Return what the model's own preprocessor does, and warnings; None if it has none, or one that does more.

    The preprocessor itself is never run, only its settings are read. Raises `ModelError` for settings that make no sense.
    """
    if not _is_of_hub(model):
        return None, ()
    converter = getattr(getattr(model, "preprocessor", None), "image_converter", None)
    if converter is None:
        return None, ()
    if not _only_resizes_and_scales(converter):
        return None, (UNUSED.format(name=type(converter).__name__),)
    return _read(converter, model.name), ()


def _is_of_hub(value: Any) -> bool:
    return any(base.__module__.startswith(f"{KERAS_HUB}.") for base in type(value).__mro__)


def _only_resizes_and_scales(converter: Any) -> bool:
    """Return whether its class leaves the work to KerasHub's `ImageConverter` and its method of resizing is known."""
    from keras_hub.layers import ImageConverter  # imported already, with the model

    ours = type(converter)
    overridden = any(getattr(ours, name) != getattr(ImageConverter, name) for name in CALLS if hasattr(ImageConverter, name))
    return isinstance(converter, ImageConverter) and not overridden and _resample(converter) in get_args(Resample)


def _resample(converter: Any) -> str:
    return f"tf-{converter.interpolation}{'-antialias' if converter.antialias and converter.interpolation != 'nearest' else ''}"


def _read(converter: Any, name: str) -> Preprocessor:
    size = converter.image_size
    if size is not None and not (len(size) == 2 and all(isinstance(side, int) and side > 0 for side in size)):
        raise ModelError(f"{name}: its preprocessor resizes to {str(size)[:100]}; expected a height and a width in pixels.")
    fit: Fit = "crop" if converter.crop_to_aspect_ratio else "pad" if converter.pad_to_aspect_ratio else "stretch"
    resample: Any = _resample(converter)
    factors, offsets = _numbers(converter.scale, 1.0, name), _numbers(converter.offset, 0.0, name)
    return Preprocessor(size=size, fit=fit, resample=resample, scheme=own_scheme(factors, offsets))


def _numbers(given: Any, default: float, name: str) -> np.ndarray:
    """Return one number, or one per channel, as float64 (n,)."""
    wrong = f"{name}: its preprocessor scales by {str(given)[:100]}; expected a number, or one per channel."
    try:
        values = np.atleast_1d(np.asarray(default if given is None else given, np.float64))
    except (TypeError, ValueError) as error:
        raise ModelError(wrong) from error
    if values.ndim != 1 or not np.isfinite(values).all():
        raise ModelError(wrong)
    return values
