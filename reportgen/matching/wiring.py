"""Compares the inputs of a layer in the old and the new model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ..formatting import name
from ..probe import LayerCall


class Wiring:
    """The inputs of layers, skipping layers that only one of the models has: an insertion does not rewire what follows it."""

    def __init__(self, new_paths: Mapping[str, str], removed: Iterable[LayerCall], added: Iterable[LayerCall]) -> None:
        self.new_paths = new_paths
        self.removed = {layer.path: layer.inputs for layer in removed}
        self.added = {layer.path: layer.inputs for layer in added}

    def details(self, old: LayerCall, new: LayerCall) -> Iterator[str]:
        """Yield how a layer's inputs changed, with names between backticks; nothing if they are the same."""
        if not old.inputs or not new.inputs:
            return
        before = tuple(self.new_paths.get(path, path) for path in _past(old.inputs, self.removed))
        if before == _past(new.inputs, self.added):
            return
        was, now = (", ".join(map(name, layer.inputs)) for layer in (old, new))
        if was != now:
            yield f"fed by {was} → {now}"
            return
        others = [path for path, other in zip(old.inputs, new.inputs, strict=False) if self.new_paths.get(path) != other]
        yield f"fed by another {', '.join(map(name, others))}"


def _past(inputs: tuple[str, ...], passed: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return `inputs` with each layer in `passed` replaced by its own inputs."""
    seen: set[str] = set()
    found: list[str] = []
    waiting = list(reversed(inputs))
    while waiting:
        path = waiting.pop()
        if path not in passed:
            found.append(path)
        elif path not in seen:
            seen.add(path)
            waiting += reversed(passed[path])
    return tuple(found)
