"""Keeps, while a batch runs, which images excite each channel of a model most; stores it in the site."""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path

from ..options import Options
from ..probe import Probe
from ..report import Report, present
from ..site.peaks import ImagePeaks, Peaks, peaks_in
from ..site.peaks_file import read_peaks, write_peaks

SECTION = "feature_visualization"
EVERY = 60.0  # seconds after which what is kept is written: a run that is killed then has to make few reports again


def shows_filters(asked: Options) -> bool:
    """Return whether the reports may show pictures of filters, beside which a site shows what excites the filters."""
    return SECTION not in asked.skip and (not asked.only or SECTION in asked.only)


def peaks_of(report: Report, probe: Probe) -> ImagePeaks:
    """Return the peaks of all channels of the layers whose filters the report shows."""
    height, width = probe.given.shape[:2]
    shown = present(report.feature_visualization)
    paths = {row.path for row in shown.rows} | {each.path for each in shown.failed} if shown else set()
    fields = {row.path: row.receptive_field for row in probe.network.layers}
    found = [peaks_in(maps, fields.get(maps.path)) for maps in probe.maps if maps.path in paths]
    return ImagePeaks(report.provenance.model.digest, (int(height), int(width)), tuple(each for each in found if each))


class Keeper:
    """Keeps the peaks of one model in a site."""

    def __init__(self, site: Path, model: str) -> None:
        self.site, self.model = site, model
        self.peaks, _ = read_peaks(site, model)
        self._written = time.monotonic()

    def has(self, stem: str, wanted: str) -> bool:
        """Return whether the peaks of a report are kept."""
        return self.peaks.images.get(stem) == wanted

    def forget(self, stems: Collection[str]) -> None:
        """Forget the reports that are made again."""
        self.peaks = self.peaks.without(stems)

    def add(self, stem: str, wanted: str, found: ImagePeaks) -> None:
        """Keep the peaks of an image."""
        if (self.peaks.model, self.peaks.size) != found[:2]:  # nothing is kept, or of something that cannot be compared
            self.peaks = Peaks(model=found.model, size=found.size)
        self.peaks.images[stem] = wanted
        for layer in found.layers:
            self.peaks.add(stem, layer)
        if time.monotonic() - self._written > EVERY:
            self.write()

    def write(self) -> None:
        """Write what is kept into the site; raises `OutputError`."""
        write_peaks(self.site, self.model, self.peaks)
        self._written = time.monotonic()
