"""The figures, the headline pictures and a summary of a report or a comparison as events for TensorBoard."""

from __future__ import annotations

import math
from os import PathLike, fspath

import numpy as np

from ..comparison.result import Diff, Series
from ..report import Report
from .packages import check_installed, refused_in_a_line
from .publication import pixels_of, publication_of

TRACKER = "TensorBoard"


def to_tensorboard(found: Report | Diff | Series, logdir: str | PathLike[str], *, step: int = 0, name: str | None = None) -> None:
    """Write the figures as scalars, the headline pictures as images, and a summary as text, to an event file in `logdir`.

    name: what the tags of all that is written have after "reportgen/"; by default the image's name, such as "reportgen/cat".

    TensorBoard stores scalars in single precision: a finite value that is too large for it is left out. Raises `TrackerError` if
    tensorboard is not installed, or `logdir` cannot be written to.
    """
    check_installed("tensorboard", "tensorboard", TRACKER)
    told = publication_of(found, name)
    from ..backend import tf

    with refused_in_a_line(TRACKER):
        writer = tf.summary.create_file_writer(fspath(logdir))
        # not `as_default` alone: it would also apply the caller's `record_if`
        with writer.as_default(step), tf.summary.record_if(True):
            for each, value in told.metrics.items():
                if _fits(value):
                    tf.summary.scalar(each, value)
            for picture in told.pictures:
                tf.summary.image(f"{told.name}/{picture.name}", pixels_of(picture)[None], description=picture.caption)
            tf.summary.text(f"{told.name}/summary", told.markdown)
        writer.close()


def _fits(value: float) -> bool:
    with np.errstate(over="ignore"):
        return not math.isfinite(value) or math.isfinite(float(np.float32(value)))
