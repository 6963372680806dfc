"""Checks of the filters of convolutions."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from ...errors import NotApplicable
from ...formatting import listed
from ...kernels import Kernel
from ...probe import LayerCall, Network
from ..section import Finding

ZERO = 1e-6  # as a fraction of the median norm of the layer's filters
ALIKE = 0.999  # cosine
FEWEST = 9  # min weights of a filter; smaller ones point the same way by chance
COMPARED = 32  # weights of each filter that are compared first, to rule out most pairs
TILE = 80  # filters compared with as many others: OpenBLAS starts no threads for such small products, which would take far longer
ROUNDING = 1e-5
NAMED = 5  # filters that a text names
# the check `dead_in_training` often names the same channels, so it gives the same advice
REMOVE = "If they were not pruned on purpose, look for what kept them from learning; if you do not need them, remove them."


def zero_filter(network: Network) -> Iterator[Finding]:
    """Find filters that are almost zero compared with the others of their layer: they were pruned, or never learned.

    None of 43 public model files had any.
    """
    for call, kernel, filters, _ in _kernels(network):
        norms = np.linalg.norm(filters, axis=1)
        if not np.isfinite(norms).all():
            continue
        typical = float(np.median(norms[norms > 0])) if norms.any() else 1.0
        zero = np.flatnonzero(norms < ZERO * typical)
        if len(zero):
            yield Finding(
                level="warning",
                path=call.path,
                text=_zero_text(f"{call.path}{_of(kernel)}", zero, len(norms)),
                advice=f"{_effect(network, call, kernel)} {REMOVE}",
                value=float(norms[zero].max() / typical),
                threshold=ZERO,
            )


def duplicate_filters(network: Network) -> Iterator[Finding]:
    """Find filters that are copies of each other, by the cosine between filters of at least 9 weights.

    Of 43 public model files, five have pairs over 0.99, none over 0.999. Only filters that see the same channels are compared:
    those of a group, or of one channel of a depthwise convolution.
    """
    for call, kernel, filters, beside in _kernels(network):
        pairs = []
        for start in range(0, len(filters), beside) if filters.shape[1] >= FEWEST and beside > 1 else ():
            found = _alike(filters[start : start + beside])
            pairs += [(start + first, start + second, cosine) for first, second, cosine in found]
        if pairs:
            copies = sorted({place for *pair, _ in pairs for place in pair})
            first, second, cosine = max(pairs, key=lambda pair: pair[2])
            yield Finding(
                level="warning",
                path=call.path,
                text=f"{call.path}: {len(copies):,} of {len(filters):,} filters in the {kernel.name} point in the same direction "
                f"as another, such as {first} and {second}.",
                advice="Apart from scale and bias they compute the same: look for weights that were all initialised alike.",
                value=cosine,
                threshold=ALIKE,
            )


def _zero_text(where: str, zero: np.ndarray, total: int) -> str:
    """Return the sentence that names the filters `zero` of `total`, and what counts as near zero."""
    if len(zero) == total:
        return f"{where}: {'the only filter has' if total == 1 else f'all {total:,} filters have'} only zero weights."
    which = f"filter {zero[0]} has" if len(zero) == 1 else f"{len(zero):,} of {total:,} filters ({_named(zero)}) have"
    return f"{where}: {which} near-zero weights, with a norm below a millionth of the median norm of the layer's nonzero filters."


def _of(kernel: Kernel) -> str:
    """Return the name of a kernel, for a layer that may have several; "" for the usual one."""
    return "" if kernel.name == "kernel" else f" ({kernel.name})"


def _effect(network: Network, call: LayerCall, kernel: Kernel) -> str:
    """Return what zero weights lead to. What a layer of the user's own adds to its kernel's output is not known."""
    if kernel.bias is None:
        return "Such filters ignore their input."
    if kernel.bias in network.weights(call.index):
        return "Such filters ignore their input and, before any activation function, output only their bias."
    return f"Such filters ignore their input and, since {call.path} has no bias, output almost 0 before any activation function."


def _kernels(network: Network) -> Iterator[tuple[LayerCall, Kernel, np.ndarray, int]]:
    """Yield each convolution kernel with its layer, its filters (filters, weights per filter), and the size of a group.

    A group is a run of filters that see the same channels. Raises `NotApplicable` for a model without convolutions.
    """
    found = [(call, kernel) for call in network.layers for kernel in network.kernels(call.index)]
    if not found:
        raise NotApplicable("The model has no two-dimensional convolution.")
    for call, kernel in found:
        values = network.weights(call.index)[kernel.name].astype(np.float32, copy=False)
        yield call, kernel, kernel.filters(values), kernel.filters_of_one_input(values.shape)


def _alike(filters: np.ndarray) -> list[tuple[int, int, float]]:
    """Return the pairs of filters with a cosine of 0.999 or more, with that cosine.

    For unit vectors |u - v|^2 = 2 (1 - cosine), and no part of u - v is longer than the whole. A pair that differs by more than
    that in some of its weights is ruled out without comparing the others.
    """
    norms = np.linalg.norm(filters, axis=1)
    norms[~((norms > 0) & np.isfinite(norms))] = np.nan  # filters without a direction: nan is close to nothing
    part = filters[:, :: -(-filters.shape[1] // COMPARED)] / norms[:, None]
    squares, ones = (part**2).sum(axis=1, keepdims=True), np.ones((len(part), 1), np.float32)
    left, right = np.hstack([part, squares, ones]), np.hstack([-2 * part, ones, squares])  # |u|^2 + |v|^2 - 2 u v, as one product
    found = []
    tiles = range(0, len(part), TILE)
    for above, beside in itertools.combinations_with_replacement(tiles, 2):
        apart = left[above : above + TILE] @ right[beside : beside + TILE].T
        rows, columns = np.nonzero(apart <= 2 * (1 - ALIKE) + ROUNDING)
        rows, columns = rows + above, columns + beside
        for pair in zip(rows[rows < columns], columns[rows < columns], strict=True):
            first, second = (filters[place].astype(np.float64) / norms[place] for place in pair)
            cosine = float(first @ second)
            if cosine >= ALIKE:
                found.append((int(pair[0]), int(pair[1]), min(cosine, 1.0)))
    return found


def _named(places: np.ndarray) -> str:
    """Return numbers of filters as words: "1 and 2", "1, 2 and 3", and of many the first five and how many more there are."""
    more = [f"{len(places) - NAMED:,} more"] if len(places) > NAMED else []
    return listed([*map(str, places[:NAMED]), *more])
