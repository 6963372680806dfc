"""Layers that exchanged their weights: each has the weights of another although all names are still there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from ..probe import LayerCall

ALIKE = 0.5  # cosine above which two layers' weights must be of one training
OWN = 0.001  # what a layer's own name adds where several have the same weights


def find_exchanged(old: tuple[LayerCall, ...], new: tuple[LayerCall, ...], cosine: np.ndarray) -> dict[int, int]:
    """The layers whose weights changed places, as places in `old` and `new` by name, from the `cosine` (old, new) of all weights.

    They form a ring (a has the weights of b, b those of a) and look the same. Where their weights come in the order that they
    had, the layers exchanged their names alone, and are not among these.
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
    """The rings of two or more that come back to where they began; no two of `following` lead to one place."""
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
