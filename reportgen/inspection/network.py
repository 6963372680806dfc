"""`KerasNetwork`: a loaded model, what holds for it whatever the image, and what it answers when asked."""

from __future__ import annotations

import copy
import hashlib
import itertools
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from ..loading.architecture import architecture
from ..loading.loaded import Loaded, as_array
from ..probe import ChannelOrder, LayerCall, ModelFacts, Shape
from ..tensors import TensorFigures, figures_of
from .colours import order_behind
from .following import CONVOLUTIONS
from .listening import Heard
from .settings import SettingsReader

KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel")


class KerasNetwork:
    """Fulfils `Network`. The layer table is known once an image has been looked at: see `inspect`.

    The figures of the weights are computed beside other work, from the moment that the model is there.
    """

    def __init__(self, loaded: Loaded, head: str | None = None) -> None:
        self.loaded = loaded
        self.head = head
        self.model = loaded.model
        self.name = loaded.name
        self.labels = loaded.labels
        self.output_shape: Shape = ()
        self.settings = SettingsReader()
        self._heard: tuple[Heard, ...] = ()
        self._described: Future[dict[int, TensorFigures]] | None = None
        if self.model.built:
            self._describe()

    def preprocess(self, images: np.ndarray) -> np.ndarray:
        """uint8 images (n, h, w, channels) as what the model takes: float32, (n, channels, h, w) where it wants that."""
        return self.loaded.preprocess(images)

    @property
    def digest(self) -> str:
        """sha256 over architecture and weights; the model's own name is left out, so that a renamed copy has the same."""
        digest = hashlib.sha256(architecture(self.model).encode())
        for variable in self.model.weights:
            digest.update(self._all_figures()[id(variable)].digest.encode())
        return digest.hexdigest()

    @property
    def facts(self) -> ModelFacts:
        return ModelFacts(
            name=self.name,
            source=self.loaded.source,
            digest=self.digest,
            parameters=int(self.model.count_params()),
            trainable_parameters=sum(int(np.prod(variable.shape)) for variable in self.model.trainable_weights),
            input_shape=self.loaded.input_shape,
            output_shape=self.output_shape,
            preprocessing=self.loaded.preprocessing,
        )

    @property
    def layers(self) -> tuple[LayerCall, ...]:
        return tuple(heard.row for heard in self._heard)

    @property
    def scheme(self) -> str:
        return self.loaded.scheme

    @property
    def channel_order(self) -> ChannelOrder | None:
        if not type(self.model).__module__.startswith("keras."):
            return None  # what the model's own code does to the image is not heard
        before = itertools.takewhile(lambda heard: not isinstance(heard.layer, CONVOLUTIONS), self._heard)
        return order_behind(self.loaded.channel_order, (heard.row for heard in before))

    @property
    def not_loaded(self) -> tuple[str, ...]:
        assigned = self.loaded.assigned
        if assigned is None:
            return ()
        return tuple(heard.row.path for heard in self._heard if any(each not in assigned for each in heard.variables))

    def weights(self, index: int) -> Mapping[str, np.ndarray]:
        return {name: as_array(variable) for name, variable in self._named(index).items()}

    def figures(self, index: int, name: str) -> TensorFigures:
        return self._all_figures()[id(self._named(index)[name])]

    def kernels(self, index: int) -> tuple[str, ...]:
        if not isinstance(self._heard[index].layer, CONVOLUTIONS):
            return ()
        return tuple(name for name in KERNELS if name in self._named(index))

    def heard_as(self, heard: tuple[Heard, ...], output_shape: Shape) -> KerasNetwork:
        """The network with the layers of a pass: itself, unless an earlier image went through other layers."""
        rows = tuple(each.row for each in heard)
        network = self if self.layers in ((), rows) else copy.copy(self)
        if network.layers != rows:
            network._heard, network.output_shape = heard, output_shape
        return network

    def _named(self, index: int) -> dict[str, Any]:
        """The variables of the layer in row `index`, by names that tell them apart."""
        named: dict[str, Any] = {}
        for variable in self._heard[index].variables:
            count = sum(name.split("#")[0] == variable.name for name in named)
            named[variable.name if not count else f"{variable.name}#{count + 1}"] = variable
        return named

    def _describe(self) -> Future[dict[int, TensorFigures]]:
        variables = list(self.model.weights)
        worker = ThreadPoolExecutor(1)
        self._described = worker.submit(lambda: {id(each): figures_of(as_array(each)) for each in variables})
        worker.shutdown(wait=False)
        return self._described

    def _all_figures(self) -> dict[int, TensorFigures]:
        found = (self._described or self._describe()).result()
        if len(found) < len(self.model.weights):  # a layer that was built on the way
            found = self._describe().result()
        return found
