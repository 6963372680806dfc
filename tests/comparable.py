"""Reports made of arrays, as tests of comparisons need them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from reportgen.comparison.pair import Pair
from reportgen.options import Options
from reportgen.report import LEFT_OUT, Report
from reportgen.sections.attributions.find import Attributions
from reportgen.sections.feature_maps.compare import MapChangesTable, compare_feature_maps
from reportgen.sections.feature_maps.find import ConvolutionMapsTable, find_feature_maps
from reportgen.sections.layers.find import Layers
from reportgen.sections.weights.find import find_weights

from .fake_probe import FakeNetwork, FakeProbe, call, maps_of
from .test_codec import small_report


def network_with(values: dict[str, np.ndarray]) -> FakeNetwork:
    """A network whose layers hold these kernels."""
    calls = tuple(call(place, path) for place, path in enumerate(values))
    return FakeNetwork(layers=calls, tensors={(place, "kernel"): each for place, each in enumerate(values.values())})


def report_with(values: dict[str, np.ndarray]) -> Report:
    """A report whose layers hold these kernels."""
    network = network_with(values)
    weights = find_weights(network, Options())
    return replace(small_report(), weights=weights, layers=Layers(network.layers, 0, 0), first_filters=LEFT_OUT)


def map_report(values: np.ndarray, **options: Any) -> Report:
    probe = FakeProbe(maps=(maps_of(1, "conv", values.astype(np.float32)),))
    return replace(small_report(), feature_maps=find_feature_maps(probe, Options(**options)))


def maps_between(old: Report, new: Report) -> MapChangesTable:
    assert isinstance(old.feature_maps, ConvolutionMapsTable)
    assert isinstance(new.feature_maps, ConvolutionMapsTable)
    return compare_feature_maps(old.feature_maps, new.feature_maps, Pair(old, new, 16, ignore_names=False))


def with_attributions(*rows: dict[str, Any]) -> Report:
    """The small report with its one attribution row as often as there are `rows`, each changed in some fields."""
    report = small_report()
    assert isinstance(report.attributions, Attributions)
    return replace(report, attributions=Attributions(tuple(replace(report.attributions.rows[0], **row) for row in rows)))
