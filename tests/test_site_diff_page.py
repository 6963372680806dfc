"""The page of a diff of two sites: what it shows and links to, and that it comes out the same anywhere."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest

import reportgen
from reportgen.errors import OptionError, ReportFileError
from reportgen.site_diff.output import junit_of, markdown_of
from reportgen.site_diff.render import SitePage, relative_link
from reportgen.site_diff.result import SiteDiff
from reportgen.version import __version__

from .browser import COLOURS, axe_findings, opened
from .command import here
from .two_sites import (
    VERDICT,
    TwoSites,
    change_entries,
    compared,
    make,
    only,
    report_file,
)

pytestmark = pytest.mark.usefixtures("one_core")
HREF = re.compile(r'href="(?!data:)([^"#]+)"')  # links, and no picture of a chart


@pytest.fixture(scope="module")
def work(two_sites: TwoSites) -> Path:
    return two_sites.folder


@pytest.fixture(scope="module")
def sites(two_sites: TwoSites) -> tuple[Path, Path]:
    return two_sites.sites


@pytest.fixture(scope="module")
def few(two_sites: TwoSites) -> tuple[Path, Path, Path]:
    return two_sites.few


@pytest.fixture
def copies(few: tuple[Path, Path, Path], tmp_path: Path) -> tuple[Path, Path]:
    """Copies of the first two small sites, to be damaged."""
    return tuple(shutil.copytree(site, tmp_path / site.name) for site in few[:2])  # type: ignore[return-value]


@pytest.fixture(scope="module")
def diff(sites: tuple[Path, Path]) -> SiteDiff:
    return compared(*sites)


def test_the_same_sites_give_the_same_page_anywhere(page: Path, sites: tuple[Path, Path], tmp_path: Path) -> None:
    moved = tuple(shutil.copytree(site, tmp_path / site.name) for site in sites)
    assert SitePage((moved[0], moved[1]), tmp_path, None).html(compared(*moved)) == page.read_text("utf-8")


def test_the_functions_of_the_package(page: Path, few: tuple[Path, Path, Path], sites: tuple[Path, Path], diff: SiteDiff) -> None:
    found = reportgen.diff_sites(str(sites[0]), sites[1])
    assert isinstance(found, reportgen.SiteDiff)
    assert found == diff
    assert reportgen.render_site_diff(found, *sites, folder=page.parent) == page.read_text("utf-8")
    assert HREF.findall(reportgen.render_site_diff(found, *sites)) == []  # nowhere to link from
    _, new, nearly = few
    assert not reportgen.diff_sites(new, nearly).same
    assert reportgen.diff_sites(new, nearly, tolerance=0.01).same
    with pytest.raises(OptionError, match="tolerance"):
        reportgen.diff_sites(new, nearly, tolerance=-1)
    with pytest.raises(ReportFileError, match="not a site"):
        reportgen.diff_sites(page, new)
    with pytest.raises(ReportFileError, match="not a site"):
        reportgen.render_site_diff(found, sites[0], page.parent / "nothing")


def test_the_command_on_the_page_makes_it_again(few: tuple[Path, Path, Path], tmp_path: Path) -> None:
    for name, site in zip(("the old", "-new", "x/-new"), (few[0], few[2], few[0]), strict=True):
        shutil.copytree(site, tmp_path / name)
    assert here("diff", "the old", "./-new", "--tolerance", "0.01", "-o", "first.html", cwd=tmp_path).returncode == 1
    html = (tmp_path / "first.html").read_text("utf-8")
    made = html.partition('<section id="made">')[2]
    found = re.search(r"<pre><code>(.*?)</code></pre>", made)
    assert found
    program, *words = shlex.split(unescape(found[1]))
    assert (program, sorted(words)) == ("reportgen", ["--tolerance", "./-new", "0.01", "diff", "the old"])
    again = here(*words, cwd=tmp_path)
    assert (tmp_path / again.stdout.strip()).read_text("utf-8") == html
    for site, which in ((few[0], "Old site"), (few[2], "New site")):
        report = reportgen.read(next(site.glob("reports/*/*.html")))
        assert f"<h3>{which} <small><bdi>{report.provenance.model.name}</bdi>" in made
        assert report.provenance.model.digest in made
        assert f"TensorFlow {report.provenance.versions.tensorflow}, Keras" in unescape(made)
        assert f"reportgen {__version__}," in made
    other = compared(tmp_path / "-new", tmp_path / "x" / "-new")
    assert other.command == ""  # no folder can hold both
    assert "reportgen diff FOLDER1/-new FOLDER2/-new" in SitePage((tmp_path / "-new", tmp_path / "x" / "-new"), None, None).html(
        other
    )


@pytest.fixture(scope="module")
def page(work: Path, sites: tuple[Path, Path]) -> Path:
    command = [sys.executable, "-m", "reportgen", "diff", *(site.name for site in sites)]
    environment = {"PYTHONPATH": str(Path(reportgen.__file__).parent.parent), "PATH": ""}
    result = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False, env=environment)
    assert (result.returncode, result.stdout) == (1, "diff-old-new.html\n")
    assert result.stderr.startswith(f"{VERDICT}\n")
    return work / "diff-old-new.html"


def test_the_page_shows_every_flip_and_links_to_both_reports(page: Path) -> None:
    html = page.read_text("utf-8")
    assert html.count('<li class="mended">') == 16
    assert html.count('src="data:image/jpeg;base64,') == 2 * 19
    links = [unquote(href) for href in HREF.findall(html)]
    assert len(links) == 2 * 19
    assert all((page.parent / link).is_file() for link in links)
    assert "0.001312" in html
    assert "map, after the normalization and activation that directly follow the convolution, with" in html  # what CKA is of
    with pytest.raises(ReportFileError, match="this is a comparison"):
        reportgen.read(page)


def test_a_relative_change_is_explained_where_it_stands(page: Path) -> None:
    html = page.read_text("utf-8")
    shown = re.sub(r"<details.*?</details>", "", html[html.index("<h2>Weights</h2>") :], flags=re.DOTALL)  # what is not folded
    assert "Taken together, the weights of" in shown
    assert "A relative change is ‖new − old‖ / ‖old‖" in shown
    assert "Above 100 %, that distance is larger than the old weights themselves." in unescape(shown)


def test_links_never_pass_by_the_root(tmp_path: Path) -> None:
    assert relative_link(tmp_path / "a b" / "<r>.html", tmp_path / "c") == "../a%20b/%3Cr%3E.html"
    assert relative_link(Path("/nowhere/r.html"), tmp_path) == ""
    assert relative_link(tmp_path / "r.html", None) == ""


def test_a_folder_needs_no_inline_picture(sites: tuple[Path, Path], diff: SiteDiff, tmp_path: Path) -> None:
    files = SitePage(sites, tmp_path, None).folder(diff)
    html = files["index.html"].decode()
    assert "data:image" not in html
    pictures = set(re.findall(r'src="(pictures/[0-9a-f]{16}\.png)"', html))
    assert pictures
    assert pictures <= files.keys()
    assert all(files[each].startswith(b"\x89PNG") for each in pictures)


def test_a_thumbnail_that_the_journal_does_not_describe_is_left_out(copies: tuple[Path, Path]) -> None:
    (thumbnail,) = copies[1].glob("thumbnails/*/green.jpg")
    thumbnail.write_bytes(b"\xff\xd8\xff" + b"x" * 100)
    html = SitePage(copies, None, None).html(compared(*copies))
    assert html.count('src="data:image/jpeg;base64,') == 1
    assert HREF.findall(html) == []  # without a place of its own, the page has no relative links


def test_other_labels_are_a_difference_as_in_the_diff_of_reports(copies: tuple[Path, Path], tmp_path: Path) -> None:
    same = Path(shutil.copytree(copies[0], tmp_path / "same"))
    assert compared(same, copies[0]).same
    change_entries(copies[0], lambda entry: [replace(entry, classes="others")])
    found = compared(same, copies[0])
    assert not found.same
    assert "The labels of the classes are not the same." in found.verdict
    assert "The models are not the same." not in found.verdict


def test_one_image_has_its_scores(work: Path, tmp_path: Path) -> None:
    site = make(work, tmp_path / "one", "nearly", images="few/green.png", only=("predictions",))
    assert compared(site, site).verdict == "The same: the models, and the answer to the one image with its scores."


def test_scores_that_did_not_move_name_no_image(copies: tuple[Path, Path]) -> None:
    html = SitePage((copies[0], copies[0]), None, None).html(compared(copies[0], copies[0]))
    assert "No probability moved to another class: the total variation is 0 on " in html
    assert "the largest shift" not in html


def test_hostile_names_are_text(copies: tuple[Path, Path]) -> None:
    bad = "<script>alert(1)</script>`![x](http://evil)"
    for site in copies:
        change_entries(site, lambda entry: [replace(entry, image=bad, label=bad + entry.label, error=entry.error and bad)])
    found = compared(*copies)
    assert len(found.flips()) == 1
    html = SitePage(copies, None, None).html(found)
    assert "<script>alert" not in html
    assert html.count("&lt;script&gt;alert(1)") >= 3
    outside = "".join(markdown_of(found).split("`")[::2])
    assert "script" not in outside
    assert "evil" not in outside
    case = next(each for each in ElementTree.fromstring(junit_of(found, "")) if each.find("failure") is not None)
    assert case.get("name") == bad


def test_what_the_reports_do_not_hold_is_said(work: Path, tmp_path: Path) -> None:
    sites = [make(work, tmp_path / each, each, images="few", only=("predictions",)) for each in ("epoch9", "nearly")]
    found = compared(sites[0], sites[1], tolerance=0.01)
    model = only(found)
    assert not found.same  # the digests differ, and nothing says by how much the weights do
    assert found.verdict.endswith("moved, by at most 2.384e-07. The models are not the same.")
    assert model.representations.cka_reason == "Not compared: the reports hold no feature maps."
    html = SitePage((sites[0], sites[1]), tmp_path, None).html(found)
    assert "This section cannot be compared: one of the reports does not have it." in html
    assert "Make the sites with --truth." in html


@pytest.mark.browser
def test_the_page_in_a_browser(browser: Any, page: Path) -> None:
    with opened(browser, page, viewport={"width": 390, "height": 900}) as it:
        assert it.page.evaluate("document.documentElement.scrollWidth") <= 390
        assert it.messages == []
        assert [each for each in it.requests if not each.startswith("data:")] == [page.as_uri()]
        assert axe_findings(it.page) == []
        it.page.emulate_media(color_scheme="dark")
        assert axe_findings(it.page, COLOURS) == []
    with opened(browser, page, java_script_enabled=False) as it:
        text = it.page.inner_text("body")
        assert "16 mended" in text
        assert "p = 0.001312" in text
        assert it.page.evaluate("[...document.images].filter(each => each.naturalWidth > 0).length") >= 6


def test_what_holds_for_one_image_is_no_caveat_of_the_sites(work: Path, tmp_path: Path) -> None:
    asked: dict[str, Any] = {"images": "few", "only": ("predictions", "attributions", "weights")}
    old, new = (make(work, tmp_path / colour, "epoch1", target=colour, **asked) for colour in ("red", "blue"))
    reports = [reportgen.read(report_file(site, "green")) for site in (old, new)]
    assert "explain different classes" in " ".join(reportgen.diff(*reports).caveats)
    assert compared(old, new).caveats == ()
