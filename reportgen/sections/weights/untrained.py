"""The check for kernels that are still as their initializer drew them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ...errors import NotApplicable
from ...kernels import Law
from ...probe import LayerCall, Network
from ..section import Finding

FEWEST = 200  # weights: fewer prove nothing
MOST = 20_000  # weights that are looked at of a kernel: they tell a shift of 0.012 in the distribution
OF_THE_DATA = ("mean", "variance", "count")
MOST_OF_A_MODEL = 0.9  # of a model that was never trained, too, the test misses some kernels
CRITICAL = 1.63  # Kolmogorov's distribution: a sample of the very law exceeds it in 1 of 100 cases
_erf = np.frompyfunc(math.erf, 1, 1)


def untrained(network: Network) -> Iterator[Finding]:
    """Kernels whose weights still follow the law of their initializer.

    The one-sample Kolmogorov-Smirnov test: D sqrt(n) < 1.63 for at least 200 weights. It accused none of 715 trained layers of
    43 public model files, also after the first epoch. As training may leave the distribution of a kernel as it was, there must be
    a witness, too: the layer's bias and a normalisation right behind it, or else those of the whole model, must be as they began,
    the same number everywhere. A model without any is not judged.
    """
    kernels = [(call, _laws(network, call)) for call in network.layers]
    touched = [each for call, laws in kernels for each in _witnesses(network, call, laws)]
    judged, fresh = 0, []
    for call, laws in kernels:
        own = _witnesses(network, call, laws)
        own += [each for row in _normalisations(network, call) for each in _witnesses(network, row, {})]
        if not laws or not (own or touched):
            continue
        judged += 1
        weights = network.weights(call.index)
        distance = max(min(_distance(weights[name], law) for law in each) for name, each in laws.items())
        if distance < CRITICAL and not any(own or touched):
            fresh.append((call.path, distance))
    if not judged:
        raise NotApplicable(
            f"No kernel of {FEWEST} weights or more has an initializer that says how they were drawn, and a bias or a "
            "normalisation that tells whether it was trained."
        )
    advice = "Check that the trained weights were saved and loaded."
    if len(fresh) >= MOST_OF_A_MODEL * judged and judged > 1:
        worst = max(distance for _, distance in fresh)
        which = f"All {judged}" if len(fresh) == judged else f"{len(fresh)} of {judged}"
        text = f"{which} kernels that can be judged are still as they were drawn before training."
        yield Finding(level="warning", text=text, advice=advice, value=worst, threshold=CRITICAL)
        return
    for path, distance in fresh:
        text = f"{path}: weights still as they were drawn before training."
        yield Finding(level="warning", path=path, text=text, advice=advice, value=distance, threshold=CRITICAL)


def _laws(network: Network, call: LayerCall) -> dict[str, tuple[Law, ...]]:
    """The laws of those weights of a layer that are many enough to be judged."""
    large = [name for name, values in network.weights(call.index).items() if values.size >= FEWEST]
    return {name: laws for name in large if (laws := network.initial_laws(call.index, name))}


def _witnesses(network: Network, call: LayerCall, kernels: Mapping[str, Any]) -> list[bool]:
    """Whether training touched each of a layer's biases and scales: whether they are not the same number everywhere.

    One that stands alone is touched unless it is 0 or 1. What a `Normalization` knows of the data came before training.
    """
    weights = {name: values for name, values in network.weights(call.index).items() if name not in kernels and values.ndim < 2}
    named = [name for name, values in weights.items() if name not in OF_THE_DATA and values.dtype.kind not in "iub"]
    figures = [(network.figures(call.index, name).statistics, weights[name].size) for name in named]
    return [each.min != each.max or (size == 1 and each.min not in (0, 1)) for each, size in figures]


def _normalisations(network: Network, call: LayerCall) -> Iterator[LayerCall]:
    return (row for row in network.layers if row.inputs == (call.path,) and "Normalization" in row.type)


def _distance(values: np.ndarray, law: Law) -> float:
    """D sqrt(n) of the weights, or of n spread evenly over them where there are many."""
    flat = values.reshape(-1)
    drawn = np.sort(flat[:: -(-flat.size // MOST)].astype(np.float64))
    count = len(drawn)
    with np.errstate(invalid="ignore"):
        expected = _probability((drawn - law.centre) / law.spread, law) if law.spread > 0 else (drawn >= law.centre).astype(float)
        steps = np.arange(count + 1) / count
        distance = max(float((steps[1:] - expected).max()), float((expected - steps[:-1]).max()))
    return distance * math.sqrt(count) if math.isfinite(distance) else math.inf


def _probability(scaled: np.ndarray, law: Law) -> np.ndarray:
    """The law's distribution function at values measured from its centre in units of its spread."""
    if law.kind == "uniform":
        return np.clip((scaled + 1) / 2, 0, 1)
    below = (1 + np.asarray(_erf(scaled / math.sqrt(2)), np.float64)) / 2
    if law.kind == "normal":
        return below
    left = (1 + math.erf(-math.sqrt(2))) / 2  # what lies below two standard deviations
    return np.clip((below - left) / (1 - 2 * left), 0, 1)
