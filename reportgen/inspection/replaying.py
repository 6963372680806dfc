"""Run a network over image after image by a trace of its pass over the first one: it hears nothing, so it takes a fifth as long.

Everything that a pass reveals about the model is the same for every image, as long as the model has only Keras's own layers. What
differs is a handful of tensors: feature maps, what arrives at the first layers, the outputs, and the gradients at one layer. The
trace returns these. TensorFlow does not rewrite its graph, so that each operation is the one that runs eagerly, and the numbers
are the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import numpy as np

from ..backend import tf
from ..probe import Arrival, FeatureMaps, Question
from .answer import LOGITS, chosen_head, class_scores, differentiated
from .arriving import arrival, axis_of
from .choosing import Choice
from .following import feature_maps
from .last_step import STEP
from .places import Place
from .remembering import may_be_kept
from .running import Pass, run, unoptimized
from .score_marks import MARK

if TYPE_CHECKING:
    from .network import KerasNetwork

MOST_HELD = 400_000_000  # bytes of the tensors that a trace returns; they are all held at once
Read = TypeVar("Read")


class Replayable(NamedTuple):
    """The layer that is explained, and where its maps lie."""

    choice: Choice
    place: Place


@dataclass(frozen=True, kw_only=True)
class First:
    """What the pass over the tensor `batch` found: `target` is the output of the layer that is explained, or None."""

    batch: Any
    forward: Pass
    maps: tuple[FeatureMaps, ...]
    arrivals: tuple[Arrival, ...]
    questions: tuple[Question, ...]
    target: Any = None
    gradients: Sequence[Any] = ()


@dataclass(frozen=True, kw_only=True)
class Replayed(Generic[Read]):
    """What a trace found on an image: `read` is what the caller made of the outputs; `target` is None if nothing is explained."""

    heads: dict[str, Any]
    maps: tuple[FeatureMaps, ...]
    arrivals: tuple[Arrival, ...]
    read: Read
    target: Any
    gradients: list[Any]


class _OtherWay(Exception):  # noqa: N818 - never leaves this module
    """A trace took another path through the model than the pass over the first image."""


class Replay:
    """The trace of a pass.

    The classes with the best scores are explained without running the model twice: they are found within the trace. If other
    scores are asked for, a second trace is told them.
    """

    def __init__(self, network: KerasNetwork, first: First, found: Replayable | None) -> None:
        self.network, self.found = network, found
        self._questions = first.questions
        self._heard = {heard.row.path: heard for heard in network.structure.heard}
        self._maps = [(each.without_values(), each.values is not None) for each in first.maps]
        self._outputs = [each.after[-1] if each.after else each.path for each in first.maps]
        # the rows whose input is described, each with the axis of its channels
        self._arriving = [(self._heard[each.path].row, axis_of(self._heard[each.path].layer)) for each in first.arrivals]
        self._marks = {name: _marks_of(tensor) for name, tensor in first.forward.outputs.items()}
        self._traces: dict[tuple[int, bool], Any] = {}

    def is_faithful(self, first: First) -> bool:
        """Return whether the trace can be used: it finds the very same on the first image."""
        try:
            return self._may_be_traced(first) and self._is_same(first)
        except Exception:  # whatever TensorFlow or a layer raises: image after image runs eagerly instead
            return False

    def over(self, batch: Any, read: Callable[[Any, dict[str, Any]], tuple[Read, tuple[Question, ...]]]) -> Replayed[Read]:
        """Return what the trace finds on another image.

        read: given the chosen output and all outputs by name, returns what it makes of them and the scores to explain.
        """
        best = self._explains_the_best()
        found = self._run(batch, self._weights(self._questions), best)
        heads = {name: self._marked(name, *pair) for name, pair in found["heads"].items()}
        made, questions = read(chosen_head(heads, self.network.head), heads)
        if self.found is not None and questions:
            classes = found["classes"].numpy().tolist() if best else None
            if not (classes == [each.class_index for each in questions] if best else _same(questions, self._questions)):
                found |= self._run(batch, self._weights(questions), best=False)
        return Replayed(
            heads=heads,
            maps=tuple(self._described(found["maps"])),
            arrivals=tuple(
                arrival(row, values.numpy()[0], axis)
                for (row, axis), values in zip(self._arriving, found["arrivals"], strict=True)
            ),
            read=made,
            target=found["target"],
            gradients=found["gradients"],
        )

    def _may_be_traced(self, first: First) -> bool:
        """Return whether another image goes the same way for certain, in one precision, and fits into memory."""
        model = self.network.model
        return (
            self.network.loaded.inputs is None
            and may_be_kept(model, self.network.structure.heard)
            and all(tensor.dtype == tf.float32 for tensor in (first.batch, *first.forward.outputs.values()))
            and all(layer.compute_dtype == "float32" for layer in model._flatten_layers())
            and (self.found is None or not self.found.choice.spot.into)
            and 4 * sum(height * width * channels for height, width, channels in (each.shape for each in first.maps)) <= MOST_HELD
        )

    def _is_same(self, first: First) -> bool:
        """Return whether the trace finds on the first image what the pass found there, bit for bit."""
        again = self.over(first.batch, lambda output, heads: (output, first.questions))
        pairs = [(first.forward.outputs[name], tensor) for name, tensor in again.heads.items()]
        if self.found is not None:
            pairs += zip((first.target, *first.gradients), (again.target, *again.gradients), strict=True)
        alike = all(np.array_equal(old.numpy(), new.numpy(), equal_nan=True) for old, new in pairs)
        return alike and again.arrivals == first.arrivals and all(map(_same_maps, first.maps, again.maps))

    def _explains_the_best(self) -> bool:
        """Return whether the classes with the best scores are explained, each by itself."""
        plain = [Question(class_index=each.class_index, unit=each.unit) for each in self._questions]
        return len(self._questions) > 1 and list(self._questions) == plain

    def _weights(self, questions: Sequence[Question]) -> np.ndarray:
        """Return the weight of each class's score in the score of each question, (questions, classes)."""
        weights = np.zeros((len(questions), max(1, self.network.structure.classes)), np.float32)
        for row, question in zip(weights, questions, strict=True):
            sign = -1 if question.negated else 1
            row[question.class_index] = sign
            if question.against is not None:
                row[question.against] = -sign
        return weights

    def _run(self, batch: Any, weights: np.ndarray, best: bool) -> dict[str, Any]:
        key = len(weights), best
        with unoptimized():
            if key not in self._traces:
                specs = tf.TensorSpec(batch.shape, batch.dtype), tf.TensorSpec(weights.shape, tf.float32)
                compute = tf.function(lambda images, asked: self._compute(images, asked, best), autograph=False)
                self._traces[key] = compute.get_concrete_function(*specs)
            return dict(self._traces[key](batch, tf.constant(weights)))

    def _compute(self, images: Any, weights: Any, best: bool) -> dict[str, Any]:
        """Return the tensors that differ from image to image; runs while the model is traced."""
        arriving = [row.path for row, _ in self._arriving]
        outputs: dict[str, Any] = {}
        inputs: dict[str, Any] = {}
        target = self.found.choice.spot.path if self.found is not None else None
        rows = []
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:

            def listen(heard: Any, given: tuple[Any, ...], output: Any) -> None:
                rows.append((heard.row.path, heard.row.output_shape))
                if heard.row.path in self._outputs or heard.row.path == target:
                    outputs[heard.row.path] = output
                if heard.row.path in arriving:
                    inputs[heard.row.path] = given[0]
                if heard.row.path == target:
                    tape.watch(output)

            forward = run(self.network.loaded, self.network.head, images, listen)
            if rows != [(each.row.path, each.row.output_shape) for each in self.network.structure.heard][: len(rows)]:
                raise _OtherWay
            found: dict[str, Any] = {
                "heads": {name: (each, getattr(each, LOGITS, None)) for name, each in forward.outputs.items()},
                "maps": [outputs[path] for path in self._outputs],
                "arrivals": [inputs[path] for path in arriving],
                "target": None,
                "gradients": [],
            }
            if target is None:
                return found
            channels_first = self.network.structure.channels_first
            if best:
                means = class_scores(forward.output, channels_first)[0]
                found["classes"] = tf.math.top_k(means, weights.shape[0]).indices
                weights = tf.one_hot(found["classes"], weights.shape[1])
            by_class = differentiated(forward.output, channels_first)[0]
            scores = [tf.reduce_sum(by_class * weights[place]) for place in range(weights.shape[0])]
        found["target"] = outputs[target]
        found["gradients"] = [tape.gradient(score, outputs[target]) for score in scores]
        if any(each is None for each in found["gradients"]):
            raise _OtherWay
        return found

    def _described(self, found: Sequence[Any]) -> Iterator[FeatureMaps]:
        for (first, kept), tensor in zip(self._maps, found, strict=True):
            heard = self._heard[first.path]
            values = tensor.numpy()[0]
            maps = feature_maps(heard.row, first.after, values.transpose(1, 2, 0) if heard.channels_first else values)
            yield replace(maps if kept else maps.without_values(), scores=first.scores)

    def _marked(self, name: str, tensor: Any, logits: Any) -> Any:
        """Return an output with the marks that the first pass left on it, which say what its values are."""
        for mark, value in self._marks[name].items():
            setattr(tensor, mark, value)
        if logits is not None:
            setattr(tensor, LOGITS, logits)
        return tensor


def _marks_of(tensor: Any) -> dict[str, Any]:
    return {mark: getattr(tensor, mark) for mark in (MARK, STEP) if hasattr(tensor, mark)}


def _same(questions: Sequence[Question], others: Sequence[Question]) -> bool:
    return [(each.class_index, each.against, each.negated) for each in questions] == [
        (each.class_index, each.against, each.negated) for each in others
    ]


def _same_maps(old: FeatureMaps, new: FeatureMaps) -> bool:
    pairs = [(getattr(old, name), getattr(new, name)) for name in ("low", "high", "mean", "active", "values")]
    figures = all(a is b or (a is not None and b is not None and np.array_equal(a, b, equal_nan=True)) for a, b in pairs)
    return figures and (old.index, old.path, old.shape, old.after, old.histogram) == (
        new.index,
        new.path,
        new.shape,
        new.after,
        new.histogram,
    )
