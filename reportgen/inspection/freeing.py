"""Free a network's tensors during a pass: Keras keeps every tensor of a functional model until the pass is over.

On EfficientNetB7 these take 4 GB. While `freeing` lasts, a tensor leaves Keras's table as soon as the last node of the graph that
takes it has received it. What is heard, who else holds a tensor, and the outputs stay the same. If a later Keras has no such
table, nothing is freed early and everything else works as before.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..backend import SymbolicArguments, keras

RUN, FILL_IN = "_run_through_graph", "fill_in"


@contextmanager
def freeing() -> Iterator[None]:
    """While this lasts, functional models called in this thread hold no tensor longer than they need it."""
    run, fill_in = getattr(keras.Function, RUN, None), getattr(SymbolicArguments, FILL_IN, None)
    if run is None or fill_in is None:
        yield
        return
    thread = threading.get_ident()
    remaining: list[Counter[int]] = []  # one for each graph being run, the outermost first

    def run_through_graph(function: Any, *args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() != thread:
            return run(function, *args, **kwargs)
        remaining.append(_uses(function))
        try:
            return run(function, *args, **kwargs)
        finally:
            remaining.pop()

    def fill_in_and_free(arguments: Any, tensors: dict[int, Any]) -> Any:
        filled = fill_in(arguments, tensors)
        if threading.get_ident() == thread and remaining:
            _free(arguments, tensors, remaining[-1])
        return filled

    setattr(keras.Function, RUN, run_through_graph)
    setattr(SymbolicArguments, FILL_IN, fill_in_and_free)
    try:
        yield
    finally:
        setattr(keras.Function, RUN, run)
        setattr(SymbolicArguments, FILL_IN, fill_in)


def _uses(function: Any) -> Counter[int]:
    """Return how often each tensor of a graph is taken, by its `id`: once by every node, and once as an output."""
    nodes = [node for depth in getattr(function, "_nodes_by_depth", {}).values() for node in depth]
    uses = Counter(identity for node in nodes for identity in _taken(node.arguments))
    uses.update(id(tensor) for tensor in function.outputs)
    return uses


def _taken(arguments: Any) -> set[int]:
    return {id(tensor) for tensor in arguments.keras_tensors}


def _free(arguments: Any, tensors: dict[int, Any], uses: Counter[int]) -> None:
    for identity in _taken(arguments):
        uses[identity] -= 1
        if uses[identity] == 0:
            tensors.pop(identity, None)
