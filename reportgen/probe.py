"""What a section may ask of a model that has seen an image: `Probe`, and the numpy-typed records it answers with.

    model + image ──model/record.py──▶ Probe ──sections/*.py──▶ the report's data

A section knows no TensorFlow; a test hands it a fake `Probe` made of arrays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import ClassVar, Literal, Protocol

import numpy as np

from .picture import WHOLE, Part
from .records import record

Shape = tuple[int | None, ...]
ScoreKind = Literal["probabilities", "independent", "raw"]


@record
class ModelFacts:
    """The model in a few words. `source` says where it came from, without any folder; shapes carry no batch axis."""

    name: str
    source: str
    digest: str
    parameters: int
    trainable_parameters: int
    input_shape: Shape
    output_shape: Shape
    preprocessing: str


@record
class LayerCall:
    """One call of one layer: a row of the layer table, counted from the input layer as 0.

    `path` is the layer's name after the names of those that hold it ("base/conv1"); a second call of the same layer has
    "#2" behind it and no parameters, so that the column adds up. `inputs` are the paths that feed it.
    """

    KEY: ClassVar = ("path",)
    NOT_COMPARED: ClassVar = ("index",)

    index: int
    path: str
    type: str
    output_shape: Shape
    parameters: int
    trainable: bool
    inputs: tuple[str, ...]


@record
class FeatureMaps:
    """What a convolution made of the image, after the normalisation and activation that directly follow it.

    `shape` is (h, w, channels); `low`, `high` and `mean` (channels,) are over each map, `active` the share of its values
    above 0. `after` names the layers that followed. `values` (h, w, channels) float32 are there where they were asked
    for, and for the first convolution and the last of each block; None elsewhere.
    """

    index: int
    path: str
    shape: tuple[int, int, int]
    after: tuple[str, ...]
    low: np.ndarray
    high: np.ndarray
    mean: np.ndarray
    active: np.ndarray
    values: np.ndarray | None

    def without_values(self) -> FeatureMaps:
        """The same figures, the maps let go."""
        return replace(self, values=None)


@record
class Explained:
    """A class's logit y and the layer it is explained at: `activations` A and `gradients` dy/dA, both (h, w, k).

    `unit` says what y is: a "logit", or the model's raw "output" where no logit could be had. `part` is the part of the picture
    that A shows, where the model's own layers cut the picture first.
    """

    path: str
    class_index: int
    activations: np.ndarray
    gradients: np.ndarray
    unit: Literal["logit", "output"]
    part: Part = WHOLE


class Probe(Protocol):
    """A model that has seen an image.

    `pixels` is uint8 (h, w, 3), the picture as it was fitted to the input. `scores` (classes,) is the model's answer, and
    `score_kind` what kind: one choice among classes, independent yes-or-no answers, or raw numbers. None where the
    output is no list of scores; likewise `explained` where there is no convolution to look at.
    """

    @property
    def model(self) -> ModelFacts: ...
    @property
    def pixels(self) -> np.ndarray: ...
    @property
    def labels(self) -> tuple[str, ...] | None: ...
    @property
    def calls(self) -> tuple[LayerCall, ...]: ...
    @property
    def maps(self) -> tuple[FeatureMaps, ...]: ...
    @property
    def scores(self) -> np.ndarray | None: ...
    @property
    def score_kind(self) -> ScoreKind: ...
    @property
    def explained(self) -> Explained | None: ...

    def weights(self, index: int) -> Mapping[str, np.ndarray]:
        """The weight tensors of the layer in row `index` by name ("kernel", "bias", ...); empty for a second call."""

    def weight_digest(self, index: int, name: str) -> str:
        """The sha256 of one of them: see `sections.weights.tensor_digest`."""

    def kernels(self, index: int) -> tuple[str, ...]:
        """The names among `weights(index)` that are convolution kernels; empty where the layer is no convolution."""


def label_of(labels: tuple[str, ...] | None, class_index: int) -> str:
    """The label of a class, or "class 17" where the model brought none."""
    return labels[class_index] if labels else f"class {class_index}"


def block_ends(maps: Iterable[tuple[int, tuple[int, int, int]]]) -> tuple[int, ...]:
    """The indices of the last convolution at each spatial resolution, in layer order, of (index, (h, w, channels)) pairs.

    On VGG16: 2, 5, 9, 13 and 17. Maps of a single pixel (squeeze-and-excite branches, heads) are no block, unless there
    is nothing else. Of a prefix of the pairs it gives every end that the whole gives within that prefix.
    """
    pairs = [(index, shape[:2]) for index, shape in maps]
    spatial = [pair for pair in pairs if pair[1] != (1, 1)] or pairs
    return tuple(sorted({size: index for index, size in spatial}.values()))
