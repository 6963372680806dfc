"""The site over many reports: its order, links, figures, merging and rebuilding, and its pages in a browser."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

import reportgen
from reportgen.site.entries import Entry
from reportgen.site.figures import figures_of_model
from reportgen.site.pages import REPORTS_A_PAGE, rows_of, site_pages

from .browser import COLOURS, axe_findings, opened
from .command import here
from .test_batch import COLOURS as OF_IMAGES, ONLY, colour_model, contents

HREF = re.compile(r'(?:href|src)="([^"#]+)"')


def entry(stem: str, model: str = "m", **facts: Any) -> Entry:
    return Entry(model=model, stem=stem, model_name=model, image=f"{stem}.png", **facts)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models that disagree on green, and six images whose folders are their truth."""
    folder = tmp_path_factory.mktemp("site")
    model = colour_model()
    model.save(folder / "new.keras")
    model.get_layer("dense").set_weights([np.array([[1, 0, 0], [1, 0, 0], [0, 0, 1]], np.float32) / 25.5])
    model.save(folder / "old.keras")
    (folder / "labels.txt").write_text("red\ngreen\nblue\n")
    for name, colour in OF_IMAGES.items():
        (folder / "photos" / name).mkdir(parents=True)
        for place in range(2):
            Image.new("RGB", (8, 8), colour).save(folder / "photos" / name / f"{place} é.png")
    return folder


def make(work: Path, site: Path, **options: Any) -> Any:
    models = [str(work / "old.keras"), str(work / "new.keras")]
    given = {"labels": str(work / "labels.txt"), "truth": "folders", **ONLY, **options}
    return reportgen.batch(models, str(work / "photos"), site, **given)


@pytest.fixture(scope="module")
def site(work: Path) -> Path:
    assert make(work, work / "site").made == 12
    return work / "site"


def test_templates_of_the_users_own_make_the_pages_and_the_links(site: Path, tmp_path: Path) -> None:
    (tmp_path / "mine" / "site").mkdir(parents=True)
    mine = "MY INDEX of {{ all_rows }} images{% for row in rows %} {{ row.truth }}{% endfor %}"
    (tmp_path / "mine" / "site" / "index.html.j2").write_text(mine)
    (tmp_path / "mine" / "site" / "links.html.j2").write_text("MY LINKS of {{ entry.image }}\n")
    reportgen.index([site], tmp_path / "other", templates=tmp_path / "mine")
    assert (tmp_path / "other" / "index.html").read_text("utf-8") == "MY INDEX of 6 images green green blue blue red red"
    for page in (tmp_path / "other" / "reports").glob("*/*.html"):
        assert page.read_text("utf-8").count("MY LINKS of ") == 1
    reportgen.index([tmp_path / "other"])  # ours again: what a report was made from is kept
    assert contents(tmp_path / "other") == contents(site)


def test_every_link_leads_somewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) == 12 + 3
    for page in pages:
        for href in HREF.findall(page.read_text("utf-8")):
            if not href.startswith("data:"):
                assert (page.parent / unquote(href)).is_file(), (page, href)


def test_a_report_leads_to_the_index_its_neighbours_and_other_models(site: Path) -> None:
    html = (site / "reports" / "new" / "green--0-é.html").read_text("utf-8")
    hrefs = [unquote(href) for href in HREF.findall(html) if not href.startswith("data:")]
    assert hrefs == ["../../index.html", "../../model-new.html", "blue--1-é.html", "green--1-é.html", "../old/green--0-é.html"]


def test_shards_merge_to_the_very_site(work: Path, site: Path, tmp_path: Path) -> None:
    for part in ("1/2", "2/2"):
        assert make(work, tmp_path / part[0], shard=part).made == 6
    assert reportgen.index([tmp_path / "1", tmp_path / "2"], tmp_path / "whole") == tmp_path / "whole"
    assert contents(tmp_path / "whole") == contents(site)


def test_merging_tells_if_a_report_gives_way_to_another_one(tmp_path: Path, work: Path) -> None:
    for folder, colour in (("1", "red"), ("2", "blue")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.png").write_bytes(next((work / "photos" / colour).glob("*.png")).read_bytes())
        reportgen.batch([work / "new.keras"], tmp_path / folder, tmp_path / f"site-{folder}", **ONLY)
    told = here("index", "site-1", "site-2", "-o", "site-1", cwd=tmp_path)
    assert told.returncode == 0
    assert told.stderr.startswith("Warning: under one name, these sites hold different reports, made from another image or model")
    assert here("index", "site-1", "site-2", "-o", "whole", cwd=tmp_path).stderr == "one report, 0 failed\n"  # the same by now
    assert here("index", "missing", "-o", "whole", cwd=tmp_path).returncode == 2


def test_the_index_is_rebuilt_from_the_reports_alone(work: Path, site: Path, tmp_path: Path) -> None:
    shutil.copytree(site / "reports", tmp_path / "site" / "reports")
    (tmp_path / "site" / "data").mkdir()
    (tmp_path / "site" / "data" / "site.json").write_bytes((site / "data" / "site.json").read_bytes())
    reportgen.index([tmp_path / "site"])
    assert contents(tmp_path / "site") == contents(site)
    assert make(work, tmp_path / "site").kept == 12


def test_what_matters_comes_first() -> None:
    entries = [
        entry("a-right", truth="x", correct=True, confidence=0.9, classes="k", class_index=0),
        entry("b-warned", truth="x", correct=True, confidence=0.9, classes="k", class_index=0, checks=("warning w",)),
        entry("c-wrong", truth="x", correct=False, confidence=0.6, classes="k", class_index=1),
        entry("d-wronger", truth="x", correct=False, confidence=0.8, classes="k", class_index=1),
        entry("e-torn", classes="k", class_index=0),
        entry("e-torn", "n", classes="k", class_index=1),
        entry("f-other", classes="k", class_index=0),
        entry("f-other", "n", classes="other classes", class_index=1),
        entry("g-failed", error="cut short"),
    ]
    rows = rows_of(entries, ["m", "n"])
    assert [row.stem for row in rows] == ["g-failed", "e-torn", "d-wronger", "c-wrong", "b-warned", "a-right", "f-other"]
    assert [row.stem for row in rows if row.disagree] == ["e-torn"]


def test_a_model_without_reports_hides_no_image_that_failed() -> None:
    entries = [entry(stem, "broken", error="no such file") for stem in "abc"]
    entries += [entry("a"), entry("b"), entry("c", error="cut short")]
    assert [row.stem for row in rows_of(entries, ["broken", "m"])] == ["a", "b", "c"]
    assert [row.stem for row in rows_of(entries, ["broken", "m"], {"broken"})] == ["c", "a", "b"]
    index = site_pages(entries)["index.html"].decode()
    assert "A model that failed on every image, for one reason, does not count here." in index
    assert re.findall(r'data-image="(.)\.png"', index) == ["c", "a", "b"]


def test_what_a_check_found_about_the_model_is_told_once() -> None:
    entries = [
        entry("a", checks=("note dead-in-training", "warning untrained")),
        entry("b", checks=("warning flat-scores", "warning untrained")),
        entry("a", "n", checks=("warning untrained",)),  # of two models of one name: it does not hold for all reports
        entry("b", "n"),
    ]
    figures = [figures_of_model([each for each in entries if each.model == model]) for model in ("m", "n")]
    assert [each.of_model for each in figures] == [("warning untrained",), ()]
    assert figures[0].checks[0] == ("warning untrained", 2)
    index = site_pages(entries)["index.html"].decode()
    models, images = index.split('<section id="images">')
    assert models.count("Warning: untrained") == 1
    cells = [cell.split("</td>")[0] for cell in images.split("<td ")[1:]]
    assert ["Warning: untrained" in cell for cell in cells] == [False, True, False, False]
    assert ["Warning: flat-scores" in cell for cell in cells] == [False, False, True, False]
    assert ['data-state=" checks"' in cell for cell in cells] == [False, True, True, False]


@pytest.mark.parametrize(("right", "said"), [(1, True), (3, False)])
def test_checks_that_found_nothing_do_not_speak_well_of_wrong_answers(right: int, said: bool) -> None:
    entries = [
        entry(f"i{place}", truth="x", truth_index=0, correct=place < right, classes="k 9", class_index=0) for place in range(4)
    ]
    page = site_pages(entries)["model-m.html"].decode()
    assert "The checks that ran found nothing on any report." in page
    assert ("most of those whose truth is known are wrong" in page) is said


def test_the_reason_why_a_model_has_no_report_is_told_once() -> None:
    entries = [
        *(entry(stem, error="m: no such model") for stem in ("a", "b")),
        *(entry(stem, "n", error=f"{stem}: cut short") for stem in ("a", "b")),
    ]
    index = site_pages(entries)["index.html"].decode()
    assert index.count("m: no such model") == 1
    assert index.count("No report</span>") == 4
    assert index.count("a: cut short") == index.count("b: cut short") == 1


def test_the_figures_of_a_model_worked_out_on_paper() -> None:
    # confidence 0.95 twice (one right), 0.65 once (right), 1.0 once (wrong): bins 0.9-1 (3 images, mean 2.9 / 3, accuracy 1 / 3)
    # and 0.6-0.7 (1 image); ECE = 3/4 |1/3 - 2.9/3| + 1/4 |1 - 0.65| = 0.475 + 0.0875
    facts = [(0.95, 0, 0, 1), (0.95, 0, 1, 7), (0.65, 1, 1, 1), (1.0, 2, 1, 4)]
    entries = [
        entry(str(place), classes="classification 9", confidence=sure, class_index=answer, label=f"l{answer}", truth=f"l{truth}",
              truth_index=truth, rank=rank, correct=rank == 1)
        for place, (sure, answer, truth, rank) in enumerate(facts)
    ]  # fmt: skip
    figures = figures_of_model([*entries, entry("unknown", confidence=0.5), entry("broken", error="e")])
    assert (figures.images, figures.made, figures.failed, figures.known) == (6, 5, 1, 4)
    assert (figures.top1, figures.top5) == (0.5, 0.75)
    assert figures.ece == pytest.approx(0.5625)
    assert figures.confusion is not None
    assert figures.confusion.labels == ("l0", "l1")
    assert figures.confusion.counts == ((1, 0), (1, 1))
    assert figures.confusion.others == ((), (("l2", 1),))
    assert [each.stem for each in figures.confidently_wrong] == ["3", "1"]


def test_accuracy_stands_beside_confidence_only_where_the_truth_is_known() -> None:
    facts: dict[str, Any] = {
        "classes": "classification 10 ",
        "answer": "cat",
        "class_index": 3,
        "label": "cat",
        "confidence": 0.5,
    }
    truths: tuple[dict[str, Any], ...] = ({}, {"truth": "cat", "truth_index": 3, "rank": 1, "correct": True})
    for truth in truths:
        page = site_pages([entry("a", **facts, **truth)])["model-m.html"].decode()
        assert page.count(">Accuracy</th>") == page.count("accuracy (dot)") == bool(truth)
        head, first = page.split('<th scope="col">Confidence</th>')[1].split("</tr>")[:2]
        assert head.count("<th ") + 1 == first.count("<th ") + first.count("<td ")


def test_rows_beyond_a_thousand_reports_stand_on_further_pages() -> None:
    pages = site_pages([entry(f"{place:05}") for place in range(REPORTS_A_PAGE + 5)])
    assert pages["index.html"].count(b"<tr id=") == REPORTS_A_PAGE
    assert pages["index-2.html"].count(b"<tr id=") == 5
    assert b'href="index-2.html"' in pages["index.html"]
    assert "index-3.html" not in pages


def test_a_journal_that_names_places_outside_is_not_believed(site: Path, tmp_path: Path) -> None:
    from reportgen.site.entries import read_entries

    shutil.copytree(site, tmp_path / "site")
    with (tmp_path / "site" / "data" / "reports.jsonl").open("a") as journal:
        journal.write('{"model": "..", "stem": "x", "model_name": "a", "image": "b"}\n')
        journal.write('{"model": "a/b", "stem": "x", "model_name": "a", "image": "b"}\n')
        journal.write('{"model": "a", "stem": "x", "model_name": 7, "image": "b"}\n[1]\n')
    assert len(read_entries(tmp_path / "site")) == 12


@pytest.mark.browser
@pytest.mark.parametrize("page", ["index.html", "model-new.html"])
def test_the_pages_in_a_browser(browser: Any, site: Path, page: str) -> None:
    with opened(browser, site / page, viewport={"width": 390, "height": 900}) as it:
        assert it.page.evaluate("document.documentElement.scrollWidth") <= 390
        assert it.messages == []
        assert axe_findings(it.page) == []  # which asks for the style sheet, against the page's policy: so it comes late
        it.page.emulate_media(color_scheme="dark")
        assert axe_findings(it.page, COLOURS) == []


@pytest.mark.browser
def test_a_search_finds_a_name_as_it_is_shown(browser: Any, tmp_path: Path) -> None:
    names = {
        "composed": "caf\u00e9.png",
        "decomposed": "Cafe\u0301.png",
        "broken": "two\nlines.png",
        "long": "an_image_of_a_" + "x" * 60,
    }
    entries = [replace(entry(stem), image=image) for stem, image in names.items()]
    for name, content in site_pages(entries).items():
        (tmp_path / name).write_bytes(content)
    shown = "[...document.querySelectorAll('#rows > tr')].filter(row => !row.hidden).map(row => row.id)"
    with opened(browser, tmp_path / "index.html") as it:
        for query in ("caf\u00e9", "CAFE\u0301"):
            it.page.fill("#filter-q", query)
            assert it.page.evaluate(shown) == ["composed", "decomposed"]
        it.page.fill("#filter-q", "two lines")
        assert it.page.evaluate(shown) == ["broken"]
        it.page.fill("#filter-q", "image_of_a_xx")
        assert it.page.evaluate(shown) == ["long"]


@pytest.mark.browser
def test_why_a_model_failed_is_readable_on_a_narrow_screen(browser: Any, tmp_path: Path) -> None:
    failed = [entry(stem, "m", error="m.keras: the file is damaged or truncated. Copy or save it again.") for stem in "ab"]
    for name, content in site_pages(failed).items():
        (tmp_path / name).write_bytes(content)
    with opened(browser, tmp_path / "index.html", viewport={"width": 390, "height": 900}) as it:
        assert it.page.evaluate("document.querySelector('.models small.failed').offsetHeight") < 80  # three lines, not ten
        assert it.page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.browser
def test_filters_narrow_the_rows_and_the_address_keeps_them(browser: Any, site: Path) -> None:
    shown = "[...document.querySelectorAll('#rows > tr')].filter(row => !row.hidden).map(row => row.id)"
    with opened(browser, site / "index.html") as it:
        assert len(it.page.evaluate(shown)) == 6
        it.page.select_option("#filter-show", "disagree")
        assert it.page.evaluate(shown) == ["green--0-é", "green--1-é"]
        it.page.fill("#filter-q", "green/1")
        assert it.page.evaluate(shown) == ["green--1-é"]
        it.page.reload()
        assert it.page.evaluate(shown) == ["green--1-é"]
        assert it.page.input_value("#filter-show") == "disagree"
    with opened(browser, site / "index.html", java_script_enabled=False) as it:
        text = it.page.inner_text("body")
        assert "green/1 é.png" in text
        assert "Models disagree" in text
        assert not it.page.is_visible("#filters")
