"""The figures and the headline pictures of a report or a comparison as metrics and plots of DVCLive."""

from __future__ import annotations

from typing import Any

from ..comparison.result import Diff, Series
from ..report import Report
from .packages import check_installed, refused_in_a_line
from .publication import pixels_of, publication_of

TRACKER = "DVCLive"


def to_dvclive(found: Report | Diff | Series, live: Any, *, name: str | None = None) -> None:
    """Log the figures as metrics and the headline pictures as images, at the present step of `live`, a `dvclive.Live`.

    name: what the names of all that is logged have after "reportgen/"; by default the image's name, such as "reportgen/cat".

    Raises `TrackerError` if dvclive is not installed, or refuses what is logged.
    """
    check_installed("dvclive", "dvc", TRACKER)
    told = publication_of(found, name)
    with refused_in_a_line(TRACKER):
        for each, value in told.metrics.items():
            live.log_metric(each, value)
        for picture in told.pictures:
            live.log_image(f"{told.name}/{picture.name}.png", pixels_of(picture))
