"""`Subject`: one score of one image, and all that a method may look at, or ask, to explain it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

import numpy as np

from ..errors import NotApplicable
from ..overlay import blurred
from ..probe import INPUT, Explained, Network, Question
from ..progress import advance

PART = 24_000_000  # bytes of images that are made at a time; what is asked of them takes a few times as much
MOST_SHOWN = 4  # channels of a colour that a sentence names
BLUR = 16  # the radius of a blurred baseline is the longer side divided by this
Found = TypeVar("Found")


class AtLayer(Protocol):
    """What methods at a layer look at: `activations` A and `gradients` dy/dA, both (h, w, channels) float32."""

    @property
    def activations(self) -> np.ndarray: ...
    @property
    def gradients(self) -> np.ndarray: ...


@dataclass(frozen=True, kw_only=True)
class Subject:
    """Why the score of `question` is what it is, for the image `pixels`, uint8 (h, w, channels) as it was fitted to the input.

    `explained` is what was seen of it at a layer, `no_layer` why that is None. `baseline` names what stands for the absence of
    something: "black", "mean", "blur" or a colour "#rrggbb". `channels` is how many of a layer's channels Score-CAM takes. `kept`
    is shared by the subjects of one image: what was asked for one class answers for the others. `again` says that the same is
    asked many times, so that a trace pays off, which the network keeps for several images but not for one.
    """

    network: Network
    pixels: np.ndarray
    question: Question
    explained: Explained | None = None
    no_layer: str = "There is no layer to explain the score at."
    baseline: str = "black"
    channels: int | Literal["all"] = 64
    seed: int = 0
    again: bool = False
    kept: dict[str, Any] = field(default_factory=dict)

    @property
    def layer(self) -> Explained:
        """What was seen at the layer; raises `NotApplicable` where there is none."""
        if self.explained is None:
            raise NotApplicable(self.no_layer)
        return self.explained

    @property
    def activations(self) -> np.ndarray:
        """A, (h, w, channels)."""
        return self.layer.activations

    @property
    def gradients(self) -> np.ndarray:
        """dy/dA, (h, w, channels)."""
        return self.layer.gradients

    @property
    def input(self) -> np.ndarray:
        """The image as the model takes it, float32 (h, w, channels)."""
        return self.once("the image", lambda: self.network.prepared(self.pixels[None])[0])

    @property
    def without(self) -> np.ndarray:
        """The baseline as the model takes it, float32 (h, w, channels)."""

        def baseline() -> np.ndarray:
            prepared: np.ndarray = self.network.prepared(baseline_pixels(self.pixels, self.baseline, self.as_values)[None])[0]
            return prepared

        return self.once("the baseline", baseline)

    @property
    def as_values(self) -> bool:
        """Whether the image is an array whose values the model is given as they are."""
        return self.network.ranges is not None

    @property
    def baseline_words(self) -> str:
        """The baseline in words."""
        return baseline_words(self.pixels, self.baseline, self.as_values)

    def once(self, name: str, compute: Callable[[], Found]) -> Found:
        """What `compute` gives, computed for the first subject of the image that wants it."""
        if name not in self.kept:
            self.kept[name] = compute()
        found: Found = self.kept[name]
        return found

    def gradient(self, batch: np.ndarray, at: str = INPUT, *, guided: bool = False) -> np.ndarray:
        """dy/dx for each image of a batch (n, h, w, channels), at the input or at the layer of a path."""
        question = self.question
        if self.again and len(batch) == 1:
            return self.gradient(np.repeat(batch, 2, axis=0), at, guided=guided)[:1]
        found = self.network.gradient(batch, question.class_index, at, guided=guided)
        if question.against is not None:
            found = found - self.network.gradient(batch, question.against, at, guided=guided)
        return -found if question.negated else found

    def score(self, by_class: np.ndarray, most: float = 0.0) -> np.ndarray:
        """y of scores (n, classes), (n,). The other answer of a yes-or-no model has `most` less the score: 1 of probabilities."""
        question = self.question
        score = by_class[:, question.class_index].astype(np.float64)
        if question.against is not None:
            score = score - by_class[:, question.against]
        return most - score if question.sense == "not" else -score if question.negated else score

    def of_many(self, name: str, count: int, make: Callable[[int], np.ndarray], *, logits: bool = False) -> np.ndarray:
        """The scores (count, classes) of images that `make` makes one by one; `name` is the work's."""
        ask = self.network.logits if logits else self.network.scores
        found = [ask(batch)[fresh] for batch, fresh in self.batches(name, count, make)]
        return np.concatenate(found)

    def batches(self, name: str, count: int, make: Callable[[int], np.ndarray]) -> Iterator[tuple[np.ndarray, slice]]:
        """Images 0 to `count` - 1, of which `make` makes each (h, w, channels), in batches of one size.

        With each comes which of its images are new: the last batch reaches back. What is made for one size serves all.
        """
        most = max(1, PART // (4 * self.pixels.size))
        size = -(-count // -(-count // most))
        for start in range(0, count, size):
            first = max(0, min(start, count - size))
            batch = np.stack([make(each) for each in range(first, first + size)])
            yield batch, slice(start - first, None)
            advance(name, min(start + size, count), count)


def baseline_pixels(pixels: np.ndarray, baseline: str, as_values: bool = False) -> np.ndarray:
    """The baseline for an image (h, w, channels), of its size: uint8 pixels, or float32 `as_values`."""
    if baseline == "blur":
        return blurred(pixels, max(pixels.shape[:2]) / BLUR)
    colour = np.array(baseline_colour(pixels, baseline, as_values), np.float32 if as_values else np.uint8)
    return np.broadcast_to(colour, pixels.shape).copy()


def baseline_colour(pixels: np.ndarray, baseline: str, as_values: bool = False) -> tuple[float, ...]:
    """The colour of a baseline that has one, 0 to 255 for each channel.

    A fourth channel is opaque; where there are neither three nor four, each is the luminance. Of values that are no
    pixels "black" is 0 in every channel; a colour, which means nothing, is refused before.
    """
    channels = pixels.shape[2]
    if as_values:
        if baseline == "mean":
            return tuple(float(each) for each in pixels.mean(axis=(0, 1), dtype=np.float64))
        return tuple(0.0 for _ in range(channels))
    if baseline == "mean":
        return tuple(int(each) for each in np.rint(pixels.mean(axis=(0, 1), dtype=np.float64)))
    red, green, blue = (0, 0, 0) if baseline == "black" else (int(baseline[place : place + 2], 16) for place in (1, 3, 5))
    if channels not in (3, 4):
        luminance = round(0.299 * red + 0.587 * green + 0.114 * blue)
        return tuple(luminance for _ in range(channels))
    return (red, green, blue, 255)[:channels]


def baseline_words(pixels: np.ndarray, baseline: str, as_values: bool = False) -> str:
    """The baseline in words, with its pixels: "black (0, 0, 0)"."""
    if baseline == "blur":
        return f"the image blurred with a radius of {max(pixels.shape[:2]) / BLUR:.3g} pixels"
    if as_values and baseline == "black":
        return "0 in every channel"
    colour = baseline_colour(pixels, baseline, as_values)
    if len(colour) > MOST_SHOWN:
        return "the mean of each channel" if baseline == "mean" else f"{colour[0]} in every channel"
    figures = ", ".join(f"{each:.4g}" if as_values else str(each) for each in colour)
    return {"black": f"black ({figures})", "mean": f"the image's mean colour ({figures})"}.get(
        baseline, f"the colour ({figures})"
    )
