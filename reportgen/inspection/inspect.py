"""One eager forward pass of a network over one image, and the `Probe` that results.

    run: model(batch), each layer call heard ─▶ scores ─▶ gradient at the layer to explain ─▶ KerasProbe

The layer to explain is the last one with a height and a width on the path to the score. It is only known when the pass is over.
Nearly always it is the last of all such layers, whose gradients are at hand; otherwise a second pass computes them.

Memory stays small whatever the model's size: statistics of a convolution's feature maps are computed during the pass, the maps
themselves are kept only if they will be shown, a functional model's tensors are freed after their last use, and the tape forgets
everything before the layer to explain.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from ..arrays.others import OtherInput
from ..backend import deep_models, tf
from ..options import Options
from ..outputs import Output
from ..picture import WHOLE, Part
from ..probe import Arrival, Explained, FeatureMaps, Question
from ..tasks import ScoreKind
from .answer import LOGITS, Answer, answer_of, questions_of, score_of
from .arriving import Arrivals
from .choosing import Choice, Spot, choices
from .explaining import asked_choice
from .following import Follower
from .lineage import made_by_own_code, sources_of
from .listening import Heard
from .network import KerasNetwork
from .outputs import read_outputs
from .placing import Placing
from .repeating import unsteadiness
from .replaying import First, Replay, Replayable
from .running import Pass, Structure, derivatives, run

OF_A_MAP = "The output is itself a map; the explained score is the mean of one of its channels over all positions."


@dataclass
class KerasProbe:
    """A network that has seen an image: implements `Probe`. `heads` are the names of the model's outputs."""

    network: KerasNetwork
    given: np.ndarray
    pixels: np.ndarray
    original: np.ndarray
    seen: Part
    maps: tuple[FeatureMaps, ...]
    arrivals: tuple[Arrival, ...]
    scores: np.ndarray | None
    score_kind: ScoreKind
    unsteady: float | None
    questions: tuple[Question, ...]
    explained: tuple[Explained, ...]
    outputs: tuple[Output, ...]
    heads: tuple[str, ...]
    numbers: np.ndarray | None = None
    others_given: tuple[OtherInput, ...] = ()


@deep_models()
def inspect(
    network: KerasNetwork,
    pixels: np.ndarray,
    shown: np.ndarray,
    options: Options,
    original: np.ndarray | None = None,
    seen: Part = WHOLE,
    numbers: np.ndarray | None = None,
    others: tuple[OtherInput, ...] = (),
) -> KerasProbe:
    """Run the network on `pixels`, uint8 (h, w, channels) as it takes them; `shown` (h, w, 3) is the same image for the reader.

    `original` (H, W, 3) is the image before it was fitted to the model, and `seen` the part of it that was. `numbers` is the
    array that the image came from, if it came from one, and `others` what the model's other inputs are given. Raises `ModelError`
    if the model cannot run on the image, `LabelsError` if it does not have the class to explain, and `OptionError` if it does not
    have the layer.
    """
    batch = tf.constant(network.preprocess(pixels[None]))
    seen_now = _replayed(network, batch, options) or _first_pass(network, batch, pixels, options)
    return KerasProbe(
        given=pixels,
        pixels=shown,
        original=shown if original is None else original,
        seen=seen,
        numbers=numbers,
        others_given=others,
        scores=seen_now.read.answer.scores,
        score_kind=seen_now.read.answer.kind,
        questions=seen_now.read.questions,
        outputs=seen_now.read.outputs,
        network=seen_now.network,
        maps=seen_now.maps,
        arrivals=seen_now.arrivals,
        unsteady=seen_now.unsteady,
        explained=seen_now.explained,
        heads=seen_now.heads,
    )


class _Read(NamedTuple):
    """A model's answer, its outputs, and the scores to explain."""

    answer: Answer
    outputs: tuple[Output, ...]
    questions: tuple[Question, ...]


class _Target(NamedTuple):
    """The layer that is explained, what it returned, and the gradient of each score there."""

    layer: Replayable
    output: Any
    gradients: list[Any]


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """What a pass found; the fields are those of `KerasProbe`."""

    network: KerasNetwork
    maps: tuple[FeatureMaps, ...]
    arrivals: tuple[Arrival, ...]
    read: _Read
    explained: tuple[Explained, ...]
    heads: tuple[str, ...]
    unsteady: float | None


def _first_pass(network: KerasNetwork, batch: Any, pixels: np.ndarray, options: Options) -> _Seen:
    # persistent: each class has a gradient of its own
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        follower, arrivals, placing = Follower(options, tape), Arrivals(), Placing()

        def listen(*heard: Any) -> None:
            for listener in (placing, follower, arrivals):
                listener.listen(*heard)

        forward = run(network.loaded, network.head, batch, listen, network.settings, placing.note)
        read = _read(network, forward.output, forward.outputs, forward.structure.channels_first, options)
        scores = [score_of(question, read.answer.differentiated) for question in read.questions]
    follower.finish()
    target: _Target | None = None
    for choice in _choices(follower, forward, read, options):
        if choice.spot == follower.target_spot:
            found = _with_gradients(tape, scores, follower.target)
        else:
            found = _second_pass(network, batch, choice, read.questions)
        if found is not None:
            target = _Target(Replayable(choice, placing.places[choice.spot]), *found)
            break
    height, width, _ = network.loaded.input_shape
    seen = _Seen(
        network=network.with_structure(forward.structure.with_receptive_fields(placing, (height, width))),
        maps=tuple(_marked(follower.maps, read.answer)),
        arrivals=tuple(arrivals.found),
        read=read,
        explained=() if target is None else tuple(_explained(target, forward.structure, read)),
        heads=tuple(forward.outputs),
        unsteady=unsteadiness(network, pixels, forward.structure.heard, forward.output),
    )
    if network.expects_more and seen.unsteady is None and (target or not read.questions):
        network.expects_more = seen.network.expects_more = _keep_trace(seen, batch, forward, target, options)
    return seen


def _keep_trace(seen: _Seen, batch: Any, forward: Pass, target: _Target | None, options: Options) -> bool:
    """Keep a trace of the pass for the images that follow; return whether there is one that finds what the pass found."""
    first = First(
        batch=batch,
        forward=forward,
        maps=seen.maps,
        arrivals=seen.arrivals,
        questions=seen.read.questions,
        target=target.output if target else None,
        gradients=target.gradients if target else (),
    )
    replay = Replay(seen.network, first, target.layer if target else None)
    faithful = replay.is_faithful(first)
    if faithful:
        seen.network.keep_replay(options, replay)
    return faithful


def _choices(follower: Follower, forward: Pass, read: _Read, options: Options) -> Iterable[Choice]:
    """Return the layers that may be explained, the best first: only the one that the user asks for, or none without a score."""
    asked = asked_choice(options.explain_layer, follower.steps, forward.structure)
    if asked:
        return (asked,)
    return choices(follower.steps, sources_of((getattr(forward.output, LOGITS, forward.output),))) if read.questions else ()


def _marked(maps: Sequence[FeatureMaps], answer: Answer) -> Iterator[FeatureMaps]:
    """Yield the maps, and mark those that are the class scores themselves, before or after softmax, as MobileNet's last are."""
    logits = answer.differentiated
    scores = [answer.scores, None if logits is None else np.asarray(logits.numpy(), np.float32)]
    for each in maps:
        alone = each.shape[:2] == (1, 1) and len(maps) > 1  # a convolution over the whole image is all that some models have
        yield replace(each, scores=True) if alone and any(_same_numbers(each.mean, values) for values in scores) else each


def _same_numbers(means: np.ndarray, scores: np.ndarray | None) -> bool:
    return scores is not None and np.array_equal(means, scores, equal_nan=True)


def _replayed(network: KerasNetwork, batch: Any, options: Options) -> _Seen | None:
    """Return what the trace of an earlier pass finds on the image; None if there is no such trace."""
    replay = network.replay_for(options)
    if replay is None:
        return None
    first = replay.network

    def questions(output: Any, heads: dict[str, Any]) -> tuple[_Read, tuple[Question, ...]]:
        read = _read(first, output, heads, first.structure.channels_first, options)
        return read, read.questions

    again = replay.over(batch, questions)
    explained: tuple[Explained, ...] = ()
    if again.read.questions and replay.found is not None:
        explained = tuple(_explained(_Target(replay.found, again.target, again.gradients), first.structure, again.read))
    return _Seen(
        network=first,
        maps=again.maps,
        arrivals=again.arrivals,
        read=again.read,
        explained=explained,
        heads=tuple(again.heads),
        unsteady=None,
    )


def _read(network: KerasNetwork, output: Any, heads: dict[str, Any], channels_first: bool, options: Options) -> _Read:
    answer = answer_of(output, channels_first)
    network.name_classes(0 if answer.differentiated is None else int(answer.differentiated.shape[0]))
    outputs = read_outputs(network, heads, channels_first, options.task)
    return _Read(answer, outputs, questions_of(options, answer, network.labels, outputs[0]))


def _second_pass(
    network: KerasNetwork, batch: Any, choice: Choice, questions: tuple[Question, ...]
) -> tuple[Any, list[Any]] | None:
    """Return the chosen tensor and the gradients of the scores there, from another pass; None if there are none."""
    found: list[Any] = []
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:

        def listen(heard: Heard, inputs: tuple[Any, ...], output: Any) -> None:
            path, into = choice.spot
            if heard.row.path == path:
                found.append(made_by_own_code(inputs) if into else output)
            # a layer's input exists before the layer is heard, so the tape must watch what the input was made from
            if output.dtype.is_floating and Spot(heard.row.path) in (choice.inputs if into else (choice.spot,)):
                tape.watch(output)

        forward = run(network.loaded, network.head, batch, listen)
        answer = answer_of(forward.output, forward.structure.channels_first)
        if answer.differentiated is None:
            return None
        scores = [score_of(question, answer.differentiated) for question in questions]
    return _with_gradients(tape, scores, found[0]) if found and found[0] is not None else None


def _with_gradients(tape: Any, scores: list[Any], target: Any) -> tuple[Any, list[Any]] | None:
    """Return a layer's output and the gradient of each score there; None if no gradient reaches it."""
    try:
        gradients = derivatives(tape, scores, target)
    except Exception:  # a layer's custom gradient may fail: all the rest can still be shown
        return None
    return None if any(gradient is None for gradient in gradients) else (target, gradients)


def _explained(target: _Target, structure: Structure, read: _Read) -> Iterator[Explained]:
    choice, place = target.layer
    path, into = choice.spot
    (heard,) = (each for each in structure.heard if each.row.path == path)
    arrays = [np.asarray(tf.convert_to_tensor(tensor).numpy(), np.float32)[0] for tensor in (target.output, *target.gradients)]
    activations, *by_question = (each.transpose(1, 2, 0) if heard.channels_first else each for each in arrays)
    for question, gradient in zip(read.questions, by_question, strict=True):
        yield Explained(
            **vars(question),
            path=path,
            into=into,
            activations=activations,
            gradients=gradient,
            reason=choice.reason if read.answer.scores is not None else f"{choice.reason} {OF_A_MAP}",
            part=place.part,
            kept=place.kept,
            placed=place.known and place.axes == ((2, 3) if heard.channels_first else (1, 2)),
        )
