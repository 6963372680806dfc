"""A `Network` and a `Probe` made of arrays: sections, codec and page are tested with them in a moment, without TensorFlow."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from reportgen.arrays.others import OtherInput
from reportgen.errors import NotApplicable
from reportgen.excited import Excited
from reportgen.kernels import DEPTHWISE_AXES, KERNEL_AXES, POINTWISE_AXES, TRANSPOSED_AXES, Kernel, Law
from reportgen.outputs import Output
from reportgen.picture import WHOLE, Part
from reportgen.probe import INPUT, Arrival, ChannelOrder, Explained, FeatureMaps, LayerCall, ModelFacts, Question, Ranges
from reportgen.tasks import ScoreKind, Task
from reportgen.tensors import TensorFigures, figures_of

FACTS = ModelFacts(
    name="net",
    source="net.keras",
    digest="0" * 64,
    parameters=10,
    trainable_parameters=8,
    input_shape=(8, 8, 3),
    output_shape=(3,),
    preprocessing="none: pixels as they are, 0 to 255",
)


@dataclass
class FakeNetwork:
    """Fulfils `Network`; `tensors` holds the weights by (index of the row, name).

    Every layer hands on what it is given, and the score of class k is k times the mean of the image.
    """

    facts: ModelFacts = field(default_factory=lambda: FACTS)
    labels: tuple[str, ...] | None = None
    layers: tuple[LayerCall, ...] = ()
    unlisted_multiply_adds: int | None = 0
    not_loaded: tuple[str, ...] = ()
    scheme: str = "none"
    channel_order: ChannelOrder | None = "rgb"
    ranges: Ranges = None
    tensors: dict[tuple[int, str], np.ndarray] = field(default_factory=dict)
    laws: dict[tuple[int, str], tuple[Law, ...]] = field(default_factory=dict)
    groups: int = 1
    classes: int = 3

    def weights(self, index: int) -> Mapping[str, np.ndarray]:
        return {name: values for (row, name), values in self.tensors.items() if row == index}

    def figures(self, index: int, name: str) -> TensorFigures:
        return figures_of(self.tensors[index, name])

    def kernels(self, index: int) -> tuple[Kernel, ...]:
        names = [name for name in self.weights(index) if name.endswith("kernel")]
        kind = next((row.type for row in self.layers if row.index == index), "Conv2D")
        if kind == "SeparableConv2D":
            axes = [DEPTHWISE_AXES, POINTWISE_AXES]
            return tuple(Kernel(name, each, None) for name, each in zip(names, axes, strict=True))
        of_kind = {"Conv2DTranspose": TRANSPOSED_AXES, "DepthwiseConv2D": DEPTHWISE_AXES}.get(kind, KERNEL_AXES)
        return tuple(Kernel(name, of_kind, "bias", self.groups) for name in names)

    def initial_laws(self, index: int, name: str) -> tuple[Law, ...]:
        return self.laws.get((index, name), ())

    def prepared(self, pixels: np.ndarray) -> np.ndarray:
        return pixels.astype(np.float32)

    def scores(self, batch: np.ndarray) -> np.ndarray:
        return np.outer(batch.mean(axis=(1, 2, 3)), np.arange(self.classes)).astype(np.float32)

    def maps(self, path: str, batch: np.ndarray) -> np.ndarray:
        return batch

    def logits(self, batch: np.ndarray) -> np.ndarray:
        return self.scores(batch)

    def gradient(self, batch: np.ndarray, class_index: int, at: str = INPUT) -> np.ndarray:
        return np.full(batch.shape, class_index / batch[0].size, np.float32)

    def guided_gradient(self, batch: np.ndarray, question: Question) -> np.ndarray:
        return self.gradient(batch, question.class_index)

    def gradients(self, batch: np.ndarray, class_index: int, paths: Sequence[str]) -> tuple[np.ndarray, ...]:
        return tuple(self.gradient(batch, class_index, path) for path in paths)

    def excite(self, path: str, channels: tuple[int, ...]) -> tuple[Excited, ...]:
        pixels = [np.full((4, 4, self.facts.input_shape[2] or 1), 10 * channel, np.uint8) for channel in channels]
        return tuple(Excited(each, each + 0.5, -1.0, picture) for each, picture in zip(channels, pixels, strict=True))

    def excite_all(self, filters: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[Excited, ...] | NotApplicable]:
        return {path: self.excite(path, channels) for path, channels in filters.items()}

    def reinitialized(self, seed: int) -> Generator[str]:
        yield from ()


@dataclass
class FakeProbe:
    """Fulfils `Probe`."""

    network: FakeNetwork = field(default_factory=FakeNetwork)
    pixels: np.ndarray = field(default_factory=lambda: np.zeros((8, 8, 3), np.uint8))
    maps: tuple[FeatureMaps, ...] = ()
    arrivals: tuple[Arrival, ...] = ()
    scores: np.ndarray | None = None
    score_kind: ScoreKind = "probabilities"
    unsteady: float | None = None
    explained: tuple[Explained, ...] = ()
    seen: Part = WHOLE
    task: Task | None = None
    others: tuple[Output, ...] = ()
    numbers: np.ndarray | None = None
    others_given: tuple[OtherInput, ...] = ()

    @property
    def questions(self) -> tuple[Question, ...]:
        names = [each.name for each in fields(Question)]
        return tuple(Question(**{name: getattr(each, name) for name in names}) for each in self.explained)

    @property
    def original(self) -> np.ndarray:
        return self.pixels

    @property
    def outputs(self) -> tuple[Output, ...]:
        """The scores as an output; features where there are none."""
        values = np.zeros(0, np.float32) if self.scores is None else self.scores
        of_independent: Task = "binary" if len(values) == 1 else "multilabel"
        task: Task = (
            "features" if self.scores is None else of_independent if self.score_kind == "independent" else "classification"
        )
        first = Output(
            name="head",
            task=self.task or task,
            reason="A test says so.",
            assumed=False,
            values=values,
            kind=self.score_kind,
            labels=self.network.labels,
        )
        return (first, *self.others)

    @property
    def given(self) -> np.ndarray:
        return self.pixels


def call(index: int, path: str, kind: str = "Conv2D", parameters: int = 0) -> LayerCall:
    """A row of the layer table."""
    return LayerCall(
        index=index, path=path, type=kind, output_shape=(8, 8, 4), parameters=parameters, trainable=True, inputs=(), settings=()
    )


def maps_of(index: int, path: str, values: np.ndarray) -> FeatureMaps:
    """The maps (h, w, channels) of a convolution, with figures by plain numpy."""
    height, width, channels = values.shape
    flat = values.reshape(-1, channels)
    return FeatureMaps(
        index=index,
        path=path,
        shape=(height, width, channels),
        after=(),
        low=flat.min(0),
        high=flat.max(0),
        mean=flat.mean(0),
        active=(flat > 0).mean(0).astype(np.float32),
        values=values,
    )


def explained_by(activations: np.ndarray, gradients: np.ndarray, path: str = "conv", class_index: int = 0) -> Explained:
    """A class explained by these arrays (h, w, channels), its logit's gradients."""
    return Explained(path=path, class_index=class_index, activations=activations, gradients=gradients, unit="logit")


def f32(values: Any) -> np.ndarray:
    """Numbers as a float32 array."""
    return np.array(values, np.float32)
