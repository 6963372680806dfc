"""Every weight tensor of the model: its figures, its digest, and a sketch from which drift can be told without the model."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from ..errors import NotApplicable
from ..options import Options
from ..probe import LayerCall, Probe
from ..records import figure, packed, record

# prime, so that a stride through the tensor (one filter, one column) meets every place of the sketch, not the same few
SKETCH_LENGTH = 257
CHUNK_ROWS = 1024  # rows of SKETCH_LENGTH at a time: 1 MB, which stays in the processor's cache
# for every byte, the highest bits of eight floats: where set, the float's sign is turned
SIGN_BITS = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1, bitorder="little").astype(np.uint32) << 31


@record
class WeightTensor:
    """One weight tensor. `dtype` is NumPy's name of its type; `digest` the sha256 of type, shape and bytes; `sketch` what
    `sketch_of` gives, packed.
    """

    KEY: ClassVar = ("path", "weight")
    NOT_COMPARED: ClassVar = ("index", "sketch")

    index: int
    path: str
    weight: str
    shape: tuple[int, ...]
    dtype: str
    mean: float
    std: float
    min: float
    max: float
    l2_norm: float
    digest: str
    sketch: str


@record
class Weights:
    rows: tuple[WeightTensor, ...]


def find_weights(probe: Probe, options: Options) -> Weights:
    rows = tuple(row for call in probe.calls for row in _tensors(probe, call))
    if not rows:
        raise NotApplicable("The model has no weights.")
    return Weights(rows)


def _tensors(probe: Probe, call: LayerCall) -> Iterator[WeightTensor]:
    for name, values in probe.weights(call.index).items():
        flat = values.reshape(-1)
        mean, std, low, high, norm = (figure(np.float32(value)) for value in _figures(flat))
        sketch = packed(sketch_of(flat, values.shape))
        digest = probe.weight_digest(call.index, name)
        kind = values.dtype.name
        yield WeightTensor(call.index, call.path, name, values.shape, kind, mean, std, low, high, norm, digest, sketch)


def tensor_digest(values: np.ndarray) -> str:
    """sha256 over the tensor's type, shape and bytes."""
    digest = hashlib.sha256(f"{values.dtype.name} {values.shape} ".encode())
    digest.update(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _figures(flat: np.ndarray) -> tuple[float, float, float, float, float]:
    """Mean, standard deviation, least, greatest value and L2 norm in one pass over memory, summed in float64."""
    total = squares = 0.0
    low, high = np.inf, -np.inf
    with np.errstate(invalid="ignore", over="ignore"):
        for part in _chunks(flat):
            total += float(part.sum(dtype=np.float64))
            squares += float(np.dot(part, part))
            low, high = np.minimum(low, part.min()), np.maximum(high, part.max())
        mean = total / max(1, flat.size)
        variance = squares / max(1, flat.size) - mean * mean
        return mean, float(np.sqrt(np.maximum(variance, 0))), float(low), float(high), float(np.sqrt(squares))


def _chunks(flat: np.ndarray) -> Iterator[np.ndarray]:
    step = CHUNK_ROWS * SKETCH_LENGTH
    for start in range(0, flat.size, step):
        yield flat[start : start + step].astype(np.float32, copy=False)


def sketch_of(flat: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A random projection (k,) of a tensor's n values, float64, k = 257 at most.

    Up to k values are kept whole. More are cut into rows of k, each value gets a random sign, and the rows are added up (a
    count sketch: Charikar, Chen and Farach-Colton 2002). The norm of the difference of two sketches estimates the norm
    of the difference of the tensors, with a standard error of about 1 / sqrt(2k) of it: 4.4 %. The signs depend on the
    shape alone, so that any two tensors of one shape can be compared, also under another name.
    """
    if flat.size <= SKETCH_LENGTH:
        return flat.astype(np.float64)
    seed = int.from_bytes(hashlib.sha256(repr(tuple(shape)).encode()).digest()[:8], "little")
    generator = np.random.SFC64(seed)  # its raw stream is the same in every version of numpy
    sketch = np.zeros(SKETCH_LENGTH)
    for part in _chunks(flat):
        sketch += _signed_sum(part, generator)
    return sketch


def _signed_sum(part: np.ndarray, generator: np.random.SFC64) -> np.ndarray:
    rows = -(-part.size // SKETCH_LENGTH)
    words = generator.random_raw(-(-rows * SKETCH_LENGTH // 64)).astype("<u8", copy=False)
    # turning a float's sign bit is several times faster than multiplying by 1 or -1
    signed = SIGN_BITS.take(words.view(np.uint8), axis=0).reshape(-1)[: rows * SKETCH_LENGTH]
    signed[part.size :] = 0
    signed[: part.size] ^= np.ascontiguousarray(part).view(np.uint32)
    with np.errstate(invalid="ignore", over="ignore"):
        sums: np.ndarray = signed.view(np.float32).reshape(rows, SKETCH_LENGTH).sum(axis=0, dtype=np.float64)
    return sums
