"""How often channels are inactive over the images of a site, as the model's page says."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reportgen
from reportgen.site.activity import activity_of
from reportgen.site.channels import Channels, packed_channels, unpacked_channels
from reportgen.site.entries import read_entries

from .tiny_site import IMAGES, SHUT, all_maps, make, page_of

pytestmark = pytest.mark.usefixtures("one_core")


@pytest.fixture(scope="module")
def folder(tiny_folder: Path) -> Path:
    return tiny_folder


@pytest.fixture(scope="module")
def site(tiny_folder: Path) -> Path:
    return tiny_folder / "site"


def test_reports_without_pictures_of_filters_say_what_adds_them(folder: Path, tmp_path: Path) -> None:
    make(folder, tmp_path / "site", only=("overview", "predictions"), visualize=None)
    html = page_of(tmp_path / "site")
    assert "No report holds pictures of filters." in html
    assert "dead-on-all-images</b>: not checked. No report holds the feature maps" in html
    assert not (tmp_path / "site" / "data" / "peaks").exists()


def test_a_channel_shut_by_hand_is_dead_on_all_images(site: Path) -> None:
    activity = activity_of(list(read_entries(site).values()))
    assert (activity.images, activity.lacking, activity.others) == (IMAGES, 0, 0)
    for row in activity.rows:
        maps = np.stack(list(all_maps()[row.path].values()))  # (images, h, w, channels)
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
