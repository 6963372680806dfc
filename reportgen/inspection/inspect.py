"""One eager forward pass of a network over one image, and what it leaves behind: a `Probe`.

    begin ─▶ model(batch), each layer call heard ─▶ scores ─▶ gradient at the last spatial layer ─▶ KerasProbe

Memory stays small whatever the model's size: figures of a convolution's maps are taken as the pass goes by, the maps
themselves are kept only where they will be shown, a functional model's tensors are let go after their last use, and the tape
forgets all that lies before the layer to explain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backend import deep_models, tf
from ..errors import LabelsError, ModelError, reason_of
from ..options import Options
from ..probe import Arrival, Explained, FeatureMaps, ScoreKind
from .answer import Answer, answer_of, chosen_head, class_to_explain, heads_of
from .arriving import Arrivals
from .following import Follower
from .listening import CallLog, listening
from .network import KerasNetwork
from .repeating import unsteadiness
from .running import cannot_run, functions_run, run


@dataclass
class KerasProbe:
    """A network that has seen an image: fulfils `Probe`. `heads` are the names of the model's outputs."""

    network: KerasNetwork
    pixels: np.ndarray
    maps: tuple[FeatureMaps, ...]
    arrivals: tuple[Arrival, ...]
    scores: np.ndarray | None
    score_kind: ScoreKind
    unsteady: float | None
    explained: Explained | None
    heads: tuple[str, ...]


@deep_models()
def inspect(network: KerasNetwork, pixels: np.ndarray, shown: np.ndarray, options: Options) -> KerasProbe:
    """Show the network `pixels`, uint8 (h, w, channels) as it takes them; `shown` (h, w, 3) is the same for the reader.

    Raises `ModelError` where the model cannot run on it, `LabelsError` where the class to explain is none of its.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        follower, arrivals = Follower(options, tape), Arrivals()

        def listen(*heard: Any) -> None:
            follower.listen(*heard)
            arrivals.listen(*heard)

        log = CallLog(network.model, listen, network.settings)
        heads = heads_of(network.model, _forward(network, log, pixels))
        outputs = chosen_head(heads, network.head)
        answer = answer_of(outputs)
        _check_labels(network.labels, answer)
        class_index = class_to_explain(options.target, answer, network.labels)
        score = answer.differentiated[class_index] if class_index is not None else None
    follower.finish()
    return KerasProbe(
        network=network.heard_as(tuple(log.heard), tuple(outputs.shape[1:])),
        pixels=shown,
        maps=tuple(follower.maps),
        arrivals=tuple(arrivals.found),
        scores=answer.scores,
        score_kind=answer.kind,
        unsteady=unsteadiness(network, pixels, log.heard, outputs),
        explained=_explain(tape, follower, answer, class_index, score),
        heads=tuple(heads),
    )


def _forward(network: KerasNetwork, log: CallLog, pixels: np.ndarray) -> Any:
    batch = tf.constant(network.preprocess(pixels[None]))
    log.begin(batch)
    try:
        with listening(log.hear):
            outputs = run(network.model, batch)
    except Exception as error:  # whatever a layer raises: the model is the user's, and so is its code
        raise ModelError(cannot_run(network.loaded, reason_of(error))) from error
    log.finish()
    return outputs


def _check_labels(labels: tuple[str, ...] | None, answer: Answer) -> None:
    classes = 0 if answer.differentiated is None else int(answer.differentiated.shape[0])
    if labels is not None and len(labels) != classes:
        raise LabelsError(f"--labels: {len(labels)} labels for {classes} classes; expected one for each.")


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
    return Explained(
        path=follower.target_path,
        class_index=class_index,
        activations=activations,
        gradients=gradients,
        unit=answer.unit,
        part=follower.part,
    )


def _gradient(tape: Any, score: Any, target: Any) -> Any:
    """d score / d target; None where there is no way from one to the other.

    Inside a graph, which leaves out what is not asked for: an eager convolution's gradient is also that of its kernel, and
    TensorFlow 2.21 crashes on some of them (1x1, stride 2, up to 8 input channels).
    """
    with functions_run(eagerly=False):
        return tf.function(lambda: tape.gradient(score, target), autograph=False).get_concrete_function()()
