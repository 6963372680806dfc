"""A model's page over many images: how often channels are inactive, and the nine images that excite each filter most."""

from __future__ import annotations

import io
import json
import re
import shutil
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

import reportgen
from reportgen.errors import OutputError
from reportgen.layer_calls import ReceptiveField
from reportgen.report import Absent
from reportgen.site.activity import activity_of
from reportgen.site.channels import Channels, packed_channels, unpacked_channels
from reportgen.site.cutting import LONGEST, small_png
from reportgen.site.data import site_data
from reportgen.site.entries import Entry, read_entries
from reportgen.site.layout import peaks_file
from reportgen.site.patches import box_of
from reportgen.site.peaks import KEPT, ChannelPeaks, LayerPeaks, MapPeaks, Peak, Peaks, order_of, peaks_in
from reportgen.site.peaks_file import decoded, encoded, read_peaks
from reportgen.site.writing import index, write_site

from .browser import axe_findings, opened
from .fake_probe import f32, maps_of
from .test_batch import contents

pytestmark = pytest.mark.usefixtures("one_core")

SIDE, IMAGES = 12, 24
OPTIONS: dict[str, Any] = {
    "only": ("overview", "predictions", "feature_maps", "feature_visualization"),
    "preprocess": "none",
    "visualize": "conv1:0,conv1:1,conv1:3,conv2:0,conv2:2",
}
SHUT = 3  # a channel of conv1 with a kernel of 0 and a bias below 0, before a ReLU
FIELD = ReceptiveField(extent="part", size=(3.0, 3.0), stride=(1.0, 1.0), offset=(1.0, 1.0))


def tiny() -> Any:
    """Two convolutions without padding, with a pooling between them; one channel of the first is shut."""
    from reportgen.backend import keras

    layers = keras.layers
    drawn = np.random.default_rng(3)
    pixels = keras.Input((SIDE, SIDE, 3), name="pixels")
    first = layers.Conv2D(4, 3, activation="relu", name="conv1")
    second = layers.Conv2D(3, 3, activation="relu", name="conv2")
    dense = layers.Dense(2, activation="softmax", name="head")
    x = layers.MaxPooling2D(2, name="pool")(first(pixels))
    model = keras.Model(pixels, dense(layers.GlobalAveragePooling2D(name="gap")(second(x))), name="tiny")
    kernel = drawn.normal(size=(3, 3, 3, 4)).astype(np.float32) / 100
    kernel[..., SHUT] = 0
    first.set_weights([kernel, f32([0, 0, -3, -1])])
    second.set_weights([drawn.normal(size=(3, 3, 4, 3)).astype(np.float32), f32([0, -2, 0])])
    dense.set_weights([drawn.normal(size=(3, 2)).astype(np.float32) / 10, f32([0, 0])])
    return model


def drawn_photos() -> dict[str, np.ndarray]:
    """Images drawn at random, by stem; the last two are copies of others under names that stand later and earlier."""
    drawn = np.random.default_rng(7)
    found = {f"p{place:02}": drawn.integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8) for place in range(IMAGES - 2)}
    found["a-copy"], found["z-copy"] = found["p05"], found["p11"]
    return found


@pytest.fixture(scope="module")
def photos() -> dict[str, np.ndarray]:
    return drawn_photos()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("patches")
    tiny().save(folder / "tiny.keras")
    (folder / "photos").mkdir()
    for stem, pixels in drawn_photos().items():
        Image.fromarray(pixels).save(folder / "photos" / f"{stem}.png")
    return folder


@pytest.fixture(scope="module")
def all_maps(photos: dict[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
    """Every map of every image, (h, w, channels), by path and stem, from Keras itself."""
    from reportgen.backend import keras

    model = tiny()
    found = {}
    for path in ("conv1", "conv2"):
        upto = keras.Model(model.input, model.get_layer(path).output)
        found[path] = {stem: np.asarray(upto(f32(pixels)[None]))[0] for stem, pixels in photos.items()}
    return found


def make(folder: Path, site: Path, images: str = "photos", **options: Any) -> Any:
    return reportgen.batch(str(folder / "tiny.keras"), str(folder / images), site, **{**OPTIONS, **options})


@pytest.fixture(scope="module")
def site(folder: Path) -> Path:
    made = make(folder, folder / "site")
    assert (made.made, made.failures) == (IMAGES, [])
    return folder / "site"


def page_of(site: Path) -> str:
    return " ".join(unescape((site / "model-tiny.html").read_text("utf-8")).replace("\N{NO-BREAK SPACE}", " ").split())


def best_of(maps: dict[str, np.ndarray], channel: int) -> list[tuple[float, str, int, int]]:
    """The nine images with the greatest peaks of a channel, from all maps at once: (value, stem, row, column)."""
    peaks = []
    for stem, values in maps.items():
        own = values[:, :, channel]
        if own.min() < own.max():
            row, column = np.argwhere(own == own.max())[0]
            peaks.append((float(own.max()), stem, int(row), int(column)))
    return sorted(peaks, key=lambda each: (-each[0], each[1]))[:9]


def test_the_nine_best_are_those_of_all_maps_at_once(site: Path, all_maps: Any) -> None:
    peaks, broken = read_peaks(site, "tiny")
    assert broken == ""
    assert peaks.images.keys() == all_maps["conv1"].keys()
    for path, channels in (("conv1", 4), ("conv2", 3)):
        layer = peaks.layers[path]
        assert len(layer.channels) == channels
        for channel, held in enumerate(layer.channels):
            expected = best_of(all_maps[path], channel)
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


def test_each_patch_is_the_receptive_field_of_its_peak(site: Path, photos: Any, all_maps: Any) -> None:
    # conv1 sees 3 x 3 pixels from its own place on; conv2 sees three cells of the pooling, which are 8 x 8 pixels every 2 pixels
    index = {path: layer.index for path, layer in read_peaks(site, "tiny")[0].layers.items()}
    for path, channel, step, length in (("conv1", 0, 1, 3), ("conv1", 1, 1, 3), ("conv2", 0, 2, 8), ("conv2", 2, 2, 8)):
        expected = best_of(all_maps[path], channel)
        assert len(expected) >= 2
        for rank, (_, stem, row, column) in enumerate(expected, start=1):
            file = site / "patches" / "tiny" / f"{index[path]}-{channel}-{rank}.png"
            pixels = np.asarray(Image.open(file))
            cut = photos[stem][row * step : row * step + length, column * step : column * step + length]
            assert np.array_equal(pixels, cut), (path, channel, rank)


def test_the_page_shows_each_filter_with_its_patches_and_their_reports(site: Path, all_maps: Any) -> None:
    html = page_of(site)
    figures = re.findall(r"<figure> <div class=\"responses\">(.*?)</figure>", html)
    assert len(figures) == 5
    for figure, (path, channel) in zip(
        figures, [("conv1", 0), ("conv1", 1), ("conv1", 3), ("conv2", 0), ("conv2", 2)], strict=True
    ):
        hrefs = [unquote(each) for each in re.findall(r'<a href="([^"]+)"', figure)]
        assert hrefs == [f"reports/tiny/{stem}.html" for _, stem, _, _ in best_of(all_maps[path], channel)]
        assert f"Filter {channel} <small>in {IMAGES} of {IMAGES} reports" in figure
        for source in re.findall(r'src="([^"]+)"', figure):
            assert (site / unquote(source)).is_file()
    assert "it is inactive on every image" in figures[2]
    picture = reportgen.read(site / "reports" / "tiny" / "p03.html").feature_visualization
    assert not isinstance(picture, Absent)
    shown = np.asarray(Image.open(site / "patches" / "tiny" / f"{picture.rows[0].index}-0.png"))
    assert np.array_equal(shown, picture.rows[0].picture.values)


def test_the_data_of_a_site_has_its_channels_and_patches(site: Path, photos: Any, all_maps: Any, tmp_path: Path) -> None:
    (model,) = site_data(site)["models"]
    channels = model["channels"]
    idle = {path: [[np.ptp(maps[:, :, k]) == 0 for maps in those.values()] for k in range(those["p00"].shape[2])]
            for path, those in all_maps.items()}  # fmt: skip
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
            expected = best_of(all_maps[layer["path"]], each["channel"])
            assert [patch["image"] for patch in each["patches"]] == [f"{stem}.png" for _, stem, _, _ in expected]
            assert [patch["value"] for patch in each["patches"]] == pytest.approx([value for value, *_ in expected], rel=1e-5)
            for patch, (_, stem, row, column) in zip(each["patches"], expected, strict=True):
                assert patch["box"] == [row * step, column * step, row * step + length, column * step + length]
                top, left, bottom, right = patch["box"]
                assert np.array_equal(np.asarray(Image.open(site / patch["file"])), photos[stem][top:bottom, left:right])
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


def test_shards_in_any_order_merge_to_the_same_nine(folder: Path, site: Path, tmp_path: Path) -> None:
    parts = [tmp_path / part for part in "123"]
    for place, part in enumerate(parts, start=1):
        make(folder, part, shard=f"{place}/3")
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


@pytest.mark.parametrize("content", [None, b"", b"{", b'{"format":2}', b"[" * 10_000])
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
    if content in (None, b"{"):
        assert make(folder, copy).made == IMAGES
        assert contents(copy) == contents(site)


def test_a_shard_without_its_file_leaves_a_gap_that_is_told(folder: Path, tmp_path: Path) -> None:
    for part in "12":
        make(folder, tmp_path / part, shard=f"{part}/2")
    (tmp_path / "2" / peaks_file("tiny")).write_bytes(b"nothing")
    index([tmp_path / "1", tmp_path / "2"], tmp_path / "whole")
    html = page_of(tmp_path / "whole")
    assert f"covers 12 of the {IMAGES} reports" in html
    assert "Found among 12 images." in html
    assert make(folder, tmp_path / "whole").made == 12


def test_reports_without_pictures_of_filters_say_what_adds_them(folder: Path, tmp_path: Path) -> None:
    make(folder, tmp_path / "site", only=("overview", "predictions"), visualize=None)
    html = page_of(tmp_path / "site")
    assert "No report holds pictures of filters." in html
    assert "dead-on-all-images</b>: not checked. No report holds the feature maps" in html
    assert not (tmp_path / "site" / "data" / "peaks").exists()


def test_a_channel_shut_by_hand_is_dead_on_all_images(site: Path, all_maps: Any) -> None:
    activity = activity_of(list(read_entries(site).values()))
    assert (activity.images, activity.lacking, activity.others) == (IMAGES, 0, 0)
    for row in activity.rows:
        maps = np.stack(list(all_maps[row.path].values()))  # (images, h, w, channels)
        counts = (maps.min((1, 2)) == maps.max((1, 2))).sum(0)
        assert (row.channels, row.images) == (maps.shape[3], IMAGES)
        assert (row.never, row.always) == ((counts == 0).sum(), (counts == IMAGES).sum())
        assert row.sometimes == ((counts > 0) & (counts < IMAGES)).sum()
        assert dict(row.most) == {
            int(at): counts[at] / IMAGES for at in np.lexsort((np.arange(len(counts)), -counts))[:3] if counts[at]
        }
    assert [row.path for row in activity.rows] == ["conv1", "conv2"]
    assert activity.rows[0].most[0] == (SHUT, 1.0)
    finding = activity.checks.rows[0]
    assert (finding.name, finding.level, finding.path) == ("dead-on-all-images", "warning", "conv1")
    dead = activity.rows[0].always
    assert finding.text == f"conv1: {dead} of 4 channels {'is' if dead == 1 else 'are'} inactive on all 24 images."
    assert finding.text in page_of(site)


def test_with_fewer_images_it_is_not_checked(folder: Path, tmp_path: Path) -> None:
    made = reportgen.batch(
        str(folder / "tiny.keras"), [str(folder / "photos" / f"p0{place}.png") for place in range(5)], tmp_path / "site",
        only=("feature_maps",), preprocess="none",
    )  # fmt: skip
    assert made.made == 5
    html = page_of(tmp_path / "site")
    assert "dead-on-all-images</b>: not checked. Needs 20 images or more; 5 were given." in html
    assert re.search(r"[0-9] of [0-9]+ channels (is|are) inactive on all 5 images", html)


def test_reports_that_lack_the_maps_are_counted_apart(site: Path) -> None:
    entries = list(read_entries(site).values())
    less = [replace(each, channels="") if place < 10 else each for place, each in enumerate(entries)]
    activity = activity_of(less)
    assert (activity.images, activity.lacking) == (14, 10)
    assert [each.reason for each in activity.checks.not_checked] == ["Needs 20 images or more; 14 were given."]
    other = [replace(each, model_digest="of another model") if place < 3 else each for place, each in enumerate(entries)]
    assert (activity_of(other).images, activity_of(other).others) == (21, 3)


def test_what_the_journal_holds_is_read_back_and_what_is_damaged_is_not(site: Path) -> None:
    report = reportgen.read(site / "reports" / "tiny" / "p00.html")
    text = packed_channels(report)
    held = unpacked_channels(text)
    maps: Any = report.feature_maps
    assert held.maps is not None
    assert [tuple(np.flatnonzero(each.inactive)) for each in held.maps] == [row.inactive for row in maps.rows]
    assert [(each.path, each.channel) for each in held.filters] == [
        ("conv1", 0),
        ("conv1", 1),
        ("conv1", 3),
        ("conv2", 0),
        ("conv2", 2),
    ]
    for damaged in ("", "é", text[:-8], text[:40] + "AAAA" + text[44:], "AAAA"):
        assert unpacked_channels(damaged) == Channels()


def test_a_text_that_unpacks_to_more_than_any_report_holds_is_not_believed() -> None:
    import base64
    import zlib

    bomb = b'{"maps":null,"filters":[' + b" " * 50_000_000 + b"]}"
    assert unpacked_channels(base64.b64encode(zlib.compress(bomb)).decode()) == Channels()


def images_of(count: int, seed: int = 1) -> dict[str, np.ndarray]:
    """Maps (4, 5, 3) by name, in steps so coarse that many peaks are equal."""
    drawn = np.random.default_rng(seed)
    return {f"i{place:03}": drawn.integers(-3, 9, (4, 5, 3)).astype(np.float32) for place in range(count)}


def found_in(values: np.ndarray) -> MapPeaks:
    found = peaks_in(maps_of(1, "conv", values), FIELD)
    assert found is not None
    return found


def kept(maps: dict[str, np.ndarray]) -> Peaks:
    peaks = Peaks(model="m", size=(8, 8))
    for stem, values in maps.items():
        peaks.images[stem] = f"wanted {stem}"
        peaks.add(stem, found_in(values))
    return peaks


def test_at_most_nine_are_kept_for_each_channel_whatever_the_number_of_images() -> None:
    maps = images_of(300)
    for names in (sorted(maps), sorted(maps, reverse=True)):
        peaks = kept({name: maps[name] for name in names})
        for channel, held in enumerate(peaks.layers["conv"].channels):
            assert len(held.best) == KEPT == 9
            expected = best_of(maps, channel)
            assert [(peak.value, peak.image, peak.row, peak.column) for peak in held.best] == expected
    assert encoded(peaks) == encoded(kept(maps))


@pytest.mark.parametrize("parts", [2, 3, 7])
def test_joining_parts_in_any_order_gives_the_same_bytes(parts: int) -> None:
    maps = images_of(60, seed=parts)
    whole = encoded(kept(maps))
    shards = [{name: maps[name] for name in sorted(maps)[part::parts]} for part in range(parts)]
    for order in (shards, shards[::-1]):
        merged = Peaks()
        for shard in order:
            merged = merged.join(decoded(encoded(kept(shard))))
        assert encoded(merged) == whole


def test_after_an_image_was_replaced_only_what_is_certain_is_shown() -> None:
    maps = images_of(30)
    peaks = kept(maps)
    best = [peak.image for peak in peaks.layers["conv"].channels[0].best]
    after = peaks.without(best[:2])
    held = after.layers["conv"].channels[0]
    assert [peak.image for peak in held.best] == best[2:]  # the tenth is not known: nothing else takes the places
    assert held.left_out is not None
    held.offer(Peak(-99.0, 0, 0, "weak"))
    assert len(held.best) == 7
    held.offer(Peak(99.0, 0, 0, "strong"))
    assert held.best[0].image == "strong"
    again = kept(maps).without(best[:2])
    for stem in best[:2]:
        again.images[stem] = f"wanted {stem}"
        again.add(stem, found_in(maps[stem]))
    assert encoded(again) == encoded(kept(maps))  # made again as they were
    assert kept(maps).without(maps.keys()).layers == {}


def test_maps_that_are_not_finite_or_constant_have_no_peak() -> None:
    values = images_of(1)["i000"]
    broken = values.copy()
    broken[1, 2, 0], broken[0, 0, 1] = np.nan, np.inf
    broken[:, :, 2] = 4
    peaks = kept({"broken": broken, "sound": values})
    assert [[peak.image for peak in held.best] for held in peaks.layers["conv"].channels] == [["sound"]] * 3
    assert decoded(encoded(peaks)) == peaks


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


def test_a_file_of_peaks_that_was_changed_is_damaged() -> None:
    sound = json.loads(encoded(kept(images_of(12))))
    assert decoded(json.dumps(sound).encode()) == kept(images_of(12))

    def changed(change: Any) -> bytes:
        values = json.loads(json.dumps(sound))
        change(values)
        return json.dumps(values).encode()

    layer = "layers"
    changes: list[Any] = [
        lambda it: it.update(format=True),
        lambda it: it.update(images=it["images"][::-1]),
        lambda it: it["images"].append(it["images"][-1]),
        lambda it: it.update(size=[8, "8"]),
        lambda it: it[layer].append(it[layer][0]),
        lambda it: it[layer][0].update(shape=[4, 5, 10**9]),
        lambda it: it[layer][0]["channels"].pop(),
        lambda it: it[layer][0]["channels"][0].reverse(),
        lambda it: it[layer][0]["channels"][0].append(it[layer][0]["channels"][0][-1]),
        lambda it: it[layer][0]["channels"][0][0].__setitem__(0, float("nan")),
        lambda it: it[layer][0]["channels"][0][0].__setitem__(0, 10**400),
        lambda it: it[layer][0]["channels"][0][0].__setitem__(1, 4),
        lambda it: it[layer][0]["channels"][0][0].__setitem__(2, -1),
        lambda it: it[layer][0]["channels"][0][0].__setitem__(3, 12),
        lambda it: it[layer][0]["seen"].update(size=None),
        lambda it: it[layer][0]["seen"].update(extent="all"),
        lambda it: it[layer][0]["seen"].update(offset=[1]),
    ]
    for change in changes:
        with pytest.raises((ValueError, TypeError, KeyError, OverflowError)):
            decoded(changed(change))


def layer_with(seen: ReceptiveField | None) -> LayerPeaks:
    return LayerPeaks(index=1, path="conv", shape=(4, 4, 1), seen=seen, channels=[ChannelPeaks()])


def test_boxes_worked_out_on_paper() -> None:
    # offset 0.5: the centre of the first field is the edge between the first two pixels; size 4: two pixels to each side
    seen = ReceptiveField(extent="part", size=(4.0, 4.0), stride=(2.0, 2.0), offset=(0.5, 0.5))
    assert box_of(Peak(1.0, 0, 1, "i"), layer_with(seen), (8, 8)) == (0, 1, 3, 5)
    assert box_of(Peak(1.0, 3, 3, "i"), layer_with(seen), (8, 8)) == (5, 5, 8, 8)
    beyond = replace(seen, offset=(-30.0, 90.0))
    assert box_of(Peak(1.0, 0, 0, "i"), layer_with(beyond), (8, 8)) == (0, 7, 1, 8)
    assert box_of(Peak(1.0, 0, 0, "i"), layer_with(ReceptiveField(extent="whole")), (8, 6)) == (0, 0, 8, 6)


def test_large_patches_are_small_files() -> None:
    drawn = np.random.default_rng(0).integers(0, 256, (300, 150, 3)).astype(np.uint8)
    assert Image.open(io.BytesIO(small_png(drawn, "x"))).size == (48, LONGEST) == (48, 96)
    assert order_of(Peak(2.0, 0, 0, "b")) < order_of(Peak(1.0, 0, 0, "a"))


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
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_in_a_browser(browser: Any, site: Path, scheme: str, width: int) -> None:
    settings: dict[str, Any] = {"color_scheme": scheme, "viewport": {"width": width, "height": 900}}
    with opened(browser, site / "model-tiny.html", **settings, java_script_enabled=False) as it:
        assert "dead-on-all-images" in it.page.inner_text("#checks")
        assert "Filter 0 in 24 of 24 reports" in it.page.inner_text("#responses").replace("\n", " ")
    with opened(browser, site / "model-tiny.html", **settings) as it:
        assert it.page.evaluate("document.documentElement.scrollWidth") <= width
        it.page.locator("#responses").scroll_into_view_if_needed()
        it.page.locator("#responses figure").last.scroll_into_view_if_needed()
        broken = "[...document.querySelectorAll('#responses img')].filter(each => each.complete && !each.naturalWidth).length"
        assert it.page.evaluate(broken) == 0
        assert it.messages == []
        assert axe_findings(it.page) == []
