"""The statistics of two models over the same images: McNemar's test and the similarity of representations."""

from __future__ import annotations

import math

import numpy as np

DIGITS = 12  # decimals of a CKA; those beyond come from rounding
EXACT = 1000  # discordant images up to which the p-value is computed in whole numbers


def mcnemar(broken: int, mended: int) -> float:
    """Return the exact two-sided p-value (0..1) of McNemar's test (McNemar 1947, as a binomial test on the discordant pairs).

    broken: images that only the old model gets right. mended: images that only the new model gets right. If neither model were
    better, each of these images would be broken or mended with probability 1/2; the result is the probability of a split at
    least as uneven as this one. It is 1 without discordant images.
    """
    count, fewer = broken + mended, min(broken, mended)
    if 2 * fewer >= count:
        return 1.0
    if count <= EXACT:
        ways = sum(math.comb(count, hits) for hits in range(fewer + 1))
        return float(2 * ways / 2**count)
    # beyond that, whole numbers have thousands of digits, and 2**count exceeds a float: add up in logarithms
    logs = [_log_choose(count, hits) - count * math.log(2) for hits in range(fewer + 1)]
    return min(1.0, 2 * math.fsum(map(math.exp, logs)))


def _log_choose(count: int, hits: int) -> float:
    return math.lgamma(count + 1) - math.lgamma(hits + 1) - math.lgamma(count - hits + 1)


def linear_cka(old: np.ndarray, new: np.ndarray) -> float | None:
    """Return the debiased linear CKA of two representations of the same images, (images, channels) each; at most 1.

    That is HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)) (Kornblith et al. 2019, equation 3) of the linear kernels K = X Xᵀ and
    L = Y Yᵀ, with the unbiased estimator of HSIC (Song et al. 2012, equation 5) that Nguyen et al. 2021 use. It is 1 for
    representations that differ only by a rotation, a shift and a scale, and about 0, or slightly below, for unrelated ones.
    None if a representation is the same for every image. Raises `ValueError` for fewer than four images.
    """
    first, second = _kernel(old), _kernel(new)
    of_both, of_first, of_second = _hsic(first, second), _hsic(first, first), _hsic(second, second)
    if not (of_first > 0 and of_second > 0):
        return None
    return min(1.0, round(of_both / math.sqrt(of_first * of_second), DIGITS))


def _kernel(values: np.ndarray) -> np.ndarray:
    """Return the linear kernel (images, images) with zeros on its diagonal, which the unbiased HSIC leaves out.

    HSIC does not depend on the mean, and CKA not on the scale, so both are taken out: a large mean would cost the digits of a
    small spread. The first row is subtracted first, after which channels that are constant are exactly zero.
    """
    spread = values.astype(np.float64)
    spread -= spread[:1].copy()
    spread -= spread.mean(axis=0)
    greatest = np.abs(spread).max(initial=0.0)
    spread /= greatest or 1.0
    kernel: np.ndarray = spread @ spread.T
    np.fill_diagonal(kernel, 0.0)
    return kernel


def _hsic(first: np.ndarray, second: np.ndarray) -> float:
    """Return the unbiased HSIC of two symmetric kernels whose diagonals are zero (Song et al. 2012, equation 5)."""
    count = len(first)
    if count < 4:
        raise ValueError(f"{count} images; expected four or more.")
    trace = float(np.vdot(first, second))
    sums = float(first.sum()) * float(second.sum()) / ((count - 1) * (count - 2))
    rows = 2 / (count - 2) * float(first.sum(axis=0) @ second.sum(axis=0))
    return (trace + sums - rows) / (count * (count - 3))
