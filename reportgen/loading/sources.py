"""Load the model that a reference stands for: a bundled one, an application, a file, or a `keras.Model` in memory."""

from __future__ import annotations

import contextlib
import io
import random
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from ..backend import deep_models, keras, seed_generator
from ..errors import ModelError, ReportgenError, reason_of
from ..image import LARGEST_IMAGE
from ..levels import RANDOM_WEIGHTS
from .applications import APPLICATIONS, Application, weights_cache
from .assigned import Assigned, noting_assignments
from .budget import WeightBudget
from .imported import importing
from .inputs import inputs_of
from .labels import check_count, given_labels, imagenet_labels, minivgg_labels
from .loaded import GUESSED, MAX_MEMORY, Loaded, described, input_shape_of, scales_its_own_input, takes_integers
from .losses import losses_in, losses_of
from .opening import fresh_names, from_file
from .preprocessor import Preprocessor, preprocessor_of
from .references import Reference, check_weights, find_reference
from .schemes import SCHEMES, Scheme, scheme_called

Announce = Callable[[str], TextIO]
IMAGENET_CLASSES = 1000
LARGEST_STEP = 2**31 - 1


@deep_models()
def load(
    reference: Any,
    *,
    weights: str | None = None,
    seed: int = 0,
    preprocess: str = "auto",
    labels: str | Path | Sequence[str] | None = None,
    size: tuple[int, int] | None = None,
    max_memory: int = MAX_MEMORY,
    imports: Sequence[str] = (),
    allow_unsafe: bool = False,
    announce: Announce | None = None,
) -> Loaded:
    """Load the model that a reference stands for: a name, a path, or a `keras.Model`.

    weights: for an application, "imagenet" (the default), "random" (by `seed`) or a file. preprocess: "auto", a scheme, or an
    application's name. size: (h, w) for a model that takes any. max_memory: the bytes that the outputs of layers may take at
    once. imports: modules to import first, whose classes Keras then knows. allow_unsafe: let the file's own code run. announce:
    called before a download starts, and returns the stream for its progress bar. Raises `ModelError`, `OptionError` and
    `LabelsError`.
    """
    user_labels = given_labels(labels)
    scheme = None if preprocess == "auto" else scheme_called(preprocess)
    file_warnings: tuple[str, ...] = ()
    assigned: Assigned | None = None
    budget: WeightBudget | None = None
    if isinstance(reference, keras.Model):
        found, model = Reference(reference.name), reference
    elif isinstance(reference, (str, Path)):
        found = find_reference(reference)
        check_weights(found, weights)
        with importing(imports), noting_assignments() as assigned:
            model, file_warnings, budget = _model(found, weights, seed, allow_unsafe, announce)
        if weights == "random":
            assigned = None
        elif assigned.none_of(model.weights):
            raise ModelError(f"{weights or reference}: it holds no weights for the model's layers. Save the model again.")
    else:
        raise ModelError(f"a {type(reference).__name__} is not a model; expected a name, a path or a keras.Model.")
    _check_steps(model)
    own, own_warnings = preprocessor_of(model) if scheme is None else (None, ())
    try:
        input_shape, channels_first, size_warnings = input_shape_of(model, size or _own_size(found, model, own))
    except ReportgenError:
        raise
    except Exception as error:  # what a file says about its model's input may be anything
        raise ModelError(
            f"{found.name}: the shape of its input cannot be read ({reason_of(error)}); expected a model that takes images."
        ) from error
    _check_pixels(found.name, *input_shape)
    scheme, scheme_warnings = (own.scheme, ()) if own is not None else _scheme(scheme, found, model)
    return Loaded(
        model=model,
        name=found.name,
        source=_source(found, weights, seed),
        scheme=scheme,
        preprocessing=described(scheme),
        input_shape=input_shape,
        channels_first=channels_first,
        labels=_labels(user_labels, found, model),
        assigned=assigned,
        budget=budget,
        max_memory=max_memory,
        inputs=inputs_of(model),
        losses=losses_of(model) if found.file is None else losses_in(found.file),
        scheme_known=not scheme_warnings,
        fit=own.fit if own is not None else "stretch",
        resample=own.resample if own is not None else "bicubic",
        warnings=(*file_warnings, *_weight_warnings(found, weights), *own_warnings, *scheme_warnings, *size_warnings),
    )


def _model(
    found: Reference, weights: str | None, seed: int, allow_unsafe: bool, announce: Announce | None
) -> tuple[Any, tuple[str, ...], WeightBudget | None]:
    if found.application is None:
        return from_file(found, allow_unsafe)
    return _application(APPLICATIONS[found.application], weights or "imagenet", seed, announce), (), None


def _check_pixels(name: str, height: int, width: int, channels: int) -> None:
    if min(height, width, channels) < 1 or height * width > LARGEST_IMAGE:
        raise ModelError(
            f"{name}: the model takes images of {height} x {width} pixels with {channels} channels; "
            f"expected 1 to {LARGEST_IMAGE:,} pixels and at least one channel."
        )


def _check_steps(model: Any) -> None:
    """Raise `ModelError` for strides and windows that are no 32-bit numbers, because TensorFlow ends the process on them."""
    for layer in model._flatten_layers(include_self=False):
        for name in ("strides", "dilation_rate", "kernel_size", "pool_size"):
            steps = keras.tree.flatten(getattr(layer, name, None))
            if any(isinstance(step, int) and step > LARGEST_STEP for step in steps):
                raise ModelError(f"{layer.name}: {name} {tuple(steps)}; TensorFlow takes at most {LARGEST_STEP:,}.")


def _application(application: Application, weights: str, seed: int, announce: Announce | None) -> Any:
    build = getattr(keras.applications, application.function)
    if weights == "imagenet":
        return _with_imagenet_weights(application, build, announce)
    if weights == "random":
        with fresh_names(), _seeded(seed):
            return build(weights=None)
    path = Path(weights)
    with fresh_names():
        model = build(weights=None)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # for weights that do not fit, Keras says the same in dozens of lines
            model.load_weights(path)
    except Exception as error:
        raise ModelError(f"{path}: these weights do not fit {application.function} ({reason_of(error)}).") from error
    return model


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Draw random weights by `seed`. Afterwards, Python's and NumPy's random states are restored; TensorFlow's is not.

    Keras draws a seed for each layer from Python's own generator, from which other threads may draw meanwhile, such as those of
    a Dask worker: it is given another one, which gives the same numbers.
    """
    python, numpy, keras_draws_from = random.getstate(), np.random.get_state(), seed_generator.python_random
    keras.utils.set_random_seed(seed)
    seed_generator.python_random = random.Random(seed)
    try:
        yield
    finally:
        seed_generator.python_random = keras_draws_from
        random.setstate(python)
        np.random.set_state(numpy)


def _with_imagenet_weights(application: Application, build: Any, announce: Announce | None) -> Any:
    cache = weights_cache()
    bar: TextIO = io.StringIO()
    if announce is not None and not (cache / application.cache).exists():
        size = f"{application.megabytes:,} MB"
        bar = announce(f"The ImageNet weights of {application.function} ({size}) are downloaded once, to {cache}")
    try:
        # Keras's own progress bar goes to standard output, which is for results
        with fresh_names(), contextlib.redirect_stdout(bar), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # MobileNetV3 warns about the input that it was made for
            return build(weights="imagenet")
    except Exception as error:
        name = application.function.lower()
        raise ModelError(
            f"The ImageNet weights of {application.function} could not be loaded ({reason_of(error)}).\n"
            f"Without a network connection, copy {name}'s file into {cache}, or use --weights FILE or --weights random."
        ) from error


def _source(found: Reference, weights: str | None, seed: int) -> str:
    if found.bundled:
        return "bundled with reportgen"
    if found.application is None:
        return found.hub or (found.file.name if found.file is not None else "a model in memory")
    function = f"keras.applications.{APPLICATIONS[found.application].function}"
    if weights == "random":
        return f"{function}, random weights, seed {seed}"
    return f"{function}, {'ImageNet weights' if weights in (None, 'imagenet') else f'weights of {Path(str(weights)).name}'}"


def _own_size(found: Reference, model: Any, own: Preprocessor | None) -> tuple[int, int] | None:
    """Return the size that an application was made for, or that a model's preprocessor makes, if the model takes any size."""
    if found.application is None:
        takes_any = own is not None and None in (*getattr(model, "input_shape", ())[1:],)
        return own.size if own is not None and takes_any else None
    side = APPLICATIONS[found.application].size
    return side, side


def _weight_warnings(found: Reference, weights: str | None) -> tuple[str, ...]:
    if found.application is not None and weights == "random":
        return (
            f"{RANDOM_WEIGHTS}: the network has learned nothing, and its predictions mean nothing. "
            "Use trained weights: --weights imagenet or --weights FILE.",
        )
    return ()


def _scheme(asked: Scheme | None, found: Reference, model: Any) -> tuple[Scheme, tuple[str, ...]]:
    if asked is not None:
        return asked, ()
    if found.application is not None:
        return SCHEMES[APPLICATIONS[found.application].scheme], ()
    if takes_integers(model) or scales_its_own_input(model):
        return SCHEMES["none"], ()
    return SCHEMES["unit"], (GUESSED,)


def _labels(asked: tuple[str, ...] | None, found: Reference, model: Any) -> tuple[str, ...] | None:
    classes = _classes(model)
    if asked is not None:
        if classes is not None:
            check_count(asked, classes)
        return asked
    if found.bundled:
        return minivgg_labels()
    if found.application is not None and classes == IMAGENET_CLASSES:
        return imagenet_labels()
    return None


def _classes(model: Any) -> int | None:
    try:
        shape = model.output_shape
    except AttributeError:
        return None
    return shape[-1] if isinstance(shape, tuple) and len(shape) == 2 else None
