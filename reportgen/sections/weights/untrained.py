"""The check for kernels whose weights look like initial random ones."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ...errors import NotApplicable
from ...kernels import Law
from ...probe import LayerCall, Network
from ..section import Finding

FEWEST = 200  # weights; fewer prove nothing
MOST = 20_000  # weights of a kernel that are tested; enough to detect a shift of 0.012 in the distribution
OF_THE_DATA = ("mean", "variance", "count")
MOST_OF_A_MODEL = 0.9  # below 1, because the test misses some kernels even if the model was never trained
CRITICAL = 1.63  # Kolmogorov's distribution: a sample from the law itself exceeds it in 1 of 100 cases
_erf = np.frompyfunc(math.erf, 1, 1)


def untrained(network: Network) -> Iterator[Finding]:
    """Find kernels whose weights still follow the distribution of their initializer.

    This is the one-sample Kolmogorov-Smirnov test: D sqrt(n) < 1.63 for at least 200 weights. It flagged none of 715 trained
    layers of 43 public model files, even after the first epoch. Since training may leave the distribution of a kernel unchanged,
    a witness is required as well: the layer's bias and a normalization right after it or, if it has neither, those of the whole
    model must still have their initial values, the same number everywhere. A model without any such weights is not judged.
    """
    kernels = [(call, _laws(network, call)) for call in network.layers]
    witnesses = {call.index: _witnesses(network, call, laws) for call, laws in kernels}
    touched = [each for found in witnesses.values() for each in found]
    normalizations = _normalizations(network)
    judged, fresh = 0, []
    for call, laws in ((call, laws) for call, laws in kernels if laws):
        own = [*witnesses[call.index]]
        own += [each for row in normalizations.get(call.path, ()) for each in _witnesses(network, row, {})]
        if not (own or touched):
            continue
        judged += 1
        weights = network.weights(call.index)
        distance = max(min(_distance(weights[name], law) for law in each) for name, each in laws.items())
        if distance < CRITICAL and not any(own or touched):
            fresh.append((call.path, distance))
    if not judged:
        raise NotApplicable(
            f"No kernel of {FEWEST} weights or more has a known initializer, and a bias or a normalization that shows whether it "
            "was trained."
        )
    advice = "Check that the trained weights were saved and loaded."
    if len(fresh) >= MOST_OF_A_MODEL * judged and judged > 1:
        worst = max(distance for _, distance in fresh)
        which = f"All {judged}" if len(fresh) == judged else f"{len(fresh)} of {judged}"
        text = f"{which} kernels that can be judged look untrained: a statistical test cannot tell them from random ones."
        yield Finding(level="warning", text=text, advice=advice, value=worst, threshold=CRITICAL)
        return
    for path, distance in fresh:
        text = f"{path} looks untrained: a statistical test cannot tell its weights from random ones."
        yield Finding(level="warning", path=path, text=text, advice=advice, value=distance, threshold=CRITICAL)


def _laws(network: Network, call: LayerCall) -> dict[str, tuple[Law, ...]]:
    """Return the initializer distributions of those weights of a layer that are large enough to be judged."""
    weights = network.weights(call.index)
    known = {name: network.initial_laws(call.index, name) for name in weights}
    return {name: laws for name, laws in known.items() if laws and weights[name].size >= FEWEST}


def _witnesses(network: Network, call: LayerCall, kernels: Mapping[str, Any]) -> list[bool]:
    """Return, for each bias and scale of a layer, whether training changed it: whether its values are not all the same.

    A single value counts as changed unless it is 0 or 1. The data statistics of a `Normalization` are ignored, because they are
    set before training.
    """
    weights = {name: values for name, values in network.weights(call.index).items() if name not in kernels and values.ndim < 2}
    named = [name for name, values in weights.items() if name not in OF_THE_DATA and values.dtype.kind not in "iub"]
    figures = [(network.figures(call.index, name).statistics, weights[name].size) for name in named]
    return [each.min != each.max or (size == 1 and each.min not in (0, 1)) for each, size in figures]


def _normalizations(network: Network) -> dict[str, list[LayerCall]]:
    """Return the normalizations that take the output of a layer and nothing else, by its path."""
    found: dict[str, list[LayerCall]] = {}
    for row in network.layers:
        if len(row.inputs) == 1 and "Normalization" in row.type:
            found.setdefault(row.inputs[0], []).append(row)
    return found


def _distance(values: np.ndarray, law: Law) -> float:
    """Return D sqrt(n) for the weights, or for a regular subsample if there are many."""
    flat = values.reshape(-1)
    drawn = np.sort(flat[:: -(-flat.size // MOST)].astype(np.float64))
    count = len(drawn)
    with np.errstate(invalid="ignore"):
        expected = _probability((drawn - law.centre) / law.spread, law) if law.spread > 0 else (drawn >= law.centre).astype(float)
        steps = np.arange(count + 1) / count
        distance = max(float((steps[1:] - expected).max()), float((expected - steps[:-1]).max()))
    return distance * math.sqrt(count) if math.isfinite(distance) else math.inf


def _probability(scaled: np.ndarray, law: Law) -> np.ndarray:
    """Return the cumulative distribution function of the law at values measured from its centre in units of its spread."""
    if law.kind == "uniform":
        return np.clip((scaled + 1) / 2, 0, 1)
    below = (1 + np.asarray(_erf(scaled / math.sqrt(2)), np.float64)) / 2
    if law.kind == "normal":
        return below
    left = (1 + math.erf(-math.sqrt(2))) / 2  # the probability below minus two standard deviations
    return np.clip((below - left) / (1 - 2 * left), 0, 1)
