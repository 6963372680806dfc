"""`Subject`: one score of one image, with everything that an attribution method needs to explain it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

import numpy as np

from ..errors import NotApplicable
from ..overlay import blurred
from ..probe import INPUT, Explained, Network, Question
from ..progress import advance

PART = 24_000_000  # max bytes of images per batch; running the model on them takes a few times as much
MOST_SHOWN = 4  # channels of a colour that a sentence lists
BLUR = 16  # the radius of a blurred baseline is the longer side divided by this
Found = TypeVar("Found")


class AtLayer(Protocol):
    """The input of a method at a layer: `activations` A and `gradients` dy/dA, both (h, w, channels) float32."""

    @property
    def activations(self) -> np.ndarray: ...
    @property
    def gradients(self) -> np.ndarray: ...


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The score of `question` for the image `pixels`, (h, w, channels), resized to the input.

    `pixels` is uint8, or holds the values of an array as they are (see `as_values`). `explained` holds the activations and
    gradients at a layer; if it is None, `no_layer` says why. `baseline` names what replaces hidden parts: "black", "mean",
    "blur" or a colour "#rrggbb". `channels` is how many of a layer's channels Score-CAM uses. `kept` is a cache shared by the
    subjects of one image, so that what one class computed serves the others. Set `again` if the same gradient is computed many
    times. A single image is then sent as a batch of two, because the network runs one image eagerly and traces only batches.
    """

    network: Network
    pixels: np.ndarray
    question: Question
    explained: Explained | None = None
    no_layer: str = "There is no layer at which to explain the score."
    baseline: str = "black"
    channels: int | Literal["all"] = 64
    seed: int = 0
    again: bool = False
    kept: dict[str, Any] = field(default_factory=dict)

    @property
    def layer(self) -> Explained:
        """The activations and gradients at the layer; raises `NotApplicable` if there is none."""
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
        """Whether the image is an array whose values go into the model as they are."""
        return self.network.ranges is not None

    @property
    def baseline_words(self) -> str:
        """The baseline in words."""
        return baseline_words(self.pixels, self.baseline, self.as_values)

    def once(self, name: str, compute: Callable[[], Found]) -> Found:
        """Return the result of `compute`, cached under `name` for all subjects of the image."""
        if name not in self.kept:
            self.kept[name] = compute()
        found: Found = self.kept[name]
        return found

    def gradient(self, batch: np.ndarray, at: str = INPUT) -> np.ndarray:
        """Return dy/dx for each image of a batch (n, h, w, channels), at the input or at the layer with the path `at`."""
        question = self.question
        if self.again and len(batch) == 1:
            return self.gradient(np.repeat(batch, 2, axis=0), at)[:1]
        found = self.network.gradient(batch, question.class_index, at)
        if question.against is not None:
            found = found - self.network.gradient(batch, question.against, at)
        return -found if question.negated else found

    def score(self, by_class: np.ndarray, sure: float = 0.0) -> np.ndarray:
        """Return y (n,) from scores (n, classes).

        The score of the "no" answer of a yes-or-no model is `sure` minus the score: pass `question.sure` with the model's
        scores, and nothing with logits.
        """
        question = self.question
        score = by_class[:, question.class_index].astype(np.float64)
        if question.against is not None:
            score = score - by_class[:, question.against]
        return sure - score if question.sense == "not" else -score if question.negated else score

    def of_many(self, name: str, count: int, make: Callable[[int], np.ndarray], *, logits: bool = False) -> np.ndarray:
        """Return the scores (count, classes) of the images that `make` returns one by one; `name` labels the progress."""
        ask = self.network.logits if logits else self.network.scores
        found = [ask(batch)[fresh] for batch, fresh in self.batches(name, count, make)]
        return np.concatenate(found)

    def batches(self, name: str, count: int, make: Callable[[int], np.ndarray]) -> Iterator[tuple[np.ndarray, slice]]:
        """Yield the images 0 to `count` - 1 in batches of one size; `make` returns each image, (h, w, channels).

        Each batch comes with the slice of its new images, because the last batch repeats earlier images to fill up. With a single
        batch size the model is traced only once.
        """
        most = max(1, PART // (4 * self.pixels.size))
        size = -(-count // -(-count // most))
        for start in range(0, count, size):
            first = max(0, min(start, count - size))
            batch = np.stack([make(each) for each in range(first, first + size)])
            yield batch, slice(start - first, None)
            advance(name, min(start + size, count), count)


def baseline_pixels(pixels: np.ndarray, baseline: str, as_values: bool = False) -> np.ndarray:
    """Return the baseline for an image (h, w, channels), of the same size: uint8 pixels, or float32 with `as_values`."""
    if baseline == "blur":
        return blurred(pixels, max(pixels.shape[:2]) / BLUR)
    colour = np.array(baseline_colour(pixels, baseline, as_values), np.float32 if as_values else np.uint8)
    return np.broadcast_to(colour, pixels.shape).copy()


def baseline_colour(pixels: np.ndarray, baseline: str, as_values: bool = False) -> tuple[float, ...]:
    """Return the colour of a baseline other than "blur", 0 to 255 for each channel.

    A fourth channel is opaque. If there are neither three nor four channels, each one is the luminance. With `as_values`, "black"
    is 0 in every channel; a colour would mean nothing there and is rejected earlier.
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
    """Return the baseline in words, with its pixels, e.g. "black (0, 0, 0)"."""
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
