"""Reports in a real MLflow: run in an environment that has it, by `python -m pytest tests/mlflow_runs.py`."""

from __future__ import annotations

import contextlib
import math
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import reportgen
from reportgen.cli import main
from reportgen.errors import TrackerError
from reportgen.publishing.publication import publication_of

from .mailing import page_of
from .samples import HOSTILE, PACKED, filled, spoiled
from .test_codec import small_report
from .test_trackers import with_classes
from .tracked import assert_same_figures, hostile_report, report_of_classes

# of the trackers' own
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::PendingDeprecationWarning", "ignore::FutureWarning"
)

CAT = Path(__file__).parent.parent / "sample_images" / "cat.png"


# MLflow


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """MLflow's client, with a real store in a file."""
    import mlflow

    folder = tmp_path_factory.mktemp("mlflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)  # where its artifacts go
        mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
        yield mlflow.MlflowClient()


def artifact(run_id: str, path: str) -> bytes:
    from mlflow.artifacts import download_artifacts

    return Path(download_artifacts(run_id=run_id, artifact_path=path)).read_bytes()


def test_mlflow_gets_the_page_the_metrics_and_the_tags(store: Any) -> None:
    report = report_of_classes()
    run_id = reportgen.to_mlflow(report)
    run = store.get_run(run_id)
    told = publication_of(report, None)
    assert (run.info.status, run.info.run_name) == ("FINISHED", told.title)
    assert artifact(run_id, "reportgen/cat.html") == reportgen.render(report).encode()
    assert run.data.metrics["reportgen/cat/score/1_cat"] == 0.75
    assert_same_figures(run.data.metrics, told.metrics)
    assert {name: text for name, text in run.data.tags.items() if not name.startswith("mlflow.")} == told.tags


def test_mlflow_follows_the_steps_of_the_active_run(store: Any) -> None:
    import mlflow

    with mlflow.start_run() as active:
        for step in (1, 2):
            made = with_classes(("a", "b"), (0.5 / step, 1 - 0.5 / step))
            assert reportgen.to_mlflow(made, step=step, name="val/x") == active.info.run_id
        assert mlflow.active_run().info.run_id == active.info.run_id  # it goes on
        named = reportgen.to_mlflow(made, "another run")
        assert named != active.info.run_id
        assert mlflow.active_run().info.run_id == active.info.run_id
    points = store.get_metric_history(active.info.run_id, "reportgen/val/x/score/0_a")
    assert [(point.step, point.value) for point in points] == [(1, 0.5), (2, 0.25)]
    files = [each.path for each in store.list_artifacts(active.info.run_id, "reportgen/val/x")]
    assert files == [f"reportgen/val/x/step_{step}.html" for step in (1, 2)]


def test_mlflow_finds_a_run_by_its_id_its_name_or_itself(store: Any) -> None:
    run_id = reportgen.to_mlflow(small_report(), "by name")
    for run in ("by name", run_id, store.get_run(run_id)):
        assert reportgen.to_mlflow(reportgen.diff(small_report(), small_report()), run) == run_id
    assert store.get_run(run_id).data.metrics["reportgen/diff_cat/same"] == 1.0
    store.create_run("0", run_name="twice")
    store.create_run("0", run_name="twice")
    for run, told in (
        ("twice", "several runs have this name"),
        ("0" * 32, "not found"),
        ("a' OR 'a' = 'a", "a name without quotes"),
        ("", "expected an ID of 32 digits, or a name"),
        ("a\nb", "expected an ID of 32 digits, or a name"),
    ):
        with pytest.raises(TrackerError, match=told) as refused:
            reportgen.to_mlflow(small_report(), run)
        assert "\n" not in str(refused.value)


def test_mlflow_takes_hostile_labels_and_values(store: Any) -> None:
    report = hostile_report()
    run = store.get_run(reportgen.to_mlflow(report))
    # MLflow's database holds the largest number in place of an infinite one, as its documentation says; the tag says which
    most = sys.float_info.max
    expected = publication_of(report, None).metrics.items()
    stored = {name: math.copysign(most, value) if math.isinf(value) else value for name, value in expected}
    assert_same_figures(run.data.metrics, stored)
    assert "reportgen/cat/score/1_a_b inf, reportgen/cat/score/2_a_b -inf" in run.data.tags["reportgen/cat/not_finite"]
    spoilt = spoiled(filled(small_report()), HOSTILE, keep=PACKED)
    run_id = reportgen.to_mlflow(spoilt)
    name = publication_of(spoilt, None).name
    assert artifact(run_id, f"{name}.html") == reportgen.render(spoilt).encode()


def command(*words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["reportgen", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    printed = capsys.readouterr()
    return int(ended.value.code or 0), printed.out, printed.err


def test_the_command_line_logs_to_mlflow(
    store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("report", str(CAT), "--only", "predictions", "--to-mlflow", "from the command line")
    code, out, err = command(*words, capsys=capsys, monkeypatch=monkeypatch)
    (run,) = store.search_runs(["0"], "attributes.run_name = 'from the command line'")
    assert (code, out) == (0, "cat-minivgg.html\n")
    logged, answer = err.splitlines()
    assert logged == f"Logged to the MLflow run from the command line ({run.info.run_id})"
    assert answer.startswith("cat 98.7 %  ->  cat-minivgg.html (")
    assert artifact(run.info.run_id, "reportgen/cat.html") == Path("cat-minivgg.html").read_bytes()
    page_of(small_report(), tmp_path / "a.html")
    code, out, _ = command("diff", "a.html", "a.html", "--to-mlflow", run.info.run_id, capsys=capsys, monkeypatch=monkeypatch)
    assert (code, out) == (0, "diff-a-a.html\n")
    assert artifact(run.info.run_id, "reportgen/diff_cat.html") == Path("diff-a-a.html").read_bytes()


def test_the_command_line_refuses_a_run_that_does_not_exist(
    store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert store
    monkeypatch.chdir(tmp_path)
    code, out, err = command("report", str(CAT), "--to-mlflow", "f" * 32, capsys=capsys, monkeypatch=monkeypatch)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert not [*tmp_path.iterdir()]


def test_a_server_that_does_not_answer_is_told_within_seconds(
    store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import mlflow

    assert store
    with socket.socket() as taken:  # bound, so that nobody else listens there, but not listening
        taken.bind(("127.0.0.1", 0))
        monkeypatch.chdir(tmp_path)
        before = mlflow.get_tracking_uri()
        mlflow.set_tracking_uri(f"http://127.0.0.1:{taken.getsockname()[1]}")
        began = time.monotonic()
        try:
            code, out, err = command("report", str(CAT), "--to-mlflow", "mine", capsys=capsys, monkeypatch=monkeypatch)
        finally:
            mlflow.set_tracking_uri(before)
    assert time.monotonic() - began < 60  # MLflow itself would ask for more than four minutes
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("reportgen: MLflow cannot look up the run: ")
    assert "MLFLOW_HTTP_REQUEST_MAX_RETRIES" not in os.environ
    assert not [*tmp_path.iterdir()]


def test_a_store_that_fails_later_leaves_the_page(
    store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The folder of the run's artifacts is a file."""
    run = store.create_run("0", run_name="broken")
    folder = Path(run.info.artifact_uri)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError):
        folder.rmdir()
    folder.write_text("")
    monkeypatch.chdir(tmp_path)
    page_of(small_report(), tmp_path / "a.html")
    code, out, err = command("diff", "a.html", "a.html", "--to-mlflow", run.info.run_id, capsys=capsys, monkeypatch=monkeypatch)
    first, second = err.splitlines()
    assert (code, out) == (2, "")
    assert first.startswith("reportgen: MLflow did not take the page: ")
    assert second == "The page is written: diff-a-a.html"
    assert (tmp_path / "diff-a-a.html").stat().st_size > 10_000
