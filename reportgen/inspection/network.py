"""`KerasNetwork`: a loaded model, the facts about it that hold for every image, and its answers when asked."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import itertools
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from typing import Any

import numpy as np

from ..backend import deep_models, tf
from ..errors import NotApplicable
from ..excited import Excited
from ..explained import Question
from ..kernels import Kernel, Law
from ..loading.architecture import architecture
from ..loading.labels import check_count
from ..loading.loaded import Loaded, as_array
from ..loading.schemes import scale
from ..options import Options
from ..probe import INPUT, ChannelOrder, LayerCall, ModelFacts, Ranges
from ..tensors import TensorFigures, figures_of, tensor_digest
from .ascent import Ascent, colours_as_given
from .asking import Asking
from .colours import order_behind
from .initial import initial_laws
from .kernels import is_convolution, kernels_of
from .placing import Placing
from .reinitializing import reinitialized
from .remembering import key_of, may_be_kept, remember, remembered
from .running import Structure, run
from .settings import SettingsReader
from .variables import Arrays


class KerasNetwork:
    """Implements `Network`. The layer table comes from the first image that the network sees, or else from a black one.

    The statistics of the weights are computed in the background, as soon as the model is built.
    """

    def __init__(self, loaded: Loaded, head: str | None = None) -> None:
        self.loaded = loaded
        self.head = head
        self.model = loaded.model
        self.name = loaded.name
        self.labels = loaded.labels
        self.no_label = ""  # the label for "no", if one score answers yes or no and the labels name both
        self.settings = SettingsReader()
        self._structure: Structure | None = None
        self._asking: Asking | None = None
        self._excited: dict[tuple[str, int], Excited] = {}
        self.expects_more = False  # whether more images follow the first, so that a trace of its pass is worthwhile
        self._replay: tuple[Options, Any] | None = None
        self._described: Future[dict[int, TensorFigures]] | None = None
        if self.model.built:
            self._describe()

    def taking_values(self, ranges: Ranges) -> KerasNetwork:
        """Return the same network for an array whose values go in unscaled; `ranges` are those of its channels."""
        network = copy.copy(self)
        network.loaded = self.loaded.taking_values(ranges)
        network._forget()
        return network

    def beside(self, values: Mapping[str, np.ndarray]) -> KerasNetwork:
        """Return the same network with these values for its other inputs."""
        assert self.loaded.inputs is not None
        network = copy.copy(self)
        loaded = dataclasses.replace(self.loaded, inputs=self.loaded.inputs.with_values(values))
        network.loaded = loaded
        network._forget()
        return network

    def name_classes(self, classes: int) -> None:
        """Check the labels against the number of classes. If there are two labels for one score, the first is the label for "no".

        Raises `LabelsError` if they do not fit.
        """
        if self.labels is None:
            return
        check_count(self.labels, classes)
        if len(self.labels) > classes:
            self.no_label, *rest = self.labels
            self.labels = tuple(rest)

    def preprocess(self, images: np.ndarray) -> np.ndarray:
        """Scale uint8 images (n, h, w, channels) for the model, as float32; (n, channels, h, w) if it is channels first."""
        return self.loaded.preprocess(images)

    @cached_property
    def digest(self) -> str:
        """The sha256 of architecture and weights, without the model's own name, so that a renamed copy has the same digest."""
        digest = hashlib.sha256(architecture(self.model).encode())
        figures = self._all_figures()
        for variable in self.model.weights:
            digest.update(figures[id(variable)].digest.encode())
        return digest.hexdigest()

    @cached_property
    def facts(self) -> ModelFacts:
        return ModelFacts(
            name=self.name,
            source=self.loaded.source,
            digest=self.digest,
            parameters=int(self.model.count_params()),
            trainable_parameters=sum(int(np.prod(variable.shape)) for variable in self.model.trainable_weights),
            input_shape=self.loaded.input_shape,
            output_shape=self.structure.output_shape,
            preprocessing=self.loaded.preprocessing,
        )

    @property
    def layers(self) -> tuple[LayerCall, ...]:
        return tuple(heard.row for heard in self.structure.heard)

    @property
    def unlisted_multiply_adds(self) -> int | None:
        return self.structure.unlisted_multiply_adds

    @property
    def scheme(self) -> str:
        return self.loaded.scheme.name

    @property
    def ranges(self) -> Ranges:
        return self.loaded.ranges

    @property
    def channel_order(self) -> ChannelOrder | None:
        if not type(self.model).__module__.startswith("keras."):
            return None  # what the model's own code does to the image is not heard
        before = itertools.takewhile(lambda heard: not is_convolution(heard), self.structure.heard)
        return order_behind(self.loaded.channel_order, (heard.row for heard in before))

    @property
    def not_loaded(self) -> tuple[str, ...]:
        assigned = self.loaded.assigned
        if assigned is None:
            return ()
        heard = self.structure.heard
        return tuple(each.row.path for each in heard if any(variable not in assigned for variable in each.variables))

    def weights(self, index: int) -> Mapping[str, np.ndarray]:
        return Arrays(self._named(index))

    def figures(self, index: int, name: str) -> TensorFigures:
        variable = self._named(index)[name]
        known = self._known_figures()
        return known[id(variable)] if id(variable) in known else self._all_figures()[id(variable)]

    def kernels(self, index: int) -> tuple[Kernel, ...]:
        return kernels_of(self.structure.heard[index], self._named(index))

    def initial_laws(self, index: int, name: str) -> tuple[Law, ...]:
        return initial_laws(self.structure.heard[index].layer, name, tuple(self._named(index)[name].shape))

    def prepared(self, pixels: np.ndarray) -> np.ndarray:
        return scale(pixels, self.loaded.scheme)

    def scores(self, batch: np.ndarray) -> np.ndarray:
        return self._asked().scores(batch)

    def logits(self, batch: np.ndarray) -> np.ndarray:
        return self._asked().logits(batch)

    def maps(self, path: str, batch: np.ndarray) -> np.ndarray:
        return self._asked().maps(path, batch)

    def gradient(self, batch: np.ndarray, class_index: int, at: str = INPUT) -> np.ndarray:
        return self._asked().gradient(batch, class_index, at)

    def guided_gradient(self, batch: np.ndarray, question: Question) -> np.ndarray:
        return self._asked().guided_gradient(batch, question)

    def gradients(self, batch: np.ndarray, class_index: int, paths: Sequence[str]) -> tuple[np.ndarray, ...]:
        return self._asked().gradients(batch, class_index, paths)

    def excite(self, path: str, channels: tuple[int, ...]) -> tuple[Excited, ...]:
        found = self.excite_all({path: channels})[path]
        if isinstance(found, NotApplicable):
            raise found
        return found

    def excite_all(self, filters: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[Excited, ...] | NotApplicable]:
        keys = {path: self._keys(path, channels) for path, channels in filters.items()}
        for path, channel in [(path, channel) for path, channels in keys.items() for channel in channels]:
            if (path, channel) not in self._excited and keys[path][channel]:
                found = remembered(keys[path][channel], channel, self.loaded.input_shape[2])
                if found is not None:
                    self._excited[path, channel] = found
        missing = {path: tuple(each for each in keys[path] if (path, each) not in self._excited) for path in filters}
        missing = {path: channels for path, channels in missing.items() if channels}
        made = Ascent(self.loaded, self.head, self.structure).excite(missing) if missing else {}
        failed = {path: reason for path, reason in made.items() if isinstance(reason, NotApplicable)}
        new = {
            (path, each.channel): each for path, found in made.items() if not isinstance(found, NotApplicable) for each in found
        }
        self._excited |= new
        remember({key: each for (path, channel), each in new.items() if (key := keys[path][channel])})
        return {
            path: failed[path] if path in failed else tuple(self._excited[path, channel] for channel in channels)
            for path, channels in filters.items()
        }

    def reinitialized(self, seed: int) -> Generator[str]:
        self._all_figures()  # the statistics of the true weights, computed in the background, have to be complete first
        return reinitialized(self.structure.heard, seed)

    @property
    def structure(self) -> Structure:
        """What a pass of the first image reveals about the model, or one of a black image if there was none yet."""
        if self._structure is None:
            with deep_models():
                black, placing = np.zeros((1, *self.loaded.input_shape), np.uint8), Placing()
                batch = tf.constant(self.preprocess(black))
                forward = run(self.loaded, self.head, batch, placing.listen, self.settings, placing.note)
            height, width, _ = self.loaded.input_shape
            self._structure = forward.structure.with_receptive_fields(placing, (height, width))
        return self._structure

    def with_structure(self, structure: Structure) -> KerasNetwork:
        """Return the network as a pass found it: itself, unless an earlier image took another path through its layers."""
        rows = tuple(heard.row for heard in structure.heard)
        if self._structure is None:
            self._structure = structure
        if self.layers == rows:
            return self
        network = copy.copy(self)
        network._structure = structure
        network._forget()
        return network

    def keep_replay(self, options: Options, replay: Any) -> None:
        """Keep the trace of a pass, for further images with these options."""
        self._replay = options, replay

    def replay_for(self, options: Options) -> Any:
        """Return the trace of a pass with these options, or None if no such pass was made."""
        return self._replay[1] if self._replay is not None and self._replay[0] == options else None

    def _forget(self) -> None:
        """Forget what only holds for the network that this one is a copy of."""
        self._asking, self._excited, self._replay = None, {}, None

    def _keys(self, path: str, channels: tuple[int, ...]) -> dict[int, str]:
        """Return the key under which each filter's picture is kept between runs; "" if it is not kept."""
        if not may_be_kept(self.model, self.structure.heard):
            return dict.fromkeys(channels, "")
        scheme = str([each.tolist() for each in colours_as_given(self.loaded)])
        if self.loaded.inputs is not None:
            scheme += "".join(f" {name} {tensor_digest(value)}" for name, value in self.loaded.inputs.values.items())
        about = (self.digest, scheme, self.loaded.input_shape, self.head, path)
        return {channel: key_of(*about, channel) for channel in channels}

    def _asked(self) -> Asking:
        if self._asking is None:
            self._asking = Asking(self.loaded, self.head, self.structure)
        return self._asking

    def _named(self, index: int) -> dict[str, Any]:
        """Return the variables of the layer in row `index`, by unique names."""
        named: dict[str, Any] = {}
        for variable in self.structure.heard[index].variables:
            count = sum(name.split("#")[0] == variable.name for name in named)
            named[variable.name if not count else f"{variable.name}#{count + 1}"] = variable
        return named

    def _describe(self) -> Future[dict[int, TensorFigures]]:
        variables = list(self.model.weights)
        worker = ThreadPoolExecutor(1)
        self._described = worker.submit(lambda: {id(each): figures_of(as_array(each)) for each in variables})
        worker.shutdown(wait=False)
        return self._described

    def _known_figures(self) -> dict[int, TensorFigures]:
        return (self._described or self._describe()).result()

    def _all_figures(self) -> dict[int, TensorFigures]:
        found = self._known_figures()
        if len(found) < len(self.model.weights):  # a layer was built since
            found = self._describe().result()
        return found
