"""One eager forward pass of a model over one picture, and what it leaves behind: a `Probe`.

    begin ─▶ model(batch), each layer call heard ─▶ scores ─▶ gradient at the last spatial layer ─▶ Recording

Memory stays small whatever the model's size: figures of a convolution's maps are taken as the pass goes by, the maps
themselves are kept only where they will be shown, a functional model's tensors are let go after their last use, and the tape
forgets all that lies before the layer to explain.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import LabelsError, ModelError, reason_of
from ..options import Options
from ..probe import Explained, FeatureMaps, LayerCall, ModelFacts, ScoreKind
from .answer import Answer, answer_of, chosen_head, class_to_explain, heads_of
from .backend import deep_models, tf
from .following import CONVOLUTIONS, Follower
from .freeing import freeing
from .listening import CallLog, Heard, listening
from .loaded import Loaded, as_array

KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel")


@dataclass
class Recording:
    """A model that has seen a picture: fulfils `Probe`. `heads` are the names of the model's outputs."""

    model: ModelFacts
    pixels: np.ndarray
    labels: tuple[str, ...] | None
    calls: tuple[LayerCall, ...]
    maps: tuple[FeatureMaps, ...]
    scores: np.ndarray | None
    score_kind: ScoreKind
    explained: Explained | None
    heads: tuple[str, ...]
    _heard: tuple[Heard, ...]
    _digests: dict[int, str]

    def weights(self, index: int) -> Mapping[str, np.ndarray]:
        return {name: as_array(variable) for name, variable in self._named(index).items()}

    def weight_digest(self, index: int, name: str) -> str:
        return self._digests[id(self._named(index)[name])]

    def kernels(self, index: int) -> tuple[str, ...]:
        if not isinstance(self._heard[index].layer, CONVOLUTIONS):
            return ()
        return tuple(name for name in KERNELS if name in self._named(index))

    def _named(self, index: int) -> dict[str, Any]:
        named: dict[str, Any] = {}
        for variable in self._heard[index].variables:
            count = sum(name.split("#")[0] == variable.name for name in named)
            named[variable.name if not count else f"{variable.name}#{count + 1}"] = variable
        return named


@deep_models()
def record(loaded: Loaded, pixels: np.ndarray, shown: np.ndarray, options: Options) -> Recording:
    """Show the model the picture `pixels`, uint8 (h, w, channels) as it takes them; `shown` (h, w, 3) is the same for the reader.

    Raises `ModelError` where the model cannot run on it, `LabelsError` where the class to explain is none of its.
    """
    with ThreadPoolExecutor(1) as beside:
        digest = beside.submit(lambda: loaded.digest) if loaded.model.built else None
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            follower = Follower(options, tape)
            log = CallLog(loaded.model, follower.listen)
            heads = heads_of(loaded.model, _forward(loaded, log, pixels))
            outputs = chosen_head(heads, options.head)
            answer = answer_of(outputs)
            labels = _fitting_labels(loaded, answer)
            class_index = class_to_explain(options.target, answer, labels)
            score = answer.differentiated[class_index] if class_index is not None else None
        follower.finish()
        explained = _explain(tape, follower, answer, class_index, score)
        facts = _facts(loaded, outputs, digest.result() if digest else loaded.digest)
    return Recording(
        model=facts,
        pixels=shown,
        labels=labels,
        calls=tuple(heard.row for heard in log.heard),
        maps=tuple(follower.maps),
        scores=answer.scores,
        score_kind=answer.kind,
        explained=explained,
        heads=tuple(heads),
        _heard=tuple(log.heard),
        _digests=loaded.tensor_digests,
    )


def _forward(loaded: Loaded, log: CallLog, pixels: np.ndarray) -> Any:
    batch = tf.constant(loaded.preprocess(pixels[None]))
    log.begin(batch)
    try:
        # eagerly, because inside a `tf.function` of the user's there are no values to see
        with listening(log.hear), freeing(), _without_scopes(), _functions_run(eagerly=True):
            outputs = _called(loaded.model, batch)
    except Exception as error:  # whatever a layer raises: the model is the user's, and so is its code
        raise ModelError(_cannot_run(loaded, reason_of(error))) from error
    log.finish()
    return outputs


def _called(model: Any, batch: Any) -> Any:
    inputs = getattr(model, "_inputs_struct", None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Keras, about a structure that is the same in all but name
        # under its name, where the model takes a mapping of one
        return model(dict.fromkeys(inputs, batch) if isinstance(inputs, dict) else batch, training=False)


def _cannot_run(loaded: Loaded, reason: str) -> str:
    if loaded.channels_first and "NHWC" in reason:
        return (
            f"{loaded.name}: the model wants channels first, which TensorFlow cannot run on this processor.\n"
            "Use a machine with a graphics card, or a processor for which TensorFlow has oneDNN switched on."
        )
    return f"{loaded.name}: the model cannot run on a picture of {loaded.input_shape} ({reason})."


@contextmanager
def _without_scopes() -> Iterator[None]:
    """Layers' names as no scopes: in the graph that the gradient is made in, none may hold a blank, a `<` or any Hebrew."""
    before, tf.name_scope = tf.name_scope, nullcontext
    try:
        yield
    finally:
        tf.name_scope = before


@contextmanager
def _functions_run(*, eagerly: bool) -> Iterator[None]:
    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(eagerly)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(before)


def _fitting_labels(loaded: Loaded, answer: Answer) -> tuple[str, ...] | None:
    classes = 0 if answer.differentiated is None else int(answer.differentiated.shape[0])
    if loaded.labels is not None and len(loaded.labels) != classes:
        raise LabelsError(f"--labels: {len(loaded.labels)} labels for {classes} classes; expected one for each.")
    return loaded.labels


def _explain(tape: Any, follower: Follower, answer: Answer, class_index: int | None, score: Any) -> Explained | None:
    target = follower.target
    if score is None or target is None or class_index is None:
        return None
    try:
        gradient = _gradient(tape, score, target)
    except Exception:  # a layer may bring a gradient of its own, and that may fail: all the rest can still be shown
        gradient = None
    if gradient is None:
        return None
    pair = (np.asarray(tensor.numpy(), np.float32)[0] for tensor in (target, gradient))
    activations, gradients = (each.transpose(1, 2, 0) if follower.channels_first else each for each in pair)
    return Explained(follower.target_path, class_index, activations, gradients, answer.unit, follower.part)


def _gradient(tape: Any, score: Any, target: Any) -> Any:
    """d score / d target; None where there is no way from one to the other.

    Inside a graph, which leaves out what is not asked for: an eager convolution's gradient is also that of its kernel, and
    TensorFlow 2.21 crashes on some of them (1x1, stride 2, up to 8 input channels).
    """
    with _functions_run(eagerly=False):
        return tf.function(lambda: tape.gradient(score, target), autograph=False).get_concrete_function()()


def _facts(loaded: Loaded, outputs: Any, digest: str) -> ModelFacts:
    model = loaded.model
    return ModelFacts(
        name=loaded.name,
        source=loaded.source,
        digest=digest,
        parameters=int(model.count_params()),
        trainable_parameters=sum(int(np.prod(variable.shape)) for variable in model.trainable_weights),
        input_shape=loaded.input_shape,
        output_shape=tuple(outputs.shape[1:]),
        preprocessing=loaded.preprocessing,
    )
