"""One eager forward pass of a network over one image, and what it leaves behind: a `Probe`.

    run: model(batch), each layer call heard ─▶ scores ─▶ gradient at the layer to explain ─▶ KerasProbe

The layer to explain is the last one with a height and a width on the way to the score. Which that is, is known when the pass is
over. Nearly always it is the last of all such layers, whose gradient is at hand; otherwise a second pass goes for it.

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
from .answer import LOGITS, Answer, answer_of, class_to_explain
from .arriving import Arrivals
from .choosing import Choice, Spot, choices
from .following import Follower
from .lineage import made_by_own_code, sources_of
from .listening import Heard
from .network import KerasNetwork
from .placing import Placing
from .repeating import unsteadiness
from .running import Structure, derivative, run

OF_A_MAP = "The output is a map itself; what is explained is the mean of one of its channels over all places."


@dataclass
class KerasProbe:
    """A network that has seen an image: fulfils `Probe`. `heads` are the names of the model's outputs."""

    network: KerasNetwork
    given: np.ndarray
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
        follower, arrivals, placing = Follower(options, tape), Arrivals(), Placing()

        def listen(*heard: Any) -> None:
            for listener in (placing, follower, arrivals):
                listener.listen(*heard)

        batch = tf.constant(network.preprocess(pixels[None]))
        forward = run(network.loaded, network.head, batch, listen, network.settings, placing.note)
        answer = answer_of(forward.output, forward.structure.channels_first)
        _check_labels(network.labels, answer)
        class_index = class_to_explain(options.target, answer, network.labels)
        score = answer.differentiated[class_index] if class_index is not None else None
    follower.finish()
    explained = None
    if class_index is not None:
        sources = sources_of((getattr(forward.output, LOGITS, forward.output),))
        for choice in choices(follower.steps, sources):
            at_hand = choice.spot == follower.target_spot
            pair = _with_gradient(tape, score, follower.target) if at_hand else _second_pass(network, batch, choice, class_index)
            if pair is not None:
                explained = _explained(choice, *pair, forward.structure, placing, class_index, answer)
                break
    return KerasProbe(
        network=network.with_structure(forward.structure),
        given=pixels,
        pixels=shown,
        maps=tuple(follower.maps),
        arrivals=tuple(arrivals.found),
        scores=answer.scores,
        score_kind=answer.kind,
        unsteady=unsteadiness(network, pixels, forward.structure.heard, forward.output),
        explained=explained,
        heads=forward.heads,
    )


def _check_labels(labels: tuple[str, ...] | None, answer: Answer) -> None:
    classes = 0 if answer.differentiated is None else int(answer.differentiated.shape[0])
    if labels is not None and len(labels) != classes:
        raise LabelsError(f"--labels: {len(labels)} labels for {classes} classes; expected one for each.")


def _second_pass(network: KerasNetwork, batch: Any, choice: Choice, class_index: int) -> tuple[Any, Any] | None:
    """The tensor that was chosen, and the gradient of the class's score there; None where there is none."""
    found: list[Any] = []
    with tf.GradientTape(watch_accessed_variables=False) as tape:

        def listen(heard: Heard, inputs: tuple[Any, ...], output: Any) -> None:
            path, into = choice.spot
            if heard.row.path == path:
                found.append(made_by_own_code(inputs) if into else output)
            # what goes into a layer was made before the layer is heard, so that the tape must hold what it was made of
            if output.dtype.is_floating and Spot(heard.row.path) in (choice.inputs if into else (choice.spot,)):
                tape.watch(output)

        forward = run(network.loaded, network.head, batch, listen)
        answer = answer_of(forward.output, forward.structure.channels_first)
        score = None if answer.differentiated is None else answer.differentiated[class_index]
    return _with_gradient(tape, score, found[0]) if found and found[0] is not None and score is not None else None


def _with_gradient(tape: Any, score: Any, target: Any) -> tuple[Any, Any] | None:
    """A layer's output and the gradient of the score there; None where no gradient reaches it."""
    try:
        gradient = derivative(tape, score, target)
    except Exception:  # a layer may bring a gradient of its own, and that may fail: all the rest can still be shown
        gradient = None
    return None if gradient is None else (target, gradient)


def _explained(
    choice: Choice, target: Any, gradient: Any, structure: Structure, placing: Placing, class_index: int, answer: Answer
) -> Explained:
    path, into = choice.spot
    (heard,) = (each for each in structure.heard if each.row.path == path)
    pair = (np.asarray(tensor.numpy(), np.float32)[0] for tensor in (target, gradient))
    activations, gradients = (each.transpose(1, 2, 0) if heard.channels_first else each for each in pair)
    place = placing.places[choice.spot]
    return Explained(
        path=path,
        into=into,
        class_index=class_index,
        activations=activations,
        gradients=gradients,
        unit=answer.unit,
        reason=choice.reason if answer.scores is not None else f"{choice.reason} {OF_A_MAP}",
        part=place.part,
        kept=place.kept,
        placed=place.known and place.axes == ((2, 3) if heard.channels_first else (1, 2)),
    )
