"""One eager forward pass of a model over one picture, and what it leaves behind: a `Probe`.

    begin ─▶ model(batch), each layer call heard ─▶ scores ─▶ gradient at the last spatial layer ─▶ Recording

Memory stays small whatever the model's size: figures of a convolution's maps are taken as the pass goes by, the maps
themselves are kept only where they will be shown, and the tape forgets all that lies before the layer to explain.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np

from ..errors import LabelsError, ModelError, reason_of
from ..options import Options
from ..probe import Explained, FeatureMaps, LayerCall, ModelFacts, ScoreKind, block_ends
from ..sections.feature_maps import is_shown
from .backend import keras, tf
from .listening import CallLog, Heard, listening
from .loaded import Loaded, as_array

layers = keras.layers
CONVOLUTIONS = (
    layers.Conv2D,
    layers.Conv2DTranspose,
    layers.DepthwiseConv2D,
    layers.SeparableConv2D,
)
LOGITS = "_keras_logits"  # on what Keras's softmax and sigmoid return: what went in
KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel")
NORMALIZATION, ACTIVATION = "normalization", "activation"
NORMALIZATIONS = (
    layers.BatchNormalization,
    layers.LayerNormalization,
    layers.GroupNormalization,
    layers.UnitNormalization,
)
ACTIVATIONS = (layers.Activation, layers.ReLU, layers.LeakyReLU, layers.PReLU, layers.ELU, layers.Softmax)
ACTIVATION_OPERATIONS = (
    "Relu",
    "Relu6",
    "Silu",
    "Swish",
    "Gelu",
    "Elu",
    "Selu",
    "LeakyRelu",
    "HardSilu",
    "HardSwish",
    "Sigmoid",
    "Tanh",
)
# their output has the place of what goes in, or a resolution that no convolution gave it: nothing to explain there
PASSED_BY = (
    "Pooling", "Padding", "Cropping", "UpSampling", "Dropout", "Noise", "Identity", "Reshape", "Flatten", "Permute", "InputLayer",
)  # fmt: skip


@dataclass
class _Chain:
    """A convolution and the normalisation and activation found right behind it so far."""

    row: LayerCall
    channels_first: bool
    output: Any
    after: list[str] = field(default_factory=list)
    kinds: set[str] = field(default_factory=set)

    @property
    def shape(self) -> tuple[int, int, int]:
        first, second, third = self.output.shape[1:]
        return (second, third, first) if self.channels_first else (first, second, third)


class _Recorder:
    """Follows the pass: the maps of every convolution, and the last spatial layer for the tape."""

    def __init__(self, options: Options, tape: Any) -> None:
        self.options = options
        self.tape = tape
        self.maps: list[FeatureMaps] = []
        self.target: Any = None
        self.target_path = ""
        self.channels_first = False
        self._chains: dict[int, _Chain] = {}

    def listen(self, heard: Heard, inputs: tuple[Any, ...], output: Any) -> None:
        is_convolution = isinstance(heard.layer, CONVOLUTIONS) and len(output.shape) == 4
        if is_convolution:
            self.channels_first = heard.layer.data_format == "channels_first"
        self._follow_chains(heard, inputs, output)
        if is_convolution:
            self._chains[id(output)] = _Chain(heard.row, self.channels_first, output)
        if self._is_target(heard.row, output, is_convolution):
            # what lies before this layer needs no gradient: the tape starts anew, so that at the end it holds only the
            # way from the last spatial layer to the score
            self.tape.reset()
            self.tape.watch(output)
            self.target, self.target_path = output, heard.row.path

    def finish(self) -> None:
        for chain in list(self._chains.values()):
            self._close(chain)
        self.maps.sort(key=lambda maps: maps.index)
        self._drop_what_is_not_shown()

    def _follow_chains(self, heard: Heard, inputs: tuple[Any, ...], output: Any) -> None:
        for tensor in inputs:
            chain = self._chains.pop(id(tensor), None)
            if chain is None:
                continue
            kind = _kind_of(heard.layer)
            if kind is None or kind in chain.kinds or len(inputs) > 1 or output.shape != chain.output.shape:
                self._close(chain)
                continue
            chain.kinds.add(kind)
            chain.after.append(heard.row.path)
            chain.output = output
            self._chains[id(output)] = chain

    def _close(self, chain: _Chain) -> None:
        self._chains.pop(id(chain.output), None)
        values = np.asarray(chain.output.numpy(), np.float32)[0]
        values = values.transpose(1, 2, 0) if chain.channels_first else values
        self.maps.append(feature_maps(chain.row, tuple(chain.after), values))
        self._drop_what_is_not_shown()

    def _drop_what_is_not_shown(self) -> None:
        ends = block_ends((maps.index, maps.shape) for maps in sorted(self.maps, key=lambda maps: maps.index))
        first = min(maps.index for maps in self.maps) if self.maps else -1
        for place, maps in enumerate(self.maps):
            if maps.values is not None and not is_shown(maps.path, maps.index in ends, maps.index == first, self.options):
                self.maps[place] = maps.without_values()

    def _is_target(self, row: LayerCall, output: Any, is_convolution: bool) -> bool:
        # what a softmax or sigmoid returns lies behind the logits, which are to be differentiated
        if len(output.shape) != 4 or not output.dtype.is_floating or hasattr(output, LOGITS):
            return False
        if is_convolution:
            return self.target is None or self._pixels(output) > 1 or self._pixels(self.target) == 1
        if self.target is None or any(word in row.type for word in PASSED_BY):
            return False
        return self._resolution(output) == self._resolution(self.target)

    def _resolution(self, output: Any) -> tuple[int, int]:
        shape = output.shape
        return (shape[2], shape[3]) if self.channels_first else (shape[1], shape[2])

    def _pixels(self, output: Any) -> int:
        height, width = self._resolution(output)
        return height * width


def feature_maps(row: LayerCall, after: tuple[str, ...], values: np.ndarray) -> FeatureMaps:
    """The figures of the maps `values` (h, w, channels) of the convolution in `row`."""
    with np.errstate(invalid="ignore"):
        flat = values.reshape(-1, values.shape[2])
        return FeatureMaps(
            index=row.index,
            path=row.path,
            shape=values.shape,
            after=after,
            low=flat.min(axis=0),
            high=flat.max(axis=0),
            mean=flat.mean(axis=0, dtype=np.float64).astype(np.float32),
            active=(np.count_nonzero(flat > 0, axis=0) / len(flat)).astype(np.float32),
            values=values,
        )


def _kind_of(operation: Any) -> str | None:
    if isinstance(operation, NORMALIZATIONS):
        return NORMALIZATION
    if isinstance(operation, ACTIVATIONS) or type(operation).__name__ in ACTIVATION_OPERATIONS:
        return ACTIVATION
    return None


@dataclass
class Recording:
    """A model that has seen a picture: fulfils `Probe`."""

    model: ModelFacts
    pixels: np.ndarray
    labels: tuple[str, ...] | None
    calls: tuple[LayerCall, ...]
    maps: tuple[FeatureMaps, ...]
    scores: np.ndarray | None
    score_kind: ScoreKind
    explained: Explained | None
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


def record(loaded: Loaded, pixels: np.ndarray, shown: np.ndarray, options: Options) -> Recording:
    """Show the model the picture `pixels`, uint8 (h, w, channels) as it takes them; `shown` (h, w, 3) is the same for the reader.

    Raises `ModelError` where the model cannot run on it, `LabelsError` where the class to explain is none of its.
    """
    with ThreadPoolExecutor(1) as beside:
        digest = beside.submit(lambda: loaded.digest) if loaded.model.built else None
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            recorder = _Recorder(options, tape)
            log = CallLog(loaded.model, recorder.listen)
            outputs = _forward(loaded, log, pixels)
            answer = _answer(outputs)
            labels = _fitting_labels(loaded, answer.scores)
            class_index = _class_to_explain(options.target, answer, labels)
            score = answer.differentiated[class_index] if class_index is not None else None
        recorder.finish()
        explained = _explain(tape, recorder, score, class_index, answer.unit)
        facts = _facts(loaded, outputs, digest.result() if digest else loaded.digest)
    return Recording(
        model=facts,
        pixels=shown,
        labels=labels,
        calls=tuple(heard.row for heard in log.heard),
        maps=tuple(recorder.maps),
        scores=answer.scores,
        score_kind=answer.kind,
        explained=explained,
        _heard=tuple(log.heard),
        _digests=loaded.tensor_digests,
    )


def _forward(loaded: Loaded, log: CallLog, pixels: np.ndarray) -> Any:
    batch = tf.constant(loaded.preprocess(pixels[None]))
    log.begin(batch)
    try:
        with listening(log.hear):
            outputs = loaded.model(batch, training=False)
    except Exception as error:  # whatever a layer raises: the model is the user's, and so is its code
        shape = loaded.input_shape
        raise ModelError(f"{loaded.name}: the model cannot run on a picture of {shape} ({reason_of(error)}).") from error
    log.finish()
    return tf.nest.flatten(outputs)[0]


class _Answer(NamedTuple):
    """A model's output as scores (classes,), or None where it is no list of scores.

    `differentiated` (classes,) is the tensor whose entries are explained, or None; by `means` (classes,) the best is chosen.
    """

    scores: np.ndarray | None
    kind: ScoreKind
    means: np.ndarray | None
    differentiated: Any
    unit: Literal["logit", "output"]


def _answer(outputs: Any) -> _Answer:
    """What the model says, and what of it to differentiate.

    Logits rather than probabilities: where a softmax is sure of itself its gradient vanishes. Keras leaves the logits on what
    softmax and sigmoid return. Of an output that is a map, each class stands for its mean over the map.
    """
    logits = getattr(outputs, LOGITS, None)
    differentiated = _per_class(logits if logits is not None else outputs)
    unit: Literal["logit", "output"] = "output" if logits is None else "logit"
    means = None if differentiated is None else np.asarray(_per_class(outputs).numpy(), np.float32)
    if len(outputs.shape) != 2:
        # a map of classes has passed a softmax or sigmoid; the maps of a headless network stand for no class
        return _Answer(None, "raw", means if logits is not None else None, differentiated, unit)
    scores = np.asarray(outputs.numpy(), np.float32)[0]
    is_choice = len(scores) > 1 and scores.min() >= 0 and abs(float(scores.sum()) - 1) < 1e-2
    kind: ScoreKind = "probabilities" if is_choice else "raw" if logits is None else "independent"
    return _Answer(scores, kind, means, differentiated, unit)


def _per_class(outputs: Any) -> Any:
    if len(outputs.shape) < 2 or not outputs.dtype.is_floating:
        return None
    places = list(range(1, len(outputs.shape) - 1))
    return tf.cast(tf.reduce_mean(outputs, axis=places)[0], tf.float32)


def _fitting_labels(loaded: Loaded, scores: np.ndarray | None) -> tuple[str, ...] | None:
    if loaded.labels is not None and scores is not None and len(loaded.labels) != len(scores):
        raise LabelsError(f"--labels: {len(loaded.labels)} labels for {len(scores)} classes; expected one for each.")
    return loaded.labels


def _class_to_explain(target: int | str | None, answer: _Answer, labels: tuple[str, ...] | None) -> int | None:
    if answer.differentiated is None:
        return None
    if target is not None:
        return find_class(target, int(answer.differentiated.shape[0]), labels)
    return None if answer.means is None else int(np.argmax(np.nan_to_num(answer.means, nan=-np.inf)))


def find_class(target: int | str, classes: int, labels: tuple[str, ...] | None) -> int:
    """The index of a class given by index or label, upper or lower case alike; raises `LabelsError`."""
    text = str(target).strip()
    if text.isdecimal():
        if int(text) >= classes:
            raise LabelsError(f"--class {text}: the model has {classes} classes, counted from 0.")
        return int(text)
    for index, label in enumerate(labels or ()):
        if label.casefold() == text.casefold():
            return index
    if not labels:
        raise LabelsError(f"--class {text}: the model has no labels; give the class's index, or --labels FILE.")
    close = difflib.get_close_matches(text, labels, n=3, cutoff=0.5) or labels[:5]
    raise LabelsError(f"--class {text}: the model has no such label; there are {len(labels)}, such as {', '.join(close)}.")


def _explain(
    tape: Any, recorder: _Recorder, score: Any, class_index: int | None, unit: Literal["logit", "output"]
) -> Explained | None:
    if score is None or class_index is None or recorder.target is None:
        return None
    target = recorder.target
    gradient = tape.gradient(score, target)
    if gradient is None:
        return None
    pair = (np.asarray(tensor.numpy(), np.float32)[0] for tensor in (target, gradient))
    activations, gradients = (each.transpose(1, 2, 0) if recorder.channels_first else each for each in pair)
    return Explained(recorder.target_path, class_index, activations, gradients, unit)


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
