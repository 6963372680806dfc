"""The images that excite each filter, after shards, losses, damage and links: a rerun or an index gives the same site."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reportgen.errors import OutputError
from reportgen.site.entries import read_entries
from reportgen.site.layout import peaks_file
from reportgen.site.peaks import Peaks
from reportgen.site.peaks_file import decoded, encoded, read_peaks
from reportgen.site.writing import index, write_site

from .fake_probe import f32
from .test_batch import contents
from .tiny_site import IMAGES, make, page_of, tiny

pytestmark = pytest.mark.usefixtures("one_core")


@pytest.fixture(scope="module")
def folder(tiny_folder: Path) -> Path:
    return tiny_folder


@pytest.fixture(scope="module")
def site(tiny_folder: Path) -> Path:
    return tiny_folder / "site"


@pytest.fixture(scope="module")
def parts(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The site in three shards."""
    parts = [tmp_path_factory.mktemp("parts") / part for part in "123"]
    for place, part in enumerate(parts, start=1):
        make(folder, part, shard=f"{place}/3")
    return parts


def test_shards_in_any_order_merge_to_the_same_nine(parts: list[Path], site: Path, tmp_path: Path) -> None:
    for name, order in (("one", parts), ("other", parts[::-1])):
        index(order, tmp_path / name)
        assert contents(tmp_path / name) == contents(site)
    index([tmp_path / "one", parts[1]], tmp_path / "again")  # a report that both have counts once
    assert contents(tmp_path / "again") == contents(site)


def test_a_rerun_after_losses_gives_the_same_site(folder: Path, site: Path, tmp_path: Path) -> None:
    copy = tmp_path / "site"
    shutil.copytree(site, copy)
    peaks, _ = read_peaks(copy, "tiny")
    best = peaks.layers["conv1"].channels[0].best
    lost = {best[0].image, best[4].image, "p00"}
    for stem in lost:
        (copy / "reports" / "tiny" / f"{stem}.html").unlink()
    for file in list((copy / "patches" / "tiny").iterdir())[:5]:
        file.unlink()
    (copy / "patches" / "tiny" / "99-1-1.png").write_bytes(b"of an earlier run")
    made = make(folder, copy)
    assert (made.made, made.kept) == (len(lost), IMAGES - len(lost))
    assert contents(copy) == contents(site)
    index([copy])
    assert contents(copy) == contents(site)


def test_a_report_whose_peaks_were_not_written_is_made_again(folder: Path, site: Path, tmp_path: Path) -> None:
    copy = tmp_path / "site"
    shutil.copytree(site, copy)
    peaks, _ = read_peaks(copy, "tiny")
    best = peaks.layers["conv2"].channels[0].best[0].image
    (copy / peaks_file("tiny")).write_bytes(encoded(peaks.without([best])))  # the run was killed after the report
    made = make(folder, copy)
    assert (made.made, made.kept) == (1, IMAGES - 1)
    assert contents(copy) == contents(site)


def test_links_in_the_site_are_replaced_not_followed(folder: Path, site: Path, tmp_path: Path) -> None:
    copy = tmp_path / "site"
    shutil.copytree(site, copy)
    file, outside = copy / peaks_file("tiny"), tmp_path / "outside.json"
    outside.write_bytes(file.read_bytes())
    file.unlink()
    file.symlink_to(outside)
    assert read_peaks(copy, "tiny") == (Peaks(), "damaged")
    assert make(folder, copy, images="photos/p0[01].png").made == 2
    assert not file.is_symlink()
    assert decoded(outside.read_bytes()).images.keys() == read_peaks(site, "tiny")[0].images.keys()
    shutil.rmtree(copy / "patches" / "tiny")
    (tmp_path / "elsewhere").mkdir()
    (copy / "patches" / "tiny").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="a symbolic link"):
        index([copy])
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_reports_of_another_model_of_the_name_are_left_out(folder: Path, site: Path, tmp_path: Path) -> None:
    copy = tmp_path / "site"
    shutil.copytree(site, copy)
    model = tiny()
    model.get_layer("head").set_weights([np.ones((3, 2), np.float32), f32([0, 1])])
    model.save(tmp_path / "tiny.keras")
    (tmp_path / "photos").mkdir()
    for stem in ("p00", "p01", "p02"):
        shutil.copy(folder / "photos" / f"{stem}.png", tmp_path / "photos")
    assert make(tmp_path, copy).made == 3
    html = page_of(copy)
    assert "3 reports are of another model of the same name and left out here." in html
    assert f"covers 0 of the {IMAGES - 3} reports" in html
    assert make(folder, copy).made == IMAGES
    assert contents(copy) == contents(site)


@pytest.mark.parametrize("content", [None, b"{", b'{"format":2}', b"[" * 10_000])
def test_without_its_file_the_page_says_why_and_a_rerun_makes_it(folder: Path, site: Path, tmp_path: Path, content: Any) -> None:
    copy = tmp_path / "site"
    shutil.copytree(site, copy)
    file = copy / peaks_file("tiny")
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    index([copy])
    what = "missing" if content is None else "damaged"
    assert f"The file data/peaks/tiny.json, which holds the images that excite each channel most, is {what}." in page_of(copy)
    assert list((copy / "patches").rglob("*.png")) == []
    if content is None:
        assert make(folder, copy).made == IMAGES
        assert contents(copy) == contents(site)


def test_a_shard_without_its_file_leaves_a_gap_that_is_told(folder: Path, parts: list[Path], tmp_path: Path) -> None:
    shutil.copytree(parts[2], tmp_path / "3")
    (tmp_path / "3" / peaks_file("tiny")).write_bytes(b"nothing")
    index([*parts[:2], tmp_path / "3"], tmp_path / "whole")
    html = page_of(tmp_path / "whole")
    assert f"covers 16 of the {IMAGES} reports" in html
    assert "Found among 16 images." in html
    assert make(folder, tmp_path / "whole").made == 8


def test_pictures_that_are_there_are_kept_and_others_made_again(site: Path, tmp_path: Path) -> None:
    copy = tmp_path / "site"
    shutil.copytree(site, copy)
    files = sorted((copy / "patches" / "tiny").glob("*-1.png"))
    files[0].write_bytes(files[1].read_bytes())  # another patch
    files[1].write_bytes(files[1].read_bytes()[:-20])  # cut short
    outside = tmp_path / "outside.png"
    shutil.copy(files[2], outside)
    outside.write_bytes(outside.read_bytes() + b"more")
    files[2].unlink()
    files[2].symlink_to(outside)
    write_site(copy, read_entries(copy).values())
    assert outside.read_bytes().endswith(b"more")
    assert not files[2].is_symlink()
    assert contents(copy) == contents(site)
    for page in (copy / "reports" / "tiny").iterdir():  # nothing is read again: the pictures are there
        page.write_bytes(b"damaged")
    before = page_of(copy)
    write_site(copy, read_entries(copy).values())
    assert page_of(copy) == before
    shutil.rmtree(copy / "patches")
    write_site(copy, read_entries(copy).values())
    assert "the report does not hold the model’s input" in page_of(copy)
    assert "<img" not in page_of(copy).split('id="responses"')[1]
