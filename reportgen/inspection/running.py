"""Run a model once, whatever it is made of, and record what the pass reveals about it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from ..backend import keras, tf
from ..errors import ModelError, reason_of
from ..loading.loaded import Loaded
from ..probe import Shape
from ..quiet import without_native_log
from .answer import chosen_head, count_classes, heads_of
from .bounding import HeldMemory
from .freeing import freeing
from .lineage import Note
from .listening import CallLog, Heard, Listener, listening
from .placing import Placing
from .settings import SettingsReader

GROUPING = (keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D)


@dataclass(frozen=True, kw_only=True)
class Structure:
    """What one pass reveals about a model: its rows, its output's shape without the batch axis, and its number of classes.

    `classes` is 0 for a scalar output. `channels_first` says how an output that is a map is laid out. `unlisted_multiply_adds`
    are those of code that has no row; None if they are not known.
    """

    heard: tuple[Heard, ...]
    output_shape: Shape
    classes: int
    channels_first: bool
    unlisted_multiply_adds: int | None

    def with_receptive_fields(self, placing: Placing, image: tuple[int, int]) -> Structure:
        """Return the structure with the receptive fields that `placing` found in the same pass, for an input of (h, w) pixels."""
        found = (replace(each.row, receptive_field=placing.receptive_field(each, image)) for each in self.heard)
        heard = (replace(each, row=row) for each, row in zip(self.heard, found, strict=True))
        return replace(self, heard=tuple(heard))


@dataclass(frozen=True, kw_only=True)
class Pass:
    """One forward pass: the tensor that the model's head returned, all its outputs by name, and its structure."""

    output: Any
    outputs: dict[str, Any]
    structure: Structure


def run(
    loaded: Loaded,
    head: str | None,
    batch: Any,
    listener: Listener,
    settings: SettingsReader | None = None,
    note: Note | None = None,
) -> Pass:
    """Run the model on the tensor `batch`, eagerly or inside a trace, and pass every row to `listener`.

    `note` is called for every TensorFlow operation. `settings` reads the settings of each layer, which takes a while; without it
    the rows have none. `head` names the output; None means the first. Raises `ModelError` if the model cannot run on the batch,
    and `OptionError` for a head that it does not have.
    """
    log = CallLog(loaded.model, listener, loaded.channels_first, settings, note)
    memory = HeldMemory(loaded)

    def hear(operation: Any, run: Callable[[], Any], given: Any) -> Any:
        if not tf.executing_eagerly():  # a trace holds no values
            return log.hear(operation, compiled(run) if is_grouped(operation) else run, given)
        return log.hear(operation, lambda: memory.hear(operation, run, given), given)

    try:
        with loaded.budget.kept() if loaded.budget else nullcontext():
            if not loaded.model.built:  # building names the input: build first, so that every pass gives the same rows
                with listening(memory.hear, lambda *_: None):
                    outputs_of(loaded, batch)
            others = loaded.inputs.tensors(int(batch.shape[0])) if loaded.inputs else {}
            log.begin(batch, loaded.inputs.specs[loaded.inputs.image].name if loaded.inputs else "", others)
            with listening(hear, log.note):
                outputs = outputs_of(loaded, batch, others)
    except Exception as error:  # whatever a layer raises: the model is the user's, and so is its code
        refused = memory.refused or (loaded.budget and loaded.budget.refused)
        raise refused or ModelError(cannot_run(loaded, reason_of(error))) from error
    log.finish()
    heads = heads_of(loaded.model, outputs)
    output = chosen_head(heads, head)
    structure = Structure(
        heard=tuple(log.heard),
        output_shape=tuple(output.shape[1:]),
        classes=count_classes(output, log.channels_first),
        channels_first=log.channels_first,
        unlisted_multiply_adds=log.unlisted_products,
    )
    return Pass(output=output, outputs=heads, structure=structure)


def outputs_of(loaded: Loaded, batch: Any, others: Mapping[str, Any] | None = None) -> Any:
    """Return the model's outputs for a batch. Its other inputs are given the tensors `others`, or else their own values.

    A user's `tf.function` runs as plain Python, because nothing would be heard in its own graph.
    """
    with freeing(), without_scopes(), functions_run(eagerly=True):
        if loaded.inputs is None:
            return called(loaded.model, batch)
        given = loaded.inputs.packed(batch, loaded.inputs.tensors(int(batch.shape[0])) if others is None else others)
        if loaded.inputs.by_name:
            return loaded.model(**given, training=False)
        return called(loaded.model, given, packed=True)


def called(model: Any, batch: Any, *, packed: bool = False) -> Any:
    """Return the model's outputs for a batch, in inference mode; `packed` means that the batch has the model's own structure."""
    inputs = getattr(model, "_inputs_struct", None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # from Keras, about structures that differ in their names alone
        # a model may take a mapping with one key
        return model(dict.fromkeys(inputs, batch) if isinstance(inputs, dict) and not packed else batch, training=False)


def derivative(tape: Any, score: Any, target: Any) -> Any:
    """Return d score / d target; None if no path leads from one to the other."""
    return derivatives(tape, [score], target)[0]


def derivatives(tape: Any, scores: list[Any], target: Any) -> list[Any]:
    """Return d score / d target for each score; None if no path leads from one to the other. Several need a persistent tape.

    They are always computed in a graph, which leaves out what is not asked for: eagerly, a convolution's gradient is computed for
    its kernel too, and TensorFlow 2.21 crashes on some kernels (1x1, stride 2, up to 8 input channels).
    """

    def compute() -> list[Any]:
        return [tape.gradient(score, target) for score in scores]

    with functions_run(eagerly=False), unoptimized():
        if not tf.executing_eagerly():
            return compute()
        found: list[Any] = tf.function(compute, autograph=False).get_concrete_function()()
        return found


def is_grouped(operation: Any) -> bool:
    """Return whether an operation is one of Keras's convolutions over groups of channels."""
    return isinstance(operation, GROUPING) and operation.groups > 1


def compiled(run: Callable[[], Any]) -> Callable[[], Any]:
    """Return `run` with its `tf.function`s left as such, inside a trace.

    Keras compiles a grouped convolution, because TensorFlow has no gradient for one on a CPU otherwise.
    """

    def call() -> Any:
        with functions_run(eagerly=False):
            _compile_once()
            return run()

    return call


@cache
def _compile_once() -> None:
    """Compile something small, because TensorFlow says on standard error when it does so for the first time in a process."""
    with tf.init_scope(), without_native_log():
        tf.function(lambda: tf.zeros(1), jit_compile=True)()


def cannot_run(loaded: Loaded, reason: str) -> str:
    """Return the message for a model that raised `reason` when it was run."""
    if loaded.channels_first and "NHWC" in reason:
        return (
            f"{loaded.name}: the model's layers are channels first, which TensorFlow cannot run on this CPU without oneDNN.\n"
            "Set TF_ENABLE_ONEDNN_OPTS=1 before TensorFlow is imported, or use a machine with a GPU."
        )
    return f"{loaded.name}: the model cannot run on an image of {loaded.input_shape} ({reason})."


@contextmanager
def without_scopes() -> Iterator[None]:
    """Run layers without their names as scopes, because a graph does not allow blanks, `<` or Hebrew in the name of a scope."""
    before, tf.name_scope = tf.name_scope, nullcontext
    try:
        yield
    finally:
        tf.name_scope = before


@contextmanager
def functions_run(*, eagerly: bool) -> Iterator[None]:
    """While this lasts, every `tf.function` runs eagerly, or does not."""
    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(eagerly)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(before)


@contextmanager
def unoptimized() -> Iterator[None]:
    """While this lasts, TensorFlow does not rewrite the graphs that it runs: fused operations may round differently."""
    options = tf.config.optimizer.get_experimental_options()
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False, **options})
