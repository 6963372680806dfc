"""The layers that a tensor comes from, even through bare TensorFlow operations: a cast, a slice, attention's own products.

A layer's output carries its path. While `lineage` lasts, every operation passes on to its outputs what its inputs carry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..backend import op_callbacks, tf

MAKER = "_reportgen_maker"  # on a tensor: the path of the layer that made it
SOURCES = "_reportgen_sources"  # on a tensor that no layer made: the paths of the layers that its inputs come from
CONVOLVED = "_reportgen_convolved"  # on a tensor that comes from a convolution run since the last layer
CONVOLVING = {"Conv2D", "DepthwiseConv2dNative", "Conv2DBackpropInput"}  # TensorFlow's operations
# (kind of the operation, its inputs, its attributes as alternating names and values, its outputs)
Note = Callable[[str, Sequence[Any], Sequence[Any], Sequence[Any]], None]


@contextmanager
def lineage(note: Note) -> Iterator[None]:
    """While this lasts, tensors made in this thread know where they come from, and `note` is called for every operation.

    If a later TensorFlow does not report its operations, only tensors that layers made know it.
    """
    if op_callbacks is None:
        yield
        return

    def carry_on(kind: Any, inputs: Any, attributes: Any, outputs: Any, *_place: Any, **_named_place: Any) -> None:
        # TensorFlow also passes the operation's name and graph, by position when it runs eagerly and by name while it traces
        kind, sources = tf.compat.as_str(kind), sources_of(inputs)
        convolved = kind in CONVOLVING or any(map(is_convolved, inputs))
        for output in outputs:
            if sources:
                setattr(output, SOURCES, sources)
            if convolved:
                setattr(output, CONVOLVED, True)
        note(kind, inputs, attributes, outputs)

    op_callbacks.add_op_callback(carry_on)
    try:
        yield
    finally:
        op_callbacks.remove_op_callback(carry_on)


def sources_of(tensors: Iterable[Any]) -> tuple[str, ...]:
    """Return the paths of the layers that these tensors come from, each once."""
    return tuple(dict.fromkeys(path for tensor in tensors for path in _sources(tensor)))


def is_convolved(tensor: Any) -> bool:
    """Return whether a tensor that no layer made comes from a convolution, with no layer in between."""
    return hasattr(tensor, CONVOLVED) and not hasattr(tensor, MAKER)


def made_by_own_code(inputs: Iterable[Any]) -> Any:
    """Return the 4-D input of a layer that no layer returned, but that the model's own code joined or convolved.

    None if there is none. An input that was only transformed cell by cell does not count.
    """
    for tensor in inputs:
        own = not hasattr(tensor, MAKER) and len(tensor.shape) == 4 and tensor.dtype.is_floating
        if own and (is_convolved(tensor) or len(sources_of((tensor,))) > 1):
            return tensor
    return None


def hand_on(outputs: Iterable[Any], path: str) -> None:
    """Mark the outputs of the layer at `path`, except for tensors that layers inside it made."""
    for output in outputs:
        if isinstance(output, tf.Tensor) and not hasattr(output, MAKER):
            setattr(output, SOURCES, (path,))


def _sources(tensor: Any) -> tuple[str, ...]:
    maker = getattr(tensor, MAKER, None)
    return getattr(tensor, SOURCES, ()) if maker is None else (maker,)
