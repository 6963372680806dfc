"""`Loaded`: a model with everything needed to run it on an image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..backend import keras, tf
from ..errors import ModelError, OptionError
from ..options import Fit, Options, Resample
from ..probe import ChannelOrder, Ranges
from .assigned import Assigned
from .budget import WeightBudget
from .inputs import Inputs, image_input, inputs_of
from .losses import Losses
from .schemes import BLUE_FIRST, SCHEMES, Scheme, scale

SCALING_LAYERS = (keras.layers.Rescaling, keras.layers.Normalization)
FIRST_TO_LAST = (0, 2, 3, 1)  # the axes of a transposition
ARITHMETIC = ("TrueDivide", "Divide", "Subtract", "Multiply", "Add")
MAX_MEMORY = Options().max_memory
AS_THEY_ARE = "none: the values of the array as they are"
GUESSED = (
    "The model does not say how its pixels should be scaled; pixel / 255 was assumed. "
    "If it was trained with another scaling, set it with --preprocess."
)
ANY_SIZE = 224  # pixels per side, for a model that takes any size, unless --size says otherwise


@dataclass
class Loaded:
    """The model that a reference stands for.

    model: the `keras.Model`.
    name: short, as the report calls it. source: where it came from, without any folder.
    scheme: how pixels are scaled; preprocessing: the same in words.
    fit, resample: how an image is brought to the size of the input, unless the user says otherwise.
    input_shape: the (h, w, channels) of the images it takes, channels last even if the model is channels first.
    scheme_known: whether the scheme was asked for or belongs to the model, rather than being a guess.
    labels: of its classes, or None. warnings: what a reader of its report must know.
    assigned: the variables that the model's file gave values to; None if there is no file.
    budget: the limit on the weights of an untrusted file; None if there is no such file.
    max_memory: the bytes that the outputs of its layers may take at once.
    losses: what it was trained for, as far as its file or the model in memory tells.
    ranges: those of the channels of an array whose values the model is given as they are; None for pixels of 0 to 255.
    inputs: what the model takes besides the image; None if it takes the image alone.
    """

    model: Any
    name: str
    source: str
    scheme: Scheme
    preprocessing: str
    input_shape: tuple[int, int, int]
    channels_first: bool
    labels: tuple[str, ...] | None
    warnings: tuple[str, ...] = ()
    assigned: Assigned | None = None
    budget: WeightBudget | None = None
    max_memory: int = MAX_MEMORY
    scheme_known: bool = True
    losses: Losses = None
    ranges: Ranges = None
    inputs: Inputs | None = None
    fit: Fit = "stretch"
    resample: Resample = "bicubic"

    @property
    def channel_order(self) -> ChannelOrder | None:
        """The order of the colours in what the model is given; None if the order that it wants is a guess."""
        if not self.scheme_known:
            return None
        return "bgr" if self.scheme.name in BLUE_FIRST else "rgb"

    def taking_values(self, ranges: Ranges) -> Loaded:
        """Return the same for values that are not pixels: nothing scales them, so a guess at the scaling does not matter."""
        return replace(
            self,
            scheme=SCHEMES["none"],
            preprocessing=AS_THEY_ARE,
            scheme_known=False,
            ranges=ranges,
            warnings=tuple(each for each in self.warnings if each != GUESSED),
        )

    def preprocess(self, images: np.ndarray) -> np.ndarray:
        """Scale uint8 images (n, h, w, channels) for the model, as float32; (n, channels, h, w) if it is channels first."""
        scaled = scale(images, self.scheme)
        return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2)) if self.channels_first else scaled


def as_array(variable: Any) -> np.ndarray:
    """Return a variable's values; if its type allows, as a read-only view of its memory, because fc1 of VGG16 is 411 MB."""
    tensor = tf.convert_to_tensor(variable.value)
    try:
        return np.asarray(memoryview(tensor))
    except (TypeError, ValueError, BufferError):
        return np.asarray(tensor.numpy())


def input_shape_of(model: Any, size: tuple[int, int] | None) -> tuple[tuple[int, int, int], bool, tuple[str, ...]]:
    """Return the (h, w, channels) of the images to give the model, whether it is channels first, and warnings.

    Raises `ModelError` for a model that does not take one batch of images, and `OptionError` for a size that it does not take.
    """
    shape = _declared_input(model)
    channels_first = _turns_its_input(model, shape) or _wants_channels_first(model)
    height, width, channels = (*shape[2:], shape[1]) if channels_first else shape[1:]
    if channels is None:
        channels = 3
    if size is not None:
        if any(own not in (None, wanted) for own, wanted in zip((height, width), size, strict=True)):
            raise OptionError(f"--size {size[0]}x{size[1]}: the model only takes {height} x {width}.")
        return (*size, channels), channels_first, ()
    if height is not None and width is not None:
        return (height, width, channels), channels_first, ()
    chosen = (height or ANY_SIZE, width or ANY_SIZE)
    warning = f"The model takes images of any size; it was given {chosen[0]} x {chosen[1]}. Choose another size with --size HxW."
    return (*chosen, channels), channels_first, (warning,)


def _declared_input(model: Any) -> tuple[int | None, ...]:
    shape = _any_declared_shape(model)
    if shape is None:
        # never built: an image of three channels is the best guess, and the forward pass fails if it is wrong
        return (None, None, None, 3)
    if isinstance(shape, dict) or (len(shape) > 0 and isinstance(shape[0], (tuple, list))):
        several = inputs_of(model)
        shape = image_input(model).shape if several is None else (None, *several.specs[several.image].shape)
    if len(shape) != 4 or not all(isinstance(length, int | None) for length in shape[1:]):
        given = str(tuple(shape[1:]))[:100]
        raise ModelError(f"{model.name}: the model takes arrays of shape {given}; expected images, (height, width, channels).")
    return tuple(shape)


def _any_declared_shape(model: Any) -> Any:
    try:
        shape = model.input_shape
    except AttributeError:
        shape = None
    if shape is None and "shapes_dict" in (model.get_build_config() or {}):
        shape = model.get_build_config()["shapes_dict"]
    if shape is None:
        # a subclassed model that was saved and loaded has no `input_shape`, but remembers what it was built with
        shape = (model.get_build_config() or {}).get("input_shape")
    return shape


def _turns_its_input(model: Any, shape: tuple[int | None, ...]) -> bool:
    """Return whether the model moves the channels of its input from the first place to the last, as converted models do."""
    for operation in _behind_the_image(model):
        axes = (0, *operation.dims) if isinstance(operation, keras.layers.Permute) else getattr(operation, "axes", None)
        if axes is not None and tuple(axes) == FIRST_TO_LAST:
            return tuple(operation.input.shape) == shape
        if getattr(operation, "weights", None):
            return False
    return False


def _wants_channels_first(model: Any) -> bool:
    for layer in model._flatten_layers(include_self=False):
        data_format = getattr(layer, "data_format", None)
        if data_format is not None and hasattr(layer, "kernel_size"):
            return bool(data_format == "channels_first")
    return False


def takes_integers(model: Any) -> bool:
    """Return whether the model declares an integer input, which takes pixels as they are."""
    tensor = image_input(model)
    return tensor is not None and "int" in str(tensor.dtype)


def scales_its_own_input(model: Any) -> bool:
    """Return whether something scales the pixels before the first layer with weights.

    That is `Rescaling`, `Normalization`, arithmetic such as `keras.applications.*.preprocess_input` leaves in a functional model,
    or code of the user's own that scales white.
    """
    for operation in _behind_the_image(model):
        if isinstance(operation, SCALING_LAYERS) or type(operation).__name__ in ARITHMETIC:
            return True
        if getattr(operation, "weights", None):
            return False
        own = isinstance(operation, keras.layers.Lambda) or not type(operation).__module__.startswith("keras.")
        if own and _scales_white(operation):
            return True
    return False


def _scales_white(layer: Any) -> bool:
    """Return whether a layer without weights scales white pixels, rather than resize, flip or pad them: their max is not 255."""
    try:
        shape = tuple(length or ANY_SIZE for length in layer.input.shape[1:])
        white = np.asarray(layer(np.full((1, *shape), 255, np.float32)))
        return not np.isclose(white.max(), 255, rtol=0.01)
    except Exception:  # the user's code may raise anything; whatever is wrong with it, the forward pass will say
        return False


def _behind_the_image(model: Any) -> Iterator[Any]:
    """Yield the operations that the image passes through: all of them if the model takes nothing else."""
    if len(getattr(model, "inputs", None) or []) < 2:
        yield from _operations(model)
        return
    reached = {id(image_input(model))}
    for operation in model.operations:
        nodes = [node for node in operation._inbound_nodes if any(id(each) in reached for each in node.input_tensors)]
        reached.update(id(each) for node in nodes for each in node.output_tensors)
        if nodes:
            yield from _operations(operation) if isinstance(operation, keras.Model) else [operation]


def _operations(model: Any) -> Iterator[Any]:
    """Yield the model's layers and bare operations, with those of nested models, in the order of their calls if it has one."""
    for operation in getattr(model, "operations", None) or model._flatten_layers(include_self=False, recursive=False):
        if isinstance(operation, keras.Model):
            yield from _operations(operation)
        else:
            yield operation


def described(scheme: Scheme) -> str:
    """Return a scheme in words, as the report shows it."""
    return f"{scheme.name}: {scheme.words}"
