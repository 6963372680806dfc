"""Finds layers that exchanged their weights: each has the weights of another, although all names still exist."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from ..probe import LayerCall

ALIKE = 0.5  # cosine above which two layers' weights must come from the same training
OWN = 0.001  # what a layer's own name adds, to break ties if several layers have the same weights


def find_exchanged(old: tuple[LayerCall, ...], new: tuple[LayerCall, ...], cosine: np.ndarray) -> dict[int, int]:
    """Return the layers that exchanged their weights, as positions in `old` and `new` with the same name.

    `cosine` (old, new) is that of all weights. Such layers form a ring (a has the weights of b, b those of a) and have the same
    type, shape and number of parameters. If their weights are still in the original order, the layers only exchanged their
    names, and are not returned.
    """
    places, new_places = ({layer.path: place for place, layer in enumerate(layers)} for layers in (old, new))
    if not places or not new_places:
        return {}
    likest = cosine.copy()
    for path in places.keys() & new_places.keys():
        likest[places[path], new_places[path]] += OWN
    best = likest.argmax(axis=1)
    mutual = np.flatnonzero(likest.argmax(axis=0)[best] == np.arange(len(old)))
    partners = {int(i): int(best[i]) for i in mutual if cosine[i, best[i]] > ALIKE}
    following = {i: places[new[j].path] for i, j in partners.items() if new[j].path in places}
    found: dict[int, int] = {}
    for ring in map(sorted, _rings(following)):
        order = [partners[i] for i in ring]
        looks = {(old[i].type, old[i].output_shape, old[i].parameters) for i in ring}
        if len(looks) == 1 and order != sorted(order):
            found |= {i: new_places[old[i].path] for i in ring}
    return found


def _rings(following: Mapping[int, int]) -> Iterator[list[int]]:
    """Yield the cycles of two or more places; no two of `following` lead to the same place."""
    seen: set[int] = set()
    for start in following:
        ring: list[int] = []
        place = start
        while place in following and place not in seen:
            seen.add(place)
            ring.append(place)
            place = following[place]
        if len(ring) > 1 and place == start:
            yield ring
