"""The drawing of the architecture in a real browser: heard as seen, opened by its links, inside its own box."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reportgen.page.render import render

from .browser import OPEN_ALL, axe_findings_light_and_dark, opened
from .drawn_nets import resnet, unet
from .samples import HOSTILE

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("drawing") / "deep.html"
    path.write_text(render(resnet().report()), "utf-8")
    return path


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    net = unet()
    for _ in range(8):
        net.conv(64, 4, path=f"{HOSTILE}\u202e\n{'x' * 200}/{HOSTILE} {len(net.rows)}")
    path = tmp_path_factory.mktemp("drawing") / "hostile.html"
    path.write_text(render(net.report(net.rows[2].path)), "utf-8")
    return path


@pytest.mark.parametrize("name", ["deep", "hostile"])
def test_axe_finds_nothing(browser: Any, request: pytest.FixtureRequest, name: str) -> None:
    with opened(browser, request.getfixturevalue(name)) as it:
        assert axe_findings_light_and_dark(it.page) == []
        assert it.messages == []


@pytest.mark.parametrize("scripted", [True, False])
def test_a_stage_leads_to_its_layers_inside_a_closed_fold(browser: Any, deep: Path, scripted: bool) -> None:
    with opened(browser, deep, java_script_enabled=scripted) as it:
        inside = it.page.locator("#stage-2")
        assert not inside.is_visible()
        it.page.locator('a[href="#stage-2"]').press("Enter")
        inside.wait_for(state="visible")
        assert inside.locator("svg .band + text").text_content() == "× 5"
        assert "13 convs" in it.page.locator('a[href="#stage-2"]').get_attribute("aria-label")


@pytest.mark.parametrize("name", ["deep", "hostile"])
def test_it_scrolls_in_its_own_box(browser: Any, request: pytest.FixtureRequest, name: str) -> None:
    with opened(browser, request.getfixturevalue(name), viewport={"width": 390, "height": 800}) as it:
        it.page.evaluate(OPEN_ALL)
        assert it.page.evaluate("document.documentElement.scrollWidth") == 390
        box = it.page.get_by_role("region", name="Architecture")
        assert box.evaluate("each => each.scrollWidth > each.clientWidth")


def test_no_words_of_a_stage_overlap_those_of_another(browser: Any, hostile: Path) -> None:
    with opened(browser, hostile, viewport={"width": 1280, "height": 800}) as it:
        boxes = it.page.locator(".architecture > .scrolling text").evaluate_all(
            "all => all.map(each => each.getBoundingClientRect().toJSON())"
        )
    for place, box in enumerate(boxes):
        for other in boxes[:place]:
            beside = box["left"] >= other["right"] - 1 or other["left"] >= box["right"] - 1
            assert beside or box["top"] >= other["bottom"] - 4 or other["top"] >= box["bottom"] - 4
