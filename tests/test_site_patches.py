"""The nine images that excite each filter of a model most, on its page over many images."""

from __future__ import annotations

import io
import re
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

import reportgen
from reportgen.report import Absent
from reportgen.site.activity import activity_of
from reportgen.site.cutting import LONGEST, small_png
from reportgen.site.data import site_data
from reportgen.site.entries import Entry
from reportgen.site.patches import box_of
from reportgen.site.peaks import Peak, order_of
from reportgen.site.peaks_file import read_peaks

from .browser import COLOURS, axe_findings, opened
from .test_batch import contents
from .test_peaks import layer_with
from .tiny_site import FIELD, IMAGES, SHUT, all_maps, best_of, make, page_of, photos, tiny

pytestmark = pytest.mark.usefixtures("one_core")


@pytest.fixture(scope="module")
def folder(tiny_folder: Path) -> Path:
    return tiny_folder


@pytest.fixture(scope="module")
def site(tiny_folder: Path) -> Path:
    return tiny_folder / "site"


def test_the_nine_best_are_those_of_all_maps_at_once(site: Path) -> None:
    peaks, broken = read_peaks(site, "tiny")
    assert broken == ""
    assert peaks.images.keys() == all_maps()["conv1"].keys()
    for path, channels in (("conv1", 4), ("conv2", 3)):
        layer = peaks.layers[path]
        assert len(layer.channels) == channels
        for channel, held in enumerate(layer.channels):
            expected = best_of(all_maps()[path], channel)
            assert [(peak.image, peak.row, peak.column) for peak in held.best] == [each[1:] for each in expected]
            assert [peak.value for peak in held.best] == pytest.approx([each[0] for each in expected], rel=1e-5)
    assert peaks.layers["conv1"].channels[SHUT].best == []
    assert len(peaks.layers["conv1"].channels[0].best) == 9


def test_of_equal_peaks_the_first_name_comes_first(site: Path) -> None:
    peaks, _ = read_peaks(site, "tiny")
    held = [peak for layer in peaks.layers.values() for channel in layer.channels for peak in channel.best]
    names = [peak.image for peak in held]
    both = [(at, names[at : at + 2]) for at in range(len(names) - 1) if names[at] in ("a-copy", "p11")]
    twins = [pair for at, pair in both if held[at].value == held[at + 1].value]
    assert twins
    assert all(pair in (["a-copy", "p05"], ["p11", "z-copy"]) for pair in twins)


def test_each_patch_is_the_receptive_field_of_its_peak(site: Path) -> None:
    # conv1 sees 3 x 3 pixels from its own place on; conv2 sees three cells of the pooling, which are 8 x 8 pixels every 2 pixels
    index = {path: layer.index for path, layer in read_peaks(site, "tiny")[0].layers.items()}
    for path, channel, step, length in (("conv1", 0, 1, 3), ("conv1", 1, 1, 3), ("conv2", 0, 2, 8), ("conv2", 2, 2, 8)):
        expected = best_of(all_maps()[path], channel)
        assert len(expected) >= 2
        for rank, (_, stem, row, column) in enumerate(expected, start=1):
            file = site / "patches" / "tiny" / f"{index[path]}-{channel}-{rank}.png"
            pixels = np.asarray(Image.open(file))
            cut = photos()[stem][row * step : row * step + length, column * step : column * step + length]
            assert np.array_equal(pixels, cut), (path, channel, rank)


def test_the_page_shows_each_filter_with_its_patches_and_their_reports(site: Path) -> None:
    html = page_of(site)
    figures = re.findall(r"<figure> <div class=\"responses\">(.*?)</figure>", html)
    assert len(figures) == 5
    for figure, (path, channel) in zip(
        figures, [("conv1", 0), ("conv1", 1), ("conv1", 3), ("conv2", 0), ("conv2", 2)], strict=True
    ):
        hrefs = [unquote(each) for each in re.findall(r'<a href="([^"]+)"', figure)]
        assert hrefs == [f"reports/tiny/{stem}.html" for _, stem, _, _ in best_of(all_maps()[path], channel)]
        assert f"Filter {channel} <small>in {IMAGES} of {IMAGES} reports" in figure
        for source in re.findall(r'src="([^"]+)"', figure):
            assert (site / unquote(source)).is_file()
    assert "it is inactive on every image" in figures[2]
    picture = reportgen.read(site / "reports" / "tiny" / "p03.html").feature_visualization
    assert not isinstance(picture, Absent)
    shown = np.asarray(Image.open(site / "patches" / "tiny" / f"{picture.rows[0].index}-0.png"))
    assert np.array_equal(shown, picture.rows[0].picture.values)


def test_the_data_of_a_site_has_its_channels_and_patches(site: Path, tmp_path: Path) -> None:
    (model,) = site_data(site)["models"]
    channels = model["channels"]
    idle = {path: [[np.ptp(maps[:, :, k]) == 0 for maps in those.values()] for k in range(those["p00"].shape[2])]
            for path, those in all_maps().items()}  # fmt: skip
    assert idle["conv1"][SHUT] == [True] * IMAGES
    assert (channels["images"], channels["channels"]) == (IMAGES, 7)
    assert channels["always"] == sum(all(each) for those in idle.values() for each in those)
    for row in channels["rows"]:
        those = idle[row["path"]]
        assert (row["channels"], row["images"], row["always"]) == (len(those), IMAGES, sum(map(all, those)))
        assert (row["never"], row["never"] + row["sometimes"] + row["always"]) == (
            sum(not any(each) for each in those),
            len(those),
        )
        assert row["inactive"] == pytest.approx(np.mean(those))
    assert (model["responses"]["images"], model["responses"]["reason"]) == (IMAGES, None)
    steps = {"conv1": (1, 3), "conv2": (2, 8)}
    for layer in model["responses"]["rows"]:
        step, length = steps[layer["path"]]
        for each in layer["filters"]:
            expected = best_of(all_maps()[layer["path"]], each["channel"])
            assert [patch["image"] for patch in each["patches"]] == [f"{stem}.png" for _, stem, _, _ in expected]
            assert [patch["value"] for patch in each["patches"]] == pytest.approx([value for value, *_ in expected], rel=1e-5)
            for patch, (_, stem, row, column) in zip(each["patches"], expected, strict=True):
                assert patch["box"] == [row * step, column * step, row * step + length, column * step + length]
                top, left, bottom, right = patch["box"]
                assert np.array_equal(np.asarray(Image.open(site / patch["file"])), photos()[stem][top:bottom, left:right])
    assert [each["channel"] for layer in model["responses"]["rows"] for each in layer["filters"]] == [0, 1, 3, 0, 2]
    before = contents(site)
    copy = tmp_path / "site"
    shutil.copytree(site, copy)
    shutil.rmtree(copy / "patches")
    (copy / "data" / "peaks" / "tiny.json").unlink()
    (without,) = site_data(copy)["models"]
    assert without["channels"] == channels
    assert "which holds the images that excite each channel most, is missing" in without["responses"]["reason"]
    assert (contents(site), (copy / "patches").exists()) == (before, False)  # only read


def test_a_net_whose_values_are_not_finite_gets_its_page(folder: Path, tmp_path: Path) -> None:
    model = tiny()
    kernel, bias = model.get_layer("conv2").get_weights()
    kernel[..., 0], kernel[..., 1] = np.nan, 3e38
    model.get_layer("conv2").set_weights([kernel, bias])
    model.save(tmp_path / "tiny.keras")
    (tmp_path / "photos").mkdir()
    for stem in ("p00", "p01", "p02"):
        shutil.copy(folder / "photos" / f"{stem}.png", tmp_path / "photos")
    made = make(tmp_path, tmp_path / "site")
    assert (made.made, made.failures) == (3, [])
    peaks, broken = read_peaks(tmp_path / "site", "tiny")
    assert broken == ""
    assert peaks.layers["conv2"].channels[0].best == []
    assert len(peaks.layers["conv1"].channels[0].best) == 3
    assert "What filters respond to" in page_of(tmp_path / "site")


def test_large_patches_are_small_files() -> None:
    drawn = np.random.default_rng(0).integers(0, 256, (300, 150, 3)).astype(np.uint8)
    assert Image.open(io.BytesIO(small_png(drawn, "x"))).size == (48, LONGEST) == (48, 96)
    assert order_of(Peak(2.0, 0, 0, "b")) < order_of(Peak(1.0, 0, 0, "a"))


def test_hostile_names_stay_text() -> None:
    from reportgen.site.pages import OverImages, site_pages
    from reportgen.site.patches import FilterPatches, LayerPatches, Patch, Responses

    evil = "<script>alert(1)</script>"
    entry = Entry(model="m", stem="s", model_name="m", image=evil)
    patch = Patch(entry=entry, value=1.0, box=box_of(Peak(1.0, 0, 0, "s"), layer_with(FIELD), (8, 8)), file="patches/m/1-1-1.png")
    filters = (FilterPatches(channel=1, reports=1, picture="", patches=(patch,), more=True),)
    layers = (LayerPatches(index=1, path=evil, whole=False, filters=filters, reason=""),)
    page = site_pages([entry], None, {"m": OverImages(activity_of([entry]), Responses(images=1, reports=1, layers=layers))})
    text = page["model-m.html"].decode()
    assert evil not in text
    assert text.count("&lt;script&gt;") >= 3
    assert "which one is next is not known" in text


@pytest.mark.browser
def test_the_page_in_a_browser_without_javascript(browser: Any, site: Path) -> None:
    with opened(browser, site / "model-tiny.html", java_script_enabled=False) as it:
        assert "dead-on-all-images" in it.page.inner_text("#checks")
        assert "Filter 0 in 24 of 24 reports" in it.page.inner_text("#responses").replace("\n", " ")


@pytest.mark.browser
def test_the_page_in_a_browser(browser: Any, site: Path) -> None:
    with opened(browser, site / "model-tiny.html", viewport={"width": 1280, "height": 900}) as it:
        for width in (1280, 390):
            it.page.set_viewport_size({"width": width, "height": 900})
            assert it.page.evaluate("document.documentElement.scrollWidth") <= width
        it.page.locator("#responses").scroll_into_view_if_needed()
        it.page.locator("#responses figure").last.scroll_into_view_if_needed()
        broken = "[...document.querySelectorAll('#responses img')].filter(each => each.complete && !each.naturalWidth).length"
        assert it.page.evaluate(broken) == 0
        assert it.messages == []
        assert axe_findings(it.page) == []
        it.page.emulate_media(color_scheme="dark")
        assert axe_findings(it.page, COLOURS) == []
