"""`Asking`: compute a model's scores, a layer's output, or gradients of a class score, for many images."""

from __future__ import annotations

import difflib
import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..backend import deep_models, tf
from ..errors import NotApplicable, OptionError, ReportgenError, reason_of
from ..explained import Question
from ..loading.inputs import image_input
from ..loading.loaded import Loaded, takes_integers
from ..probe import INPUT
from .answer import class_scores, differentiated
from .guiding import guided_gradient, guided_relus
from .listening import Heard
from .parts import channels_last, in_parts
from .running import Structure, derivative, run

BUDGET = 400_000_000  # bytes of activations at once; the graph of a large model takes up to 100 MB on top
HELD = 3  # values in memory per value of a layer's output: layers such as gelu keep intermediate results
LARGEST = 32  # images in a batch: larger batches are no faster
TRACES = 4  # traces kept, the most recently used: one of ResNet50 takes 25 MB
EAGERLY = 0  # stands in for the size of a traced batch: one image at a time, without a trace

Compute = Callable[[Any, Any], Any]  # maps (images, class index), both tensors, to the answer for each image, float32


class _OtherWay(Exception):  # noqa: N818 - never leaves this module
    """A trace took another path through the model than the pass that made its layer table."""


class Asking:
    """Answers the questions of `Network`, for a model whose layer table is known.

    One image runs eagerly, unless it needs more memory than `BUDGET`. Several are traced with `tf.function`, in batches of one
    size that keeps the activations below `BUDGET`, at least 1 image. The last batch reaches back over images that were done
    before, so that every batch has the traced size. One trace serves every class. A model that cannot be traced, or a layer that
    does not return one row per image, runs with one image at a time.
    """

    def __init__(self, loaded: Loaded, head: str | None, structure: Structure) -> None:
        self.loaded = loaded
        self.head = head
        self.structure = structure
        self._rows = {heard.row.path: heard for heard in structure.heard}
        self._traces: dict[tuple[str, int], Any] = {}
        self._untraceable: set[tuple[str, int]] = set()

    def scores(self, batch: np.ndarray) -> np.ndarray:
        """See `Network.scores`."""
        if not self.structure.classes:
            raise NotApplicable("The model returns one number for the whole batch, not scores for each image.")

        def compute(images: Any, _class_index: Any) -> Any:
            output, _ = self._forward(images)
            return class_scores(output, self.structure.channels_first)

        return self._for_all("the scores", compute, batch, self._bytes_per_image())

    def logits(self, batch: np.ndarray) -> np.ndarray:
        """See `Network.logits`."""

        def compute(images: Any, _class_index: Any) -> Any:
            output, _ = self._forward(images)
            by_class = differentiated(output, self.structure.channels_first)
            return class_scores(output, self.structure.channels_first) if by_class is None else by_class

        if not self.structure.classes:
            raise NotApplicable("The model returns one number for the whole batch, not scores for each image.")
        return self._for_all("the logits", compute, batch, self._bytes_per_image())

    def maps(self, path: str, batch: np.ndarray) -> np.ndarray:
        """See `Network.maps`."""
        heard = self._row(path)

        def compute(images: Any, _class_index: Any) -> Any:
            _, (found,) = self._forward(images, heard)
            return tf.cast(found, tf.float32)

        return channels_last(heard, self._for_all(f"the output of {heard.row.path}", compute, batch, self._bytes_per_image()))

    def gradient(self, batch: np.ndarray, class_index: int, at: str) -> np.ndarray:
        """See `Network.gradient`."""
        heard = self._row(at)
        self._check_class(class_index)

        def compute(images: Any, index: Any) -> Any:
            return self._gradients((heard,), images, index)[0]

        question, needed = f"the gradient at {_place(heard)}", self._bytes_per_image(heard.row.index)
        return channels_last(heard, self._for_all(question, compute, batch, needed, class_index))

    def guided_gradient(self, batch: np.ndarray, question: Question) -> np.ndarray:
        """See `Network.guided_gradient`."""
        heard = self._row(INPUT)
        self._check_class(question.class_index)
        sign = "minus " if question.negated else ""
        against = "" if question.against is None else f" against class {question.against}"
        score = f"the guided gradient of {sign}the class score{against}"

        compute, needed = functools.partial(self._guided, question), self._bytes_per_image(0)
        return channels_last(heard, self._for_all(score, compute, batch, needed, question.class_index))

    def gradients(self, batch: np.ndarray, class_index: int, paths: Sequence[str]) -> tuple[np.ndarray, ...]:
        """See `Network.gradients`."""
        if not paths:
            return ()
        rows = [self._row(path) for path in paths]
        self._check_class(class_index)

        def compute(images: Any, index: Any) -> Any:
            found = self._gradients(rows, images, index)
            return tf.concat([tf.reshape(each, (images.shape[0], -1)) for each in found], axis=1)

        question = f"the gradients at {', '.join(map(_place, rows))}"
        needed = self._bytes_per_image(min(heard.row.index for heard in rows))
        side_by_side = self._for_all(question, compute, batch, needed, class_index, always_traced=True)
        parts = np.split(side_by_side, list(itertools.accumulate(heard.values for heard in rows))[:-1], axis=1)
        found = []
        for heard, part in zip(rows, parts, strict=True):
            shape = tuple(length or 0 for length in heard.row.output_shape)
            rows_per_image = heard.values // max(1, math.prod(shape))  # several where a layer splits an image into windows
            found.append(channels_last(heard, part.reshape(len(batch) * rows_per_image, *shape)))
        return tuple(found)

    def _check_class(self, class_index: int) -> None:
        if not 0 <= class_index < self.structure.classes:
            raise OptionError(f"class {class_index}: the model has {self.structure.classes} classes, counted from 0.")

    def _gradients(self, rows: Sequence[Heard], images: Any, index: Any) -> list[Any]:
        """Return the gradient of the class score at each of the rows, float32, from one pass."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            output, found = self._forward(images, *rows, tape=tape)
            by_class = differentiated(output, self.structure.channels_first)
            for heard, tensor in zip(rows, found, strict=True):
                if by_class is None or not tensor.dtype.is_floating:
                    integers = "the model's output" if by_class is None else _place(heard)
                    raise NotApplicable(f"There is no gradient at {_place(heard)}: {integers} consists of integers.")
            # the images are independent, so the gradient of the sum holds the gradient for each image
            score = tf.reduce_sum(tf.gather(by_class, index, axis=1))
        gradients = derivative(tape, score, found)
        for heard, gradient in zip(rows, gradients, strict=True):
            if gradient is None:
                raise NotApplicable(f"There is no gradient at {_place(heard)}: none flows back to it from the class score.")
        return [tf.cast(tf.convert_to_tensor(each), tf.float32) for each in gradients]

    def _guided(self, question: Question, images: Any, index: Any) -> Any:
        """Return the gradient at the input through ReLUs that pass no negative gradient back. Works only inside a trace."""
        if tf.executing_eagerly():
            raise _OtherWay
        with guided_relus():
            output, (found,) = self._forward(images, self._row(INPUT))
        gradient = guided_gradient(differentiated(output, self.structure.channels_first), index, question, found)
        return tf.cast(tf.convert_to_tensor(gradient), tf.float32)

    def _row(self, path: str) -> Heard:
        """Return the row at `path`; at `INPUT`, the row of the model's input.

        Raises `OptionError` for an unknown path, and `NotApplicable` for a layer that is never called or is the model itself.
        """
        heard = self.structure.heard[0] if path == INPUT else self._rows.get(path)
        if heard is None:
            close = difflib.get_close_matches(path, self._rows, n=3, cutoff=0.5) or list(self._rows)[:5]
            reason = f"{path}: the model has no such layer; expected one of {len(self._rows)}, such as {', '.join(close)}."
            raise OptionError(" ".join(reason.split()))  # a layer's name may contain line breaks
        if heard.layer is self.loaded.model:
            raise NotApplicable(f"{path} is the model itself; expected one of its layers.")
        if not heard.values:
            raise NotApplicable(f"{path} is never called, so it has no output.")
        return heard

    def _forward(self, images: Any, *rows: Heard, tape: Any = None) -> tuple[Any, list[Any]]:
        """Return the model's output and those of the layers in `rows`, which `tape` watches if there is one."""
        found: dict[str, Any] = {}
        wanted = {heard.row.path for heard in rows}

        def listen(each: Heard, _inputs: tuple[Any, ...], output: Any) -> None:
            if each.row.path in wanted and each.row.path not in found:
                found[each.row.path] = output
                if tape is not None and output.dtype.is_floating:
                    tape.watch(output)

        forward = run(self.loaded, self.head, images, listen)
        if not tf.executing_eagerly():
            # layers inside a graph's loops and branches are not heard, so later calls would be numbered wrongly
            paths = [each.row.path for each in forward.structure.heard]
            if paths != list(self._rows) or forward.output.shape[0] != images.shape[0]:
                raise _OtherWay
        for heard in rows:
            if heard.row.path not in found:
                raise NotApplicable(f"{heard.row.path} is not called for this image.")
        return forward.output, [found[heard.row.path] for heard in rows]

    def _bytes_per_image(self, start: int | None = None) -> int:
        """Estimate the memory that one image needs in a forward pass or, with `start`, for a gradient at that row.

        A forward pass holds few outputs at once, a gradient all of them from the row `start` on.
        """
        values = [heard.values for heard in self.structure.heard]
        held = 0 if start is None else sum(values[start:])
        return 4 * HELD * max(held, *values)

    @deep_models()
    def _for_all(
        self,
        question: str,
        compute: Compute,
        batch: np.ndarray,
        needed: int,
        class_index: int = 0,
        *,
        always_traced: bool = False,
    ) -> np.ndarray:
        """Return the answer for all images; `needed` is the memory that one of them takes, in bytes.

        always_traced: trace the pass for one image, too, because the same is asked about one image after another.
        """
        height, width, channels = self.loaded.input_shape
        if batch.shape[1:] != (height, width, channels) or not np.issubdtype(batch.dtype, np.floating):
            raise OptionError(
                f"batch: expected float32 of shape (n, {height}, {width}, {channels}), as returned by `prepared`;"
                f" got {batch.dtype} of shape {batch.shape}."
            )
        if len(batch) == 0:
            black = np.zeros((1, *self.loaded.input_shape), np.float32)
            return self._for_all(question, compute, black, needed, class_index, always_traced=always_traced)[:0]
        index = tf.constant(class_index, tf.int32)
        for size in self._ways(question, len(batch), needed, always_traced):
            try:
                if size == EAGERLY:
                    return in_parts(batch, 1, lambda part: compute(self._tensor(part), index).numpy())
                return in_parts(batch, size, lambda part: self._traced(question, compute, self._tensor(part), index))
            except NotApplicable:
                raise
            except Exception as error:  # whatever the user's code raises; another batch size may work
                if size == EAGERLY:
                    failure = error
                else:
                    self._untraceable.add((question, size))
        if isinstance(failure, ReportgenError):
            raise failure
        raise NotApplicable(f"TensorFlow cannot compute {question}: {reason_of(failure)}") from failure

    def _ways(self, question: str, images: int, needed: int, always_traced: bool) -> list[int]:
        """Return the batch sizes to try in turn, without those that failed before.

        One image runs eagerly, unless it only fits into memory in a trace. A trace of one image suits models that were made for a
        batch of one, and layers whose custom gradient only works in a graph.
        """
        if images == 1 and needed <= BUDGET and not always_traced:
            ways = [EAGERLY, 1]
        else:
            safe = max(1, min(images, LARGEST, BUDGET // needed))
            least_repeated = min(range(safe, safe // 2, -1), key=lambda size: -images % size)
            ways = [least_repeated, *([1] if least_repeated > 1 else []), EAGERLY]
        return [size for size in ways if (question, size) not in self._untraceable]

    def _traced(self, question: str, compute: Compute, images: Any, index: Any) -> np.ndarray:
        """Return the answer for a batch. The trace that computes it is made once for each question and batch size.

        Raises `_OtherWay` if the layer does not return one row per image.
        """
        size = len(images)
        trace = self._traces.pop((question, size), None)
        if trace is None:
            specs = (tf.TensorSpec(images.shape, images.dtype), tf.TensorSpec((), tf.int32))
            trace = tf.function(lambda images, index: compute(images, index), autograph=False).get_concrete_function(*specs)
        while len(self._traces) >= TRACES:
            del self._traces[next(iter(self._traces))]
        self._traces[question, size] = trace
        rows: np.ndarray = trace(images, index).numpy()
        if size > 1 and len(rows) != size:
            raise _OtherWay
        return rows

    def _tensor(self, images: np.ndarray) -> Any:
        """Return images (n, h, w, channels) as a tensor in the layout and type that the model takes."""
        images = images.transpose(0, 3, 1, 2) if self.loaded.channels_first else images
        if not takes_integers(self.loaded.model):
            return tf.constant(images, tf.float32)
        dtype = np.dtype(image_input(self.loaded.model).dtype)
        bounds = np.iinfo(dtype)
        return tf.constant(np.clip(np.rint(images), bounds.min, bounds.max).astype(dtype))


def _place(heard: Heard) -> str:
    """Return what a message calls the output of the row."""
    return "the model's input" if heard.row.index == 0 else heard.row.path
