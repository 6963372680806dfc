"""`Inputs`: what a model with several inputs takes besides the image, and in which structure."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..backend import tf
from ..errors import ModelError, OptionError
from ..formatting import shape as shape_in_words

Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class Spec:
    """One input: its name, its shape without the batch axis (None: any length), and its type."""

    name: str
    shape: Shape
    dtype: str

    @property
    def takes_an_image(self) -> bool:
        """Whether its shape is (h, w, channels)."""
        return len(self.shape) == 3

    def __str__(self) -> str:
        return f"{self.name} {shape_in_words(tuple('any' if each is None else each for each in self.shape))}"


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """The inputs of a model that takes several.

    structure: lists, tuples and mappings as the model takes them, with indices into `specs` as leaves. by_name: whether it maps
    the names of arguments. image: the index of the input that is given the image. values: what the other inputs are given, by
    name, each without a batch axis.
    """

    structure: Any
    specs: tuple[Spec, ...]
    image: int
    by_name: bool = False
    values: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def others(self) -> tuple[Spec, ...]:
        """All inputs but the image's, in order."""
        return tuple(each for place, each in enumerate(self.specs) if place != self.image)

    def with_values(self, values: Mapping[str, np.ndarray]) -> Inputs:
        """Return the same inputs with these values for the others."""
        return replace(self, values=dict(values))

    def tensors(self, images: int) -> dict[str, Any]:
        """Return what the other inputs are given besides so many images, as tensors; zeros if nothing was given yet."""
        found = {}
        for spec in self.others:
            value = self.values.get(spec.name)
            value = np.zeros([each or 1 for each in spec.shape]) if value is None else value
            found[spec.name] = tf.constant(np.repeat(value[None], images, axis=0).astype(spec.dtype))
        return found

    def packed(self, image: Any, others: Mapping[str, Any]) -> Any:
        """Return the image's tensor and those of the others, in the structure that the model takes."""
        return _filled(self.structure, [image if n == self.image else others[spec.name] for n, spec in enumerate(self.specs)])

    def check_names(self, names: Mapping[str, Any], model: str) -> None:
        """Raise `OptionError` unless each of the other inputs, and nothing else, is given something."""
        image = self.specs[self.image].name
        for name in names:
            if name == image:
                raise OptionError(f"--input {name}: this input takes the image; expected one of the others: {self._told()}.")
            if name not in {each.name for each in self.others}:
                raise OptionError(f"--input {name}: the model has no such input; besides {image}, it takes {self._told()}.")
        missing = [each for each in self.others if each.name not in names]
        if missing:
            flags = " ".join(f"--input {each.name}=FILE" for each in missing)
            raise OptionError(
                f"{model}: the model takes {len(self.specs)} inputs: {', '.join(map(str, self.specs))}. "
                f"{image} takes the image.\n"
                f"Pass values for the others: {flags} (an image or array, or numbers such as 1,2,3)."
            )

    def _told(self) -> str:
        return ", ".join(map(str, self.others))


def inputs_of(model: Any) -> Inputs | None:
    """Return the inputs of a model that takes several; None for a model with a single one.

    Raises `ModelError` if none of them takes an image, or if one takes text.
    """
    structure, by_name = _structure(model)
    leaves = list(_leaves(structure))
    if len(leaves) < 2:
        _check_call(model)
        return None
    names: list[str] = []
    for path, leaf in leaves:
        own = getattr(leaf, "name", "")
        name = path.rpartition("/")[2] if not path.rpartition("/")[2].isdecimal() else own or f"input{path}"
        names.append(name if name not in names else path)
    specs = tuple(Spec(name, _shape_of(leaf), _type_of(leaf)) for name, (_, leaf) in zip(names, leaves, strict=True))
    image = next((place for place, each in enumerate(specs) if each.takes_an_image), None)
    if image is None:
        told = ", ".join(map(str, specs))
        raise ModelError(f"{model.name}: the model takes {len(specs)} inputs ({told}); expected one for images.")
    if any("str" in each.dtype for each in specs):
        raise ModelError(f"{model.name}: one of the model's inputs takes text, which is not supported.")
    return Inputs(structure=_numbered(structure, iter(range(len(specs)))), specs=specs, image=image, by_name=by_name)


def _check_call(model: Any) -> None:
    """Raise `ModelError` if the model's own `call` needs more than the one input whose shape Keras knows."""
    if getattr(model, "_inputs_struct", None) is not None:
        return
    parameters = list(inspect.signature(model.call).parameters.values())
    needed = [each.name for each in parameters if each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD]
    needed = [name for name in needed if name not in ("training", "mask")]
    if len(needed) > 1:
        shapes = ", ".join(f"{name}_shape" for name in needed)
        raise ModelError(
            f"{model.name}: its call takes {', '.join(needed)}, and Keras records the shape of the first only. "
            f"Give the model's class a method build(self, {shapes}), so that the shapes of all are known."
        )


def image_input(model: Any) -> Any:
    """Return the tensor of a functional model's input that is given the image; None if the model declares none."""
    structure = getattr(model, "_inputs_struct", None)
    leaves = [leaf for _, leaf in _leaves(getattr(model, "inputs", None) if structure is None else structure)]
    return next((leaf for leaf in leaves if len(leaf.shape) == 4), leaves[0] if leaves else None)


def _structure(model: Any) -> tuple[Any, bool]:
    """Return what the model takes, with tensors or shapes as leaves, and whether it maps the names of arguments."""
    struct = getattr(model, "_inputs_struct", None)
    if struct is not None:
        return struct, False
    if getattr(model, "inputs", None):
        return model.inputs, False
    config = model.get_build_config() or {}
    if "shapes_dict" in config:
        named = {name.removesuffix("_shape"): shape for name, shape in config["shapes_dict"].items()}
        return named, len(named) > 1
    return config.get("input_shape"), False


def _is_shape(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and len(value) > 0 and all(each is None or isinstance(each, int) for each in value)


def _children(value: Any) -> Iterator[tuple[str, Any]] | None:
    if isinstance(value, dict):
        return ((str(key), each) for key, each in value.items())
    if isinstance(value, (list, tuple)) and not _is_shape(value):
        return ((str(place), each) for place, each in enumerate(value))
    return None


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the tensors or shapes in a structure, in the order in which it was written, each with its path."""
    children = _children(value)
    if children is None:
        if value is not None:
            yield path, value
        return
    for key, each in children:
        yield from _leaves(each, f"{path}/{key}" if path else key)


def _numbered(value: Any, numbers: Iterator[int]) -> Any:
    if isinstance(value, dict):
        return {key: _numbered(each, numbers) for key, each in value.items()}
    if _children(value) is not None:
        return (
            tuple(_numbered(each, numbers) for each in value)
            if isinstance(value, tuple)
            else [_numbered(each, numbers) for each in value]
        )
    return next(numbers)


def _filled(structure: Any, tensors: list[Any]) -> Any:
    if isinstance(structure, dict):
        return {key: _filled(each, tensors) for key, each in structure.items()}
    if isinstance(structure, (list, tuple)):
        return (tuple if isinstance(structure, tuple) else list)(_filled(each, tensors) for each in structure)
    return tensors[structure]


def _shape_of(leaf: Any) -> Shape:
    return tuple((leaf if _is_shape(leaf) else leaf.shape)[1:])


def _type_of(leaf: Any) -> str:
    return "float32" if _is_shape(leaf) else str(leaf.dtype)
