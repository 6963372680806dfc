"""Which layers a tensor comes from, also where bare TensorFlow lies between: a cast, a slice, attention's own products.

A layer's output carries its path. While `lineage` lasts, whatever an operation makes of tensors carries on what they carried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..backend import op_callbacks, tf

MAKER = "_reportgen_maker"  # on a tensor: the path of the layer that made it
SOURCES = "_reportgen_sources"  # on a tensor that no layer made: the paths of the layers that its inputs come from
CONVOLVED = "_reportgen_convolved"  # on a tensor that comes from a convolution, as far back as the last layer
CONVOLVING = {"Conv2D", "DepthwiseConv2dNative", "Conv2DBackpropInput"}  # TensorFlow's operations
# (kind of the operation, its inputs, its attributes as names and values in turn, its outputs)
Note = Callable[[str, Sequence[Any], Sequence[Any], Sequence[Any]], None]


@contextmanager
def lineage(note: Note) -> Iterator[None]:
    """While this lasts, tensors made in this thread know where they come from, and `note` is told of every operation.

    With a later TensorFlow that does not report its operations, only tensors that layers made know it.
    """
    if op_callbacks is None:
        yield
        return

    def carry_on(kind: Any, inputs: Any, attributes: Any, outputs: Any, *_place: Any, **_named_place: Any) -> None:
        # TensorFlow adds the operation's name and graph, by position when it runs eagerly and by name while it traces
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
    """The paths of the layers that these come from, each once."""
    return tuple(dict.fromkeys(path for tensor in tensors for path in _sources(tensor)))


def is_convolved(tensor: Any) -> bool:
    """Whether a tensor that no layer made comes from a convolution, with no layer in between."""
    return hasattr(tensor, CONVOLVED) and not hasattr(tensor, MAKER)


def made_by_own_code(inputs: Iterable[Any]) -> Any:
    """What went into a layer with four axes, but no layer returned it: the model's own code joined or convolved it.

    None where that is not so. What it merely turned into something else, cell by cell, is not worth a look of its own.
    """
    for tensor in inputs:
        own = not hasattr(tensor, MAKER) and len(tensor.shape) == 4 and tensor.dtype.is_floating
        if own and (is_convolved(tensor) or len(sources_of((tensor,))) > 1):
            return tensor
    return None


def hand_on(outputs: Iterable[Any], path: str) -> None:
    """Mark what the layer at `path` returned, except for tensors that layers inside it made."""
    for output in outputs:
        if isinstance(output, tf.Tensor) and not hasattr(output, MAKER):
            setattr(output, SOURCES, (path,))


def _sources(tensor: Any) -> tuple[str, ...]:
    maker = getattr(tensor, MAKER, None)
    return getattr(tensor, SOURCES, ()) if maker is None else (maker,)
