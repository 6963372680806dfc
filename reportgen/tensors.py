"""Figures of a tensor, each computed only here: statistics, digests, sketches, and numbers as text."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from .errors import ReportFileError
from .histograms import Histogram, histogram_of
from .traces import Traces, traces_of

SKETCH_LENGTH = 257
SKETCH_VERSION = 2  # of `sketch_of`: only sketches of the same version give a distance
BLOCK = SKETCH_LENGTH**2
CHUNK = 4 * BLOCK  # values at a time: 1 MB, which fits in the processor's cache
ROW = 1024  # values of a row of maps
MOST_ROWS = 255  # that a byte can count
CACHED = 1 << 16  # values that the processor's cache holds in double precision
# for every byte, the sign bits of eight floats: where set, the float's sign is flipped
SIGN_BITS = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1, bitorder="little").astype(np.uint32) << 31


class Statistics(NamedTuple):
    """Statistics over all values of a tensor; `std` is the population's, `l2_norm` the square root of the sum of squares."""

    mean: float
    std: float
    min: float
    max: float
    l2_norm: float


class ChannelFigures(NamedTuple):
    """For each channel (channels,) float32: min, max, mean and the share of values above 0; and the histogram of all values."""

    low: np.ndarray
    high: np.ndarray
    mean: np.ndarray
    active: np.ndarray
    histogram: Histogram


class TensorFigures(NamedTuple):
    """Everything that a report stores about a tensor: see `statistics_of`, `tensor_digest`, `sketch_of`, `histogram_of` and
    `traces.traces_of`.
    """

    statistics: Statistics
    digest: str
    sketch: np.ndarray
    histogram: Histogram
    traces: Traces


def figures_of(values: np.ndarray) -> TensorFigures:
    """Return the figures of a tensor of any shape and numeric type."""
    statistics = statistics_of(values)
    return TensorFigures(statistics, tensor_digest(values), sketch_of(values), spread_of(values, statistics), traces_of(values))


def spread_of(values: np.ndarray, statistics: Statistics) -> Histogram:
    """Return the histogram of a tensor, given its statistics."""
    return histogram_of(values, statistics.mean, statistics.std, statistics.min, statistics.max)


def statistics_of(values: np.ndarray) -> Statistics:
    """Return the statistics of a tensor of any shape and numeric type, as the shortest decimals that float32 tells apart.

    The mean is computed first, then the deviations from it, in float64: E[x^2] - E[x]^2 would lose the spread of values around a
    large mean. Chunks are combined as in Chan, Golub and LeVeque (1979, "Updating formulae and a pairwise algorithm for computing
    sample variances", equation 2.1), so that a large tensor passes through the cache once. nan and infinity propagate to every
    statistic they affect. The statistics of an empty tensor are zeros.
    """
    if values.size == 0:
        return Statistics(0.0, 0.0, 0.0, 0.0, 0.0)
    count, total, squares, length = 0, 0.0, 0.0, 0.0  # sums of squares: `squares` of the deviations, `length` of the values
    low, high = math.inf, -math.inf
    with np.errstate(invalid="ignore", over="ignore"):
        for part in _chunks(values.reshape(-1)):
            low, high = float(np.minimum(low, part.min())), float(np.maximum(high, part.max()))
            deviations = part.astype(np.float64)
            part_total = float(deviations.sum())
            length += _sum_of_squares(deviations)
            deviations -= part_total / part.size
            squares += _sum_of_squares(deviations)
            if count:
                apart = part_total / part.size - total / count
                squares += apart * apart * count * part.size / (count + part.size)
            count += part.size
            total += part_total
        found = total / count, math.sqrt(squares / count), low, high, math.sqrt(length)
        return Statistics(*(figure(np.float32(value)) for value in found))


def channel_figures(values: np.ndarray) -> ChannelFigures:
    """Return the figures of maps (h, w, channels) float32 with at least one value.

    Everything is computed while a part of the maps is in the processor's cache, and combined as in `statistics_of`. Several
    positions are taken as one long row, because NumPy is slow over rows of few channels. nan propagates to each figure of its
    channel but the share, for which it counts as not above 0.
    """
    channels = values.shape[2]
    places = values.shape[0] * values.shape[1]
    flat = values.reshape(places, channels)
    beside = max(1, ROW // channels)  # positions in a row
    whole = places // beside * beside
    sums, above = np.zeros(channels), np.zeros(channels, np.int64)
    low, high = np.full(channels, np.inf, np.float32), np.full(channels, -np.inf, np.float32)
    count, total, squares = 0, 0.0, 0.0
    with np.errstate(invalid="ignore", over="ignore"):
        for rows in (flat[:whole].reshape(-1, beside * channels), flat[whole:]):
            step = min(MOST_ROWS, max(1, CACHED // rows.shape[1]))
            for start in range(0, len(rows), step):
                part = rows[start : start + step]
                low = np.minimum(low, part.min(axis=0).reshape(-1, channels).min(axis=0))
                high = np.maximum(high, part.max(axis=0).reshape(-1, channels).max(axis=0))
                # at most 255 rows, so that bytes can count them
                positive = np.add.reduce((part > 0).view(np.uint8), axis=0, dtype=np.uint8)
                above += positive.reshape(-1, channels).sum(axis=0, dtype=np.int64)
                deviations = part.astype(np.float64)
                part_sums = deviations.sum(axis=0).reshape(-1, channels).sum(axis=0)
                part_total = float(part_sums.sum())
                sums += part_sums
                deviations -= part_total / part.size
                np.multiply(deviations, deviations, out=deviations)
                squares += float(deviations.sum())
                if count:
                    apart = part_total / part.size - total / count
                    squares += apart * apart * count * part.size / (count + part.size)
                count += part.size
                total += part_total
        found = total / count, math.sqrt(squares / count), low.min(), high.max()
        mean, std, least, most = (figure(np.float32(value)) for value in found)
        return ChannelFigures(
            low=low,
            high=high,
            mean=(sums / places).astype(np.float32),
            active=(above / places).astype(np.float32),
            histogram=histogram_of(values, mean, std, least, most),
        )


def _sum_of_squares(values: np.ndarray) -> float:
    """Add up the squares without BLAS, whose threads wait for each other at every chunk: 20 times slower if a core is busy."""
    return float(np.einsum("i,i->", values, values))


def figure(value: Any) -> float:
    """Return a number as a Python float with the shortest decimals that its precision (float16, float32, ...) tells apart."""
    value = np.asarray(value)
    if value.dtype in (np.float16, np.float32):
        return float(str(value[()]))
    return float(value)


def figures_in(values: np.ndarray) -> list[float]:
    """Return each of the numbers (n,) as `figure` does, in a third of the time."""
    if values.dtype in (np.float16, np.float32):
        return [float(str(value)) for value in values]
    return [float(value) for value in values]


def tensor_digest(values: np.ndarray) -> str:
    """Return the sha256 of the tensor's type, shape and bytes."""
    digest = hashlib.sha256(f"{values.dtype.name} {values.shape} ".encode())
    digest.update(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def sketch_of(values: np.ndarray) -> np.ndarray:
    """Return a random projection (k,) of a tensor's n values, float64, with k = 257 at most.

    Up to k values are kept as they are. More are cut into rows of k. Each row is rotated by a random number of places, each value
    gets a random sign, and the rows are added up (a count sketch: Charikar, Chen and Farach-Colton 2002). The norm of the
    difference of two sketches estimates the norm of the difference of the tensors, with a standard error of at most
    1 / sqrt(2k) of it: 4.4 %. If fewer than about 60 scattered values differ, it is nearly always exact, and rarely off by much
    more than that.

    Rotations and signs depend only on the shape, so any two tensors of the same shape can be compared, even if their names
    differ. Without the rotations, a dimension of 257 or a multiple of it would send a whole column of a matrix to one place.
    """
    flat = values.reshape(-1)
    if flat.size <= SKETCH_LENGTH:
        return flat.astype(np.float64)
    seed = int.from_bytes(hashlib.sha256(repr(tuple(values.shape)).encode()).digest()[:8], "little")
    generator = np.random.SFC64(seed)  # its raw stream is the same in every version of NumPy
    by_rotation = np.zeros((SKETCH_LENGTH, SKETCH_LENGTH))  # a row for each rotation: they are rotated once, at the end
    # memory reused for all chunks, as allocating is slow; 64 random bits are drawn at a time
    room = np.empty((2, _rounded_up(min(CHUNK, _rounded_up(flat.size, BLOCK)), 64)), np.uint32)
    with np.errstate(invalid="ignore", over="ignore"):
        for part in _chunks(flat):
            by_rotation += _signed_sum(part, generator, room)
        # each row twice in a row, so that row r rotated by r places is a slice that begins r places earlier
        twice = np.concatenate([by_rotation, by_rotation], axis=1).reshape(-1)[SKETCH_LENGTH:]
        sketch: np.ndarray = twice.reshape(SKETCH_LENGTH, -1)[:, :SKETCH_LENGTH].sum(axis=0)
    return sketch


def _signed_sum(part: np.ndarray, generator: np.random.SFC64, room: np.ndarray) -> np.ndarray:
    """Return the rows of a chunk with random signs, added up by rotation: (k, k) float32, a row for each rotation.

    The rows are shuffled and dealt out, so that each rotation gets equally many. `room` (2, a chunk) uint32 is overwritten.
    """
    size = _rounded_up(part.size, BLOCK)
    if part.size < size:
        part = np.concatenate([part, np.zeros(size - part.size, np.float32)])
    rows = np.ascontiguousarray(part).view(np.uint32).reshape(-1, SKETCH_LENGTH)
    order = np.argsort(generator.random_raw(len(rows)), kind="stable")
    signed = rows.take(order, axis=0, out=room[0, :size].reshape(rows.shape), mode="clip")
    words = generator.random_raw(_rounded_up(size, 64) // 64).astype("<u8", copy=False).view(np.uint8)
    SIGN_BITS.take(words, axis=0, out=room[1, : 8 * len(words)].reshape(-1, 8), mode="clip")
    signed ^= room[1, :size].reshape(rows.shape)  # flipping the sign bit is several times faster than multiplying by 1 or -1
    sums: np.ndarray = signed.view(np.float32).reshape(-1, SKETCH_LENGTH, SKETCH_LENGTH).sum(axis=0)
    return sums


def _rounded_up(count: int, step: int) -> int:
    return -(-count // step) * step


def _chunks(flat: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, flat.size, CHUNK):
        yield flat[start : start + CHUNK].astype(np.float32, copy=False)


def packed(values: np.ndarray) -> str:
    """Encode numbers as base64 of float32, little-endian, in C order: a third of the size of their decimal digits."""
    return base64.b64encode(np.ascontiguousarray(values, "<f4").tobytes()).decode()


def unpacked(text: str, count: int, where: str) -> np.ndarray:
    """Decode the numbers (count,) float64 written by `packed`; raises `ReportFileError`, naming `where`, for any other text."""
    try:
        values = np.frombuffer(base64.b64decode(text, validate=True), "<f4")
    except ValueError:
        values = np.zeros(0)
    if len(values) != count or count < 0:
        raise ReportFileError(f"the report's data are not as expected at {where}.")
    return values.astype(np.float64)
