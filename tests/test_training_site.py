"""The site that reports made during training are: its metrics, its comparisons and its links."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen.backend import keras
from reportgen.cli import main
from reportgen.report import present
from reportgen.site.data import site_data

from .trainings import LITE, X, Y, small, train


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, float]], list[np.ndarray]]:
    """A site over three epochs on two images, the metrics of each epoch, and the predictions after each."""
    site, logged, answers = tmp_path_factory.mktemp("training") / "site", [], []

    class Noting(keras.callbacks.Callback):  # type: ignore[misc]
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            logged.append(dict(logs))
            answers.append(np.asarray(self.model(X[:2], training=False)))

    callback = reportgen.ReportCallback(X[:2], output=site, truth=Y[:2], labels=["a", "b", "c"], **LITE)
    train(small, callback, Noting(), epochs=3, metrics=["accuracy"])
    return site, logged, answers


def test_every_epoch_has_its_reports(followed: tuple[Path, list[dict[str, float]], list[np.ndarray]]) -> None:
    site, logged, answers = followed
    for number, (logs, scores) in enumerate(zip(logged, answers, strict=True), start=1):
        for place in range(2):
            report = reportgen.read(site / f"reports/epoch-{number:02}/image-{place + 1}.html")
            assert report.title == f"small-epoch-{number:02} on image-{place + 1}"
            assert {each.name: each.value for each in report.provenance.metrics} == pytest.approx(logs)
            predictions, truth = present(report.predictions), report.provenance.truth
            assert predictions is not None
            assert truth is not None
            rows = {row.class_index: row.score for row in predictions.rows}
            assert [rows[index] for index in range(3)] == pytest.approx(scores[place].tolist(), rel=1e-5)
            assert (truth.label, truth.correct) == ("abc"[place], bool(scores[place].argmax() == place))


def test_the_site_tells_the_metrics_of_each_epoch(followed: tuple[Path, list[dict[str, float]], list[np.ndarray]]) -> None:
    site, logged, _ = followed
    models = site_data(site)["models"]
    assert [each["name"] for each in models] == ["epoch-01", "epoch-02", "epoch-03"]
    assert [each["metrics"] for each in models] == [pytest.approx(logs) for logs in logged]
    page = (site / "index.html").read_text("utf-8")
    assert "<bdi>accuracy</bdi></th><th" in page
    assert page.count('<path class="curve-0"') == 2  # of loss and accuracy


def test_epochs_are_compared_step_by_step_and_as_a_series(
    followed: tuple[Path, list[dict[str, float]], list[np.ndarray]],
) -> None:
    site, logged, _ = followed
    assert sorted(str(path.relative_to(site)) for path in site.glob("diffs/*/*.html")) == [
        f"diffs/epoch-0{old}--epoch-0{old + 1}/image-{image}.html" for old in (1, 2) for image in (1, 2)
    ]
    page = (site / "series/image-1.html").read_text("utf-8")
    assert "3 versions" in page
    assert "Metric: accuracy" in page
    verdict = reportgen.series([reportgen.read(path) for path in sorted(site.glob("reports/*/image-1.html"))]).verdict
    fell = "improved" if logged[-1]["loss"] < logged[0]["loss"] else "worsened"
    assert f"`loss` {fell} from" in verdict


def test_a_long_training_says_how_many_epochs_its_series_has(
    followed: tuple[Path, list[dict[str, float]], list[np.ndarray]], tmp_path: Path
) -> None:
    site = tmp_path / "site"
    for number in range(1, 44):
        (site / f"reports/epoch-{number:02}").mkdir(parents=True)
        shutil.copy(followed[0] / f"reports/epoch-0{1 + number % 3}/image-1.html", site / f"reports/epoch-{number:02}/a.html")
    shutil.copy(followed[0] / "reports/epoch-01/image-1.html", site / "reports/epoch-01/b.html")
    shutil.copy(followed[0] / "reports/epoch-02/image-1.html", site / "reports/epoch-02/b.html")
    (site / "diffs/epoch-01--epoch-02").mkdir(parents=True)  # a site that compares its epochs
    (site / "data").mkdir()
    shutil.copy(followed[0] / "data/site.json", site / "data")
    reportgen.index([site])
    long, short = ((site / f"series/{name}.html").read_text("utf-8") for name in "ab")
    assert "40 versions" in long
    assert "This series has 40 of the 43 epochs, evenly spaced; the others are left out." in long
    assert "2 versions" in short
    assert "evenly spaced" not in short
    index = (site / "index.html").read_text("utf-8")
    assert re.findall(r'<a href="series/(.)\.html">(.*?)</a>', index) == [("a", "40 of 43 epochs"), ("b", "All epochs")]


def test_every_link_of_the_site_leads_to_a_file(followed: tuple[Path, list[dict[str, float]], list[np.ndarray]]) -> None:
    site, *_ = followed
    pages = [site / "index.html", *site.glob("reports/*/*.html")]
    links = [(page, link) for page in pages for link in re.findall(r'href="([^"#:]+)"', page.read_text("utf-8"))]
    assert all((page.parent / link).is_file() for page, link in links)
    told = {str((page.parent / link).resolve().relative_to(site.resolve())) for page, link in links}
    assert {str(path.relative_to(site)) for path in site.glob("[ds]*/**/*.html")} <= told
    middle = (site / "reports/epoch-02/image-1.html").read_text("utf-8")
    assert "epoch 1 → 2</a>, <a" in middle
    assert "epoch 2 → 3</a>" in middle


def test_trainings_are_merged_with_their_comparisons(
    followed: tuple[Path, list[dict[str, float]], list[np.ndarray]], tmp_path: Path
) -> None:
    site, other = followed[0], tmp_path / "other"
    names = {str(path.relative_to(site)) for folder in ("diffs", "series") for path in (site / folder).rglob("*.html")}
    reportgen.index([site], tmp_path / "copy")
    files = {name: (site / name).read_bytes() for name in names}
    assert {name: (tmp_path / "copy" / name).read_bytes() for name in names} == files
    # another training of the same name, whose second epoch takes the first one's place: diffs of it would tell of another report
    shutil.copytree(site / "data", other / "data")
    (other / "reports/epoch-02").mkdir(parents=True)
    shutil.copy(site / "reports/epoch-03/image-1.html", other / "reports/epoch-02/image-1.html")
    reportgen.index([site, other], tmp_path / "both")
    assert sorted(str(path.relative_to(tmp_path / "both/diffs")) for path in (tmp_path / "both/diffs").rglob("*.html")) == [
        "epoch-01--epoch-02/image-2.html", "epoch-02--epoch-03/image-2.html",
    ]  # fmt: skip
    # the same training once more changes nothing, and a site that already has the diffs loses those of the other report
    reportgen.index([site, tmp_path / "copy"], tmp_path / "copy")
    assert {name: (tmp_path / "copy" / name).read_bytes() for name in names} == files
    reportgen.index([tmp_path / "copy", other], tmp_path / "copy")
    assert not list((tmp_path / "copy/diffs").rglob("image-1.html"))
    assert len(list((tmp_path / "copy/diffs").rglob("image-2.html"))) == 2


def test_the_commands_for_sites_know_it(
    followed: tuple[Path, list[dict[str, float]], list[np.ndarray]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site, *_ = followed
    before = {path: path.read_bytes() for path in site.rglob("*.html")}
    (site / "series/image-1.html").unlink()  # as if the training had been interrupted

    def run(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["reportgen", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code
        return capsys.readouterr().out

    run("index", site)
    assert {path: path.read_bytes() for path in site.rglob("*.html")} == before
    assert len(json.loads(run("data", site))["models"]) == 3
    run("email", site, "--to", "a@example.org", "--output", tmp_path / "draft.eml")
    assert json.loads(run("diff", site, site, "--json"))["same"] is True
