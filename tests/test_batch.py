"""Many reports at once: what is made, kept, made again, refused, and told where it fails."""

from __future__ import annotations

import json
import resource
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

import reportgen
from reportgen.batching.gathering import gather, read_shard, shard_of
from reportgen.cli import main
from reportgen.errors import LabelsError, OptionError, OutputError, ReportgenError
from reportgen.site.data import site_data
from reportgen.site.entries import read_entries

from .models import built

ONLY: dict[str, Any] = {"only": ("overview", "predictions"), "preprocess": "none"}
COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}


def colour_model() -> Any:
    """The probability of each colour: a softmax of the means of the channels, divided by 25.5, so that pure colours are sure."""
    from reportgen.backend import keras

    layers = keras.layers
    pixels = keras.Input((8, 8, 3), name="pixels")
    conv = layers.Conv2D(3, 1, use_bias=False, name="conv")
    dense = layers.Dense(3, activation="softmax", use_bias=False, name="dense")
    model = keras.Model(pixels, dense(layers.GlobalAveragePooling2D(name="gap")(conv(pixels))), name="colours")
    conv.set_weights([np.eye(3, dtype=np.float32).reshape(1, 1, 3, 3)])
    dense.set_weights([np.eye(3, dtype=np.float32) / 25.5])
    return model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, its labels, and images of one colour in folders named after colours: one lies in a wrong one, one is broken."""
    folder = tmp_path_factory.mktemp("batch")
    colour_model().save(folder / "colours.keras")
    (folder / "labels.txt").write_text("red\ngreen\nblue\n")
    for name, colour in COLOURS.items():
        (folder / "photos" / name).mkdir(parents=True)
        Image.new("RGB", (8, 8), colour).save(folder / "photos" / name / "one.png")
    Image.new("RGB", (8, 8), COLOURS["red"]).save(folder / "photos" / "blue" / "two.png")
    return folder


def make(folder: Path, site: Path, images: str = "photos", **options: Any) -> Any:
    """A batch of the colours."""
    given = {"labels": str(folder / "labels.txt"), **ONLY, **options}
    return reportgen.batch(str(folder / "colours.keras"), str(folder / images), site, **given)


@pytest.fixture(scope="module")
def site(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    site = tmp_path_factory.mktemp("made") / "site"
    made = make(folder, site, truth="folders")
    assert (made.made, made.kept, made.failures) == (4, 0, [])
    return site


def contents(site: Path) -> dict[str, bytes]:
    """All files of a site but the lock."""
    return {str(path.relative_to(site)): path.read_bytes() for path in site.rglob("*") if path.is_file() and path.name != "lock"}


def test_every_image_has_its_report_and_its_truth(site: Path) -> None:
    data = site_data(site)
    assert [(each["image"], each["label"], each["truth"], each["correct"]) for each in data["reports"]] == [
        ("blue/one.png", "blue", "blue", True),
        ("blue/two.png", "red", "blue", False),
        ("green/one.png", "green", "green", True),
        ("red/one.png", "red", "red", True),
    ]
    (model,) = data["models"]
    assert (model["name"], model["images"], model["failed"], model["top1"], model["top5"]) == ("colours", 4, 0, 0.75, None)
    sure = 1 / (1 + 2 * np.exp(-10))  # softmax of (10, 0, 0)
    assert model["ece"] == pytest.approx(sure - 0.75, abs=1e-6)
    for each in data["reports"]:
        report = reportgen.read(site / each["file"])
        assert report.answer().startswith(f"`{each['label']}`")
        assert report.provenance.truth is not None
        assert report.provenance.truth.label == each["truth"]


def test_a_report_of_a_site_is_the_report_that_stands_alone(folder: Path, site: Path) -> None:
    options: dict[str, Any] = {"labels": str(folder / "labels.txt"), **ONLY}
    reporter = reportgen.Reporter(str(folder / "colours.keras"), **options)
    alone = reporter.report(folder / "photos" / "red" / "one.png", truth="red")
    assert reportgen.read(site / "reports" / "colours" / "red--one.html") == alone
    assert "site-data" not in reportgen.render(alone)


def test_a_second_run_makes_nothing_and_a_third_what_was_damaged(folder: Path, site: Path) -> None:
    before = contents(site)
    again = make(folder, site, truth="folders")
    assert (again.made, again.kept) == (0, 4)
    assert contents(site) == before
    reports = site / "reports" / "colours"
    (reports / "red--one.html").unlink()
    (reports / "blue--one.html").write_bytes((reports / "blue--one.html").read_bytes()[:500])
    (site / "thumbnails" / "colours" / "blue--two.jpg").unlink()
    mended = make(folder, site, truth="folders")
    assert (mended.made, mended.kept) == (3, 1)
    assert contents(site) == before


def test_a_second_run_does_not_open_the_model_for_its_classes(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without `labels` only the opened model tells its classes, unless the site does."""
    (tmp_path / "truth.csv").write_text("image,label\nred/one.png,0\ngreen/one.png,1\nblue/one.png,2\nblue/two.png,2\n")
    site, truth = tmp_path / "site", str(tmp_path / "truth.csv")
    made = make(folder, site, truth=truth, labels=None)
    assert (made.made, made.failures) == (4, [])

    def opened(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("reportgen.batching.preparing.Reporter", opened)
    assert make(folder, site, truth=truth, labels=None).kept == 4
    for change in ({"fit": "crop"}, {"truth": str(tmp_path / "other.csv")}):
        (tmp_path / "other.csv").write_text("image,label\nred/one.png,0\nblue/one.png,7\n")
        given: dict[str, Any] = {"truth": truth, "labels": None, **change}
        with pytest.raises(ZeroDivisionError):
            make(folder, site, **given)


def test_what_fails_is_listed_and_stops_nothing(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = "<script>alert(1)<|script>.png".replace("|", "-")
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.new("RGB", (8, 8), COLOURS["red"]).save(photos / hostile)
    (photos / "cut.png").write_bytes((photos / hostile).read_bytes()[:30])
    (tmp_path / "broken.keras").write_text("no model")
    monkeypatch.setattr(
        sys, "argv",
        ["reportgen", "batch", str(photos), "-m", str(folder / "colours.keras"), "-m", str(tmp_path / "broken.keras"), "-o",
         str(tmp_path / "site"), "--only", "overview,predictions", "--preprocess", "none", "--json-log"],
    )  # fmt: skip
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    out, err = capsys.readouterr()
    assert out == f"{tmp_path / 'site' / 'index.html'}\n"
    events = [json.loads(line) for line in err.splitlines()]
    index = str(tmp_path / "site" / "index.html")
    assert [each["event"] for each in events] == ["made", "failed", "failed", "failed", "done"]
    assert events[-1] == {"event": "done", "made": 1, "kept": 0, "failed": 3, "warnings": [], "index": index}
    page = (tmp_path / "site" / "index.html").read_text("utf-8")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    assert "not a model that Keras saved" in page
    assert "cut.png" in page
    errors = {entry.key: entry.error for entry in read_entries(tmp_path / "site").values() if entry.error}
    assert len(errors) == 3
    assert all("\n" not in each for each in errors.values())


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"shard": "3/2"}, OptionError),
        ({"shard": "0/2"}, OptionError),
        ({"shard": "5/5"}, OptionError),
        ({"truth": "missing.csv"}, LabelsError),
        ({"truth": "unknown.csv"}, LabelsError),
        ({"truth": "columns.csv"}, LabelsError),
        ({"images": "nothing"}, ReportgenError),
        ({"images": "*.gif"}, ReportgenError),
    ],
    ids=str,
)
def test_bad_input_writes_nothing(folder: Path, tmp_path: Path, options: dict[str, Any], error: type[Exception]) -> None:
    (tmp_path / "unknown.csv").write_text("image,label\none.png,purple\n" + f"{folder}/photos/red/one.png,purple\n")
    (tmp_path / "columns.csv").write_text("file,class\none.png,red\n")
    if "truth" in options:
        options = {**options, "truth": str(tmp_path / options["truth"])}
    with pytest.raises(error) as raised:
        make(folder, tmp_path / "site", **options)
    assert len(str(raised.value).splitlines()) == 1
    assert not (tmp_path / "site").exists()


def test_a_folder_of_others_is_left_alone(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="not a site of reportgen's"):
        make(folder, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_site_does_not_hold_its_own_images(site: Path, tmp_path: Path) -> None:
    shutil.copytree(site, tmp_path / "site")
    with pytest.raises(OutputError, match="this folder contains the image"):
        reportgen.batch("minivgg", str(tmp_path / "site" / "thumbnails"), tmp_path / "site", **ONLY)


def test_two_runs_do_not_write_one_site(folder: Path, site: Path, tmp_path: Path) -> None:
    shutil.copytree(site, tmp_path / "site")
    with FileLock(tmp_path / "site" / "data" / "lock"), pytest.raises(OutputError, match="another run"):
        make(folder, tmp_path / "site", truth="folders")
    assert make(folder, tmp_path / "site", truth="folders").kept == 4


def test_a_disk_that_is_full_is_told_in_a_line_and_a_rerun_completes(folder: Path, site: Path, tmp_path: Path) -> None:
    def limit(size: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))

    before = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        limit(20_000)  # no report fits
        with pytest.raises(OutputError, match="cannot be written"):
            make(folder, tmp_path / "site", truth="folders")
    finally:
        limit(before)
        signal.signal(signal.SIGXFSZ, handler)
    assert not list((tmp_path / "site").rglob("*.html"))
    assert make(folder, tmp_path / "site", truth="folders").made == 4
    assert contents(tmp_path / "site") == contents(site)


@pytest.mark.parametrize("whole", [3, 1, 0])
def test_what_the_journal_lacks_is_read_from_the_reports(folder: Path, site: Path, tmp_path: Path, whole: int) -> None:
    shutil.copytree(site, tmp_path / "site")
    journal = tmp_path / "site" / "data" / "reports.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:whole]) + lines[-1][:40])
    cut = tmp_path / "site" / "reports" / "colours" / "red--one.html"
    cut.write_bytes(cut.read_bytes()[:900])
    again = make(folder, tmp_path / "site", truth="folders")
    assert (again.made, again.kept) == (1, 3)
    assert contents(tmp_path / "site") == contents(site)


def test_models_that_need_different_options_share_a_site_in_one_call_each(folder: Path, tmp_path: Path) -> None:
    """Each call has its own labels, preprocessing and truth, and touches no report of the other model."""
    site = tmp_path / "site"
    (tmp_path / "german.txt").write_text("rot\ngruen\nblau\n")
    (tmp_path / "german.csv").write_text(f"image,label\n{folder}/photos/red/one.png,rot\n{folder}/photos/green/one.png,blau\n")
    german = tmp_path / "farben.keras"
    colour_model().save(german)

    def first() -> tuple[int, int]:
        made = make(folder, site, truth="folders")
        return made.made, made.kept

    def second() -> tuple[int, int]:
        options = {**ONLY, "preprocess": "unit", "labels": str(tmp_path / "german.txt"), "truth": str(tmp_path / "german.csv")}
        made = reportgen.batch(str(german), str(folder / "photos"), site, **options)
        return made.made, made.kept

    assert (first(), second()) == ((4, 0), (4, 0))
    before = contents(site)
    assert (first(), second(), first()) == ((0, 4), (0, 4), (0, 4))
    assert contents(site) == before
    colours, farben = site_data(site)["models"]
    assert (colours["name"], colours["images"], colours["top1"]) == ("colours", 4, 0.75)
    assert (farben["name"], farben["images"], farben["top1"]) == ("farben", 4, 0.5)  # of the two whose truth its table has
    scores = {(each["model"], each["image"]): each["score"] for each in site_data(site)["reports"]}
    assert scores["colours", "red/one.png"] == pytest.approx(1 / (1 + 2 * np.exp(-10)))
    assert scores["farben", "red/one.png"] == pytest.approx(1 / (1 + 2 * np.exp(-1 / 25.5)))  # pixels from 0 to 1
    page = (site / "index.html").read_text("utf-8")
    assert "Truth: <bdi>red</bdi> / <bdi>rot</bdi></small>" in page  # a row has the truth of each set of labels
    assert "Models disagree</small>" not in page  # other classes, other words: no disagreement
    (site / "reports" / "farben" / "blue--one.html").unlink()
    assert (first(), second()) == ((0, 4), (1, 3))
    assert contents(site) == before


def test_parts_are_all_images_once_and_names_that_clash_differ(tmp_path: Path) -> None:
    for name in ("a/cat.png", "b/cat.png", "cat.jpg", "cat.png", "Cat.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    sources = gather([str(tmp_path), str(tmp_path / "a" / "cat.png"), str(tmp_path / "b" / "cat.png")])
    assert len(sources) == 5
    assert len({source.stem.casefold() for source in sources}) == 5
    parts = [shard_of(sources, read_shard(f"{part}/3")) for part in (1, 2, 3)]
    assert sorted(source.stem for part in parts for source in part) == sorted(source.stem for source in sources)
    with pytest.raises(OptionError, match=r"expected at most one part, one per image\."):
        shard_of(sources[:1], (2, 3))


def test_a_model_in_memory_and_several_of_one_name(folder: Path, tmp_path: Path) -> None:
    models = [built("functional"), built("functional")]
    made = reportgen.batch(models, str(folder / "photos" / "red"), tmp_path / "site", **ONLY)
    assert made.made == 2
    assert sorted(path.name for path in (tmp_path / "site" / "reports").iterdir()) == ["functional", "functional-2"]
