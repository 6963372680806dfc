"""One eager forward pass of a network over one image, and what it leaves behind: a `Probe`.

    run: model(batch), each layer call heard ─▶ scores ─▶ gradient at the last spatial layer ─▶ KerasProbe

Memory stays small whatever the model's size: figures of a convolution's maps are taken as the pass goes by, the maps
themselves are kept only where they will be shown, a functional model's tensors are let go after their last use, and the tape
forgets all that lies before the layer to explain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backend import deep_models, tf
from ..errors import LabelsError
from ..options import Options
from ..probe import Arrival, Explained, FeatureMaps, ScoreKind
from .answer import Answer, answer_of, class_to_explain
from .arriving import Arrivals
from .following import Follower
from .network import KerasNetwork
from .repeating import unsteadiness
from .running import derivative, run


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

    Raises `ModelError` where the model cannot run on it, `LabelsError` where the model does not have the class to explain.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        follower, arrivals = Follower(options, tape), Arrivals()

        def listen(*heard: Any) -> None:
            follower.listen(*heard)
            arrivals.listen(*heard)

        batch = tf.constant(network.preprocess(pixels[None]))
        forward = run(network.loaded, network.head, batch, listen, network.settings)
        answer = answer_of(forward.output, forward.structure.channels_first)
        _check_labels(network.labels, answer)
        class_index = class_to_explain(options.target, answer, network.labels)
        score = answer.differentiated[class_index] if class_index is not None else None
    follower.finish()
    return KerasProbe(
        network=network.with_structure(forward.structure),
        pixels=shown,
        maps=tuple(follower.maps),
        arrivals=tuple(arrivals.found),
        scores=answer.scores,
        score_kind=answer.kind,
        unsteady=unsteadiness(network, pixels, forward.structure.heard, forward.output),
        explained=_explain(tape, follower, answer, class_index, score),
        heads=forward.heads,
    )


def _check_labels(labels: tuple[str, ...] | None, answer: Answer) -> None:
    classes = 0 if answer.differentiated is None else int(answer.differentiated.shape[0])
    if labels is not None and len(labels) != classes:
        raise LabelsError(f"--labels: {len(labels)} labels for {classes} classes; expected one for each.")


def _explain(tape: Any, follower: Follower, answer: Answer, class_index: int | None, score: Any) -> Explained | None:
    target = follower.target
    if score is None or target is None or class_index is None:
        return None
    try:
        gradient = derivative(tape, score, target)
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
