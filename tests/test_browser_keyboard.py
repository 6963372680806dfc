"""The page in a real browser without a mouse: everything is reached, skipped, opened and scrolled by keyboard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .browser import OPEN_ALL, THINNED, axe_findings, opened

pytestmark = pytest.mark.browser


def test_the_first_tab_skips_to_the_content(page: Any) -> None:
    page.keyboard.press("Tab")
    assert page.inner_text(":focus") == "Skip to the content"
    assert page.locator(":focus").bounding_box()["x"] >= 0
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("location.hash") == "#content"
    assert page.evaluate("document.activeElement.closest('main') !== null")


def test_a_grid_of_maps_can_be_skipped(page: Any) -> None:
    page.locator("#maps-3 + figure .skip").focus()
    assert page.locator(":focus").bounding_box()["x"] >= 0
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Statistics of each map of block1_conv2"


def test_pictures_of_filters_are_enlarged_from_one_place(page: Any) -> None:
    figures = page.locator("#feature_visualization .excited figure")
    layers = page.locator("#feature_visualization h3").all_text_contents()
    assert page.locator(".enlarge").evaluate_all("all => all.map(each => each.tabIndex)") == [0] + [-1] * (figures.count() - 1)
    page.locator(".enlarge").first.press("Enter")
    panel = page.locator(".turning:popover-open")
    for place in range(figures.count()):
        figure = figures.nth(place)
        assert panel.locator("figcaption").inner_text() == figure.locator("figcaption").inner_text()
        assert panel.locator("image").evaluate_all("all => all.map(each => each.getAttribute('href'))") == figure.locator(
            "img"
        ).evaluate_all("all => all.map(each => each.src)")
        if not place:
            assert panel.locator("p").inner_text() == layers[0]
        page.keyboard.press("ArrowRight")
    assert panel.locator("p").inner_text() == layers[-1]
    assert axe_findings(page, within=".turning:popover-open") == []
    page.keyboard.press("Escape")
    assert panel.count() == 0


def test_every_fold_opens_and_closes_by_enter(page: Any) -> None:
    folds = page.locator("details")
    states = folds.evaluate_all("all => all.map(each => each.open)")
    assert {*states} == {True, False}
    for place in range(len(states)):
        page.locator("summary").nth(place).press("Enter")
    assert folds.evaluate_all("all => all.map(each => each.open)") == [not state for state in states]


def test_what_scrolls_can_be_reached_by_keyboard(browser: Any, pages: dict[str, Path]) -> None:
    with opened(browser, pages["plain"], viewport={"width": 390, "height": 800}) as it:
        it.page.evaluate(OPEN_ALL)
        tab_indices = it.page.evaluate("""[...document.querySelectorAll('main *')]
            .filter(each => each.scrollWidth > each.clientWidth && getComputedStyle(each).overflowX === 'auto')
            .map(each => each.tabIndex)""")
        assert len(tab_indices) > 3
        assert {*tab_indices} == {0}
        table = it.page.get_by_role("region", name="Layers")
        table.focus()
        it.page.keyboard.press("ArrowRight")
        it.page.wait_for_function("each => each.scrollLeft > 0", arg=table.element_handle())


def test_everything_is_reached_by_the_tab_key(browser: Any, pages: dict[str, Path]) -> None:
    with opened(browser, pages["plain"], java_script_enabled=False) as it:
        it.page.evaluate(THINNED)
        wanted = it.page.locator("a[href], button, summary, [tabindex]").evaluate_all(
            "all => all.filter(each => each.checkVisibility({contentVisibilityAuto: true})).length"
        )
        reached = []
        for _ in range(wanted + 5):
            it.page.keyboard.press("Tab")
            reached.append(it.page.evaluate("[...document.querySelectorAll('*')].indexOf(document.activeElement)"))
        assert wanted > 60
        assert len(set(reached[:wanted])) == wanted
        assert reached[:wanted] == sorted(reached[:wanted])
