"""Reports in the real trackers: run in an environment that has them, by `python -m pytest tests/tracker_runs.py`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import reportgen
from reportgen.errors import TrackerError
from reportgen.publishing.publication import publication_of

from .samples import HOSTILE, PACKED, filled, spoiled
from .test_codec import small_report
from .test_trackers import with_classes
from .tracked import assert_same_figures, hostile_report, report_of_classes

# of the trackers' own
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::PendingDeprecationWarning", "ignore::FutureWarning"
)


# Weights & Biases


@pytest.fixture(scope="module")
def offline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that all runs are kept in: W&B reads its settings once in a process."""
    folder = tmp_path_factory.mktemp("wandb")
    with pytest.MonkeyPatch.context() as patch:
        for place in ("WANDB_DIR", "WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_ARTIFACT_DIR"):
            patch.setenv(place, str(folder))
        patch.setenv("WANDB_MODE", "offline")
        patch.setenv("WANDB_SILENT", "true")
        yield folder


def kept_pages(folder: Path, run_id: str = "*") -> list[bytes]:
    """The pages of a run's panels."""
    return [path.read_bytes() for path in sorted(folder.glob(f"**/offline-run-*-{run_id}/files/media/html/**/*.html"))]


def staged(folder: Path, page: bytes) -> int:
    """How many files that wait to be uploaded as artifacts hold the page; they have other names there."""
    return sum(path.is_file() and path.read_bytes() == page for path in folder.rglob("artifacts/staging/*"))


@pytest.mark.parametrize("hostile", [False, True])
def test_wandb_keeps_the_page_byte_for_byte(offline: Path, hostile: bool) -> None:
    import wandb

    report = hostile_report() if hostile else report_of_classes()
    told = publication_of(report, None)
    with wandb.init(mode="offline", dir=offline, project="p") as run:
        reportgen.to_wandb(report, run)
        figures = {name: value for name, value in dict(run.summary).items() if name in told.metrics}
        words = {name: value for name, value in dict(run.summary).items() if name in told.tags}
    assert_same_figures({name: float(value) for name, value in figures.items()}, told.metrics)
    assert words == told.tags
    page = reportgen.render(report).encode()
    assert (kept_pages(offline, run.id) == [page], staged(offline, page)) == (True, 1)


def test_wandb_without_a_run_starts_one_and_ends_it(offline: Path) -> None:
    import wandb

    before = kept_pages(offline)
    diff = reportgen.diff(report_of_classes(), report_of_classes())
    reportgen.to_wandb(diff)
    assert wandb.run is None
    page = reportgen.render_diff(diff).encode()
    assert ([each for each in kept_pages(offline) if each not in before] == [page], staged(offline, page)) == (True, 1)


def test_wandb_follows_steps(offline: Path) -> None:
    import wandb

    with wandb.init(mode="offline", dir=offline, project="p") as run:
        for step in (3, 5):
            reportgen.to_wandb(report_of_classes(), step=step, name="val/x")
        assert run.step == 5
        assert run.summary["reportgen/val/x/score/0_dog"] == 0.25


# TensorBoard


def events_in(folder: Path) -> Any:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload()


def tensors(events: Any, tag: str) -> list[tuple[int, Any]]:
    from tensorboard.util.tensor_util import make_ndarray

    return [(each.step, make_ndarray(each.tensor_proto)) for each in events.Tensors(tag)]


@pytest.mark.parametrize("hostile", [False, True])
def test_tensorboard_reads_figures_pictures_and_words(hostile: bool, tmp_path: Path) -> None:
    report = hostile_report() if hostile else report_of_classes()
    reportgen.to_tensorboard(report, tmp_path, step=4)
    told = publication_of(report, None)
    events = events_in(tmp_path)
    pictures = {f"reportgen/cat/{each.name}": each for each in told.pictures}
    assert pictures
    assert {*events.Tags()["tensors"]} == {*told.metrics, *pictures, "reportgen/cat/summary"}
    for name, value in told.metrics.items():
        ((step, read),) = tensors(events, name)
        assert step == 4
        assert float(read) == np.float32(value) or math.isnan(value)
        assert events.SummaryMetadata(name).plugin_data.plugin_name == "scalars"
    for name, picture in pictures.items():
        ((_, (width, height, png)),) = tensors(events, name)
        assert (int(width), int(height)) == (picture.width, picture.height)
        assert png.startswith(b"\x89PNG")
        assert events.SummaryMetadata(name).plugin_data.plugin_name == "images"
    ((_, text),) = tensors(events, "reportgen/cat/summary")
    assert text.item().decode() == told.markdown


def test_tensorboard_makes_a_safe_page_of_the_words(tmp_path: Path) -> None:
    from tensorboard.plugin_util import markdown_to_safe_html

    report = spoiled(filled(small_report()), HOSTILE, keep=PACKED)
    reportgen.to_tensorboard(report, tmp_path)
    html = markdown_to_safe_html(publication_of(report, None).markdown)
    assert "<table>" in html
    assert "<script" not in html
    assert "<img" not in html


def test_tensorboard_follows_steps_of_reports_and_comparisons(tmp_path: Path) -> None:
    for step in (1, 2):
        reportgen.to_tensorboard(with_classes(("a", "b"), (0.5 / step, 1 - 0.5 / step)), tmp_path, step=step, name="x")
    reportgen.to_tensorboard(reportgen.diff(small_report(), small_report()), str(tmp_path), step=2)
    events = events_in(tmp_path)
    assert [(step, float(value)) for step, value in tensors(events, "reportgen/x/score/0_a")] == [(1, 0.5), (2, 0.25)]
    assert [float(value) for _, value in tensors(events, "reportgen/diff_cat/same")] == [1.0]
    assert "### Same: " in tensors(events, "reportgen/diff_cat/summary")[0][1].item().decode()


def test_what_a_scalar_of_tensorboard_cannot_hold_is_left_out(tmp_path: Path) -> None:
    from reportgen.metrics import Metric

    report = report_of_classes()
    made = replace(report.provenance, metrics=(Metric("huge", 1e39), Metric("small", 0.5)))
    reportgen.to_tensorboard(replace(report, provenance=made), tmp_path)
    tags = events_in(tmp_path).Tags()["tensors"]
    assert "reportgen/cat/metric/small" in tags
    assert "reportgen/cat/metric/huge" not in tags


def test_a_folder_that_cannot_be_written_is_told_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TrackerError, match="TensorBoard did not take the page: ") as refused:
        reportgen.to_tensorboard(report_of_classes(), tmp_path / "file" / "logs")
    assert "\n" not in str(refused.value)


# DVC


@pytest.mark.parametrize("hostile", [False, True])
def test_dvclive_keeps_figures_and_pictures(hostile: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dvclive import Live

    monkeypatch.chdir(tmp_path)
    report = hostile_report() if hostile else report_of_classes()
    told = publication_of(report, None)
    with Live("live", report=None, save_dvc_exp=False, dvcyaml=None) as live:
        reportgen.to_dvclive(report, live)
        live.next_step()
        reportgen.to_dvclive(report, live)
    stored = json.loads(Path("live/metrics.json").read_text())
    assert_same_figures({name: float(value) for name, value in leaves(stored).items() if name != "step"}, told.metrics)
    # nothing was written beside the folder of its own
    assert {path.name for path in tmp_path.iterdir()} == {"live"}
    assert {path.name for path in Path("live").iterdir()} == {"metrics.json", "plots"}
    charts = {str(path.relative_to("live/plots/metrics"))[:-4] for path in Path("live/plots/metrics").rglob("*.tsv")}
    assert charts == told.metrics.keys()
    lines = Path("live/plots/metrics/reportgen/cat/checks/errors.tsv").read_text().splitlines()
    assert [line.split("\t")[0] for line in lines] == ["step", "0", "1"]
    for picture in told.pictures:
        with Image.open(f"live/plots/images/reportgen/cat/{picture.name}.png") as image:
            assert image.size == (picture.width, picture.height)


def leaves(value: Any, *path: str) -> dict[str, Any]:
    """The values in nested objects, by the path to each."""
    if not isinstance(value, dict):
        return {"/".join(path): value}
    return {name: leaf for key, each in value.items() for name, leaf in leaves(each, *path, key).items()}


def test_dvclive_takes_a_comparison(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dvclive import Live

    monkeypatch.chdir(tmp_path)
    old, new = with_classes(("a", "b"), (0.25, 0.75)), with_classes(("a", "b"), (0.5, 0.5))
    with Live("live", report=None, save_dvc_exp=False, dvcyaml=None) as live:
        reportgen.to_dvclive(reportgen.diff(old, new), live)
    figures = leaves(json.loads(Path("live/metrics.json").read_text()))
    assert figures["reportgen/diff_cat/score_change/0_a"] == 0.25
