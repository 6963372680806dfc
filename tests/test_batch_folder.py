"""A site whose reports have style, script and pictures beside them: nothing lies inline, and every part is mended."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import reportgen
from reportgen.errors import OptionError
from reportgen.site.data import site_data
from reportgen.site.entries import read_entries
from reportgen.site.writing import is_whole

from .browser import OPEN_ALL, axe_findings, opened, served
from .test_batch import contents
from .test_hosting import JENKINS, VISIBLE

SECTIONS = ("overview", "predictions", "attributions", "first_filters", "feature_maps", "weights")
FACTS: dict[str, Any] = {"preprocess": "none", "only": SECTIONS, "maps": 4}


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model and three images."""
    from reportgen.backend import keras

    folder = tmp_path_factory.mktemp("beside")
    layers = keras.layers
    conv, dense = layers.Conv2D(5, 3, activation="relu", name="conv"), layers.Dense(3, activation="softmax", name="dense")
    keras.utils.set_random_seed(1)
    model = keras.Sequential([layers.Input((16, 16, 3)), conv, layers.GlobalAveragePooling2D(), dense], name="net")
    model.save(folder / "net.keras")
    samples = Path(__file__).parent.parent / "sample_images"
    (folder / "photos").mkdir()
    for place, path in enumerate(sorted(samples.glob("*.png"))[:3]):
        shutil.copy(path, folder / "photos" / f"pictures-{place}.png")
    return folder


def make(work: Path, site: Path, **options: Any) -> Any:
    return reportgen.batch(str(work / "net.keras"), str(work / "photos"), site, **{"folder": True, **FACTS, **options})


@pytest.fixture(scope="module")
def site(work: Path) -> Path:
    assert make(work, work / "site").made == 3
    return work / "site"


@pytest.fixture(scope="module")
def single(work: Path) -> Path:
    assert make(work, work / "single", folder=False).made == 3
    return work / "single"


def pages(site: Path) -> list[Path]:
    return sorted((site / "reports" / "net").glob("*.html"))


def test_nothing_lies_inline_and_the_reports_are_the_same(site: Path, single: Path) -> None:
    for page, whole in zip(pages(site), pages(single), strict=True):
        html = page.read_text("utf-8")
        assert "data:image" not in html
        assert "<style" not in html
        named = set(re.findall(r'(?:src|href)="(pictures/[^"]+|page\.[a-z]+)"', html))
        assert all((page.parent / name).is_file() for name in named)
        assert {"page.css", "page.js"} < named
        assert reportgen.read(page) == reportgen.read(whole)
    assert not list(single.rglob("page.css"))


def test_no_picture_is_stored_that_no_report_shows_and_what_they_share_is_stored_once(site: Path) -> None:
    shown = [set(re.findall(r"pictures/([0-9a-f]{16}\.png)", page.read_text("utf-8"))) for page in pages(site)]
    assert {path.name for path in (site / "reports" / "net" / "pictures").iterdir()} == set.union(*shown)
    assert set.intersection(*shown)  # the filters


def test_any_part_that_is_damaged_is_mended(work: Path, site: Path, tmp_path: Path) -> None:
    shutil.copytree(site, tmp_path / "site")
    folder = tmp_path / "site" / "reports" / "net"
    assert make(work, tmp_path / "site").kept == 3
    first, *others = sorted((folder / "pictures").iterdir())
    first.unlink()
    others[0].write_bytes(others[1].read_bytes())  # a whole picture, but another one
    assert make(work, tmp_path / "site").made >= 1
    assert contents(tmp_path / "site") == contents(site)
    (folder / "page.css").write_text("body{}")
    assert make(work, tmp_path / "site").made == 3
    assert contents(tmp_path / "site") == contents(site)
    pages(tmp_path / "site")[0].unlink()
    assert make(work, tmp_path / "site").made == 1
    assert contents(tmp_path / "site") == contents(site)


def test_a_link_in_place_of_a_picture_is_not_followed(site: Path, tmp_path: Path) -> None:
    shutil.copytree(site, tmp_path / "site")
    picture = next((tmp_path / "site" / "reports" / "net" / "pictures").iterdir())
    shutil.move(picture, tmp_path / "elsewhere.png")
    picture.symlink_to(tmp_path / "elsewhere.png")
    assert not all(is_whole(tmp_path / "site", entry) for entry in read_entries(tmp_path / "site").values())


def test_from_one_form_to_the_other_and_back_nothing_is_left_over(work: Path, site: Path, single: Path, tmp_path: Path) -> None:
    shutil.copytree(site, tmp_path / "site")
    assert make(work, tmp_path / "site", folder=False).made == 3
    assert contents(tmp_path / "site") == contents(single)
    assert make(work, tmp_path / "site").made == 3
    assert contents(tmp_path / "site") == contents(site)


def test_pictures_of_reports_made_anew_do_not_stay(work: Path, site: Path, tmp_path: Path) -> None:
    shutil.copytree(site, tmp_path / "site")
    mine = tmp_path / "site" / "reports" / "net" / "pictures" / "mine.png"
    mine.write_bytes(b"mine")
    assert make(work, tmp_path / "site", only=("overview", "predictions")).made == 3
    shown = {name for page in pages(tmp_path / "site") for name in re.findall(r"[0-9a-f]{16}\.png", page.read_text("utf-8"))}
    assert {path.name for path in mine.parent.iterdir()} == shown | {"mine.png"}


def test_index_merges_and_rebuilds_such_sites(work: Path, site: Path, tmp_path: Path) -> None:
    for part in ("1/2", "2/2"):
        make(work, tmp_path / part[0], shard=part)
    reportgen.index([tmp_path / "1", tmp_path / "2"], tmp_path / "whole")
    assert contents(tmp_path / "whole") == contents(site)
    (tmp_path / "whole" / "data" / "reports.jsonl").unlink()
    reportgen.index([tmp_path / "whole"])
    assert contents(tmp_path / "whole") == contents(site)
    assert make(work, tmp_path / "whole").kept == 3
    next((tmp_path / "whole" / "reports" / "net" / "pictures").iterdir()).unlink()
    reportgen.index([tmp_path / "whole"])
    failed = [entry.error for entry in read_entries(tmp_path / "whole").values() if entry.error]
    assert failed
    assert all("pictures/" in each and "\n" not in each for each in failed)
    assert make(work, tmp_path / "whole").made == len(failed)
    assert contents(tmp_path / "whole") == contents(site)


def test_data_and_diff_read_such_sites(site: Path, single: Path) -> None:
    data = site_data(site)
    assert len(data["reports"]) == 3
    assert data == site_data(single)
    found = reportgen.diff_sites(site, single)
    assert (found.same, found.flips()) == (True, ())


@pytest.mark.browser
def test_a_site_is_whole_behind_jenkins(browser: Any, site: Path) -> None:
    with served(site, JENKINS) as address:
        for page in ("index.html", "model-net.html", "reports/net/pictures-0.html"):
            with opened(browser, f"{address}/{page}") as it:
                it.page.evaluate(OPEN_ALL)
                assert it.page.evaluate("getComputedStyle(document.querySelector('table')).borderCollapse") == "collapse"
                assert all(it.page.evaluate("[...document.images].map(each => (each.scrollIntoView(), each.naturalWidth > 0))"))
                assert all(it.page.evaluate(VISIBLE))
                assert all(url.startswith(f"{address}/") for url in it.requests)
    with opened(browser, site / "reports" / "net" / "pictures-1.html") as it:
        assert it.messages == []
        assert axe_findings(it.page) == []  # which asks for the style sheet, against the page's policy: so it comes last


@pytest.mark.parametrize("size", [1, 2])  # by default, all three at once
def test_the_reports_are_the_same_whatever_the_batch_size(work: Path, single: Path, size: int, tmp_path: Path) -> None:
    assert make(work, tmp_path / "site", folder=False, batch_size=size).made == 3
    assert contents(tmp_path / "site") == contents(single)
    assert make(work, tmp_path / "site", folder=False).kept == 3


@pytest.mark.parametrize("size", [0, -1, 1001, 2.0, True, "4"])
def test_a_batch_size_is_a_number_of_images(work: Path, size: Any, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="expected a whole number from 1 to 1000"):
        make(work, tmp_path / "site", batch_size=size)
    assert not (tmp_path / "site").exists()


def test_a_cluster_has_no_batch_size(work: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="leave it out with --dask"):
        make(work, tmp_path / "site", batch_size=2, dask="tcp://127.0.0.1:1")
