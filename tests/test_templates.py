"""The templates in users' hands: copied, each replaced by their own, and every variable that they get documented."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import jinja2.meta
import numpy as np
import pytest

from reportgen.comparison.diff import diff
from reportgen.comparison.series import series
from reportgen.errors import OptionError, OutputError
from reportgen.page.composer import Composer
from reportgen.page.diff import render_diff, render_series
from reportgen.page.environment import copy_templates, environment_with, our_templates
from reportgen.page.render import render
from reportgen.picture import Picture
from reportgen.report import Absent, Report, present
from reportgen.sections.attributions.rivals import Rivals
from reportgen.sections.feature_visualization import FeatureVisualization
from reportgen.sections.feature_visualization.find import FilterPicture
from reportgen.sections.filters import FilterShapes
from reportgen.site.entries import Entry
from reportgen.site.links import Neighbours, block_of
from reportgen.site.pages import site_pages
from reportgen.site_diff.render import SitePage
from reportgen.site_diff.result import SiteDiff
from reportgen.summaries.of_report import summary_of_report

from .test_codec import small_report

README = (our_templates() / "README.md").read_text("utf-8")
ENTRY = Entry(model="m", stem="cat", model_name="m", image="cat.png")
NAMES = sorted(path.relative_to(our_templates()).as_posix() for path in our_templates().rglob("*") if path.is_file())
TEMPLATES = [name for name in NAMES if name.endswith(".j2")]


def documented(heading: str) -> set[str]:
    """The names in the first column of the table with this heading."""
    table = README.split(f"| {heading} |")[1].split("\n\n")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return {name.removeprefix("is ") for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def test_copies_are_whole_and_make_the_same_page(tmp_path: Path) -> None:
    copied = copy_templates(tmp_path / "mine")
    assert sorted(path.relative_to(tmp_path / "mine").as_posix() for path in copied) == NAMES
    assert render(small_report(), tmp_path / "mine") == render(small_report())


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    mine = tmp_path / "sections" / "weights" / "report.html.j2"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(OutputError, match=r"weights/report\.html\.j2: already exists"):
        copy_templates(tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [mine]
    assert mine.read_text() == "mine"


@pytest.mark.parametrize("place", ["file/inside", "x" * 300, "file"])
def test_where_nothing_can_be_written_it_says_so(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        copy_templates(tmp_path / place)


@pytest.mark.parametrize("name", [name for name in TEMPLATES if "macros" not in name and "captions" not in name])
def test_any_template_can_be_replaced(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("MY OWN")
    assert "MY OWN" in page_of(name, tmp_path)


def page_of(name: str, templates: Path) -> str:
    """A page that the template takes part in."""
    if name in ("site/diff.html.j2", "site/made.html.j2"):
        nothing = SiteDiff(
            same=True, verdict="", caveats=(), tolerance=0.0, old="old", new="new", models=(), only_old=(), only_new=()
        )
        return SitePage((Path("old"), Path("new")), None, templates).html(nothing)
    if name.startswith("diff") or name.endswith("/diff.html.j2"):
        return render_diff(diff(with_excited(small_report()), with_excited(small_report())), templates)
    if name == "site/links.html.j2":
        return block_of(ENTRY, Neighbours(None, None, ()), templates)
    if name.startswith("site/"):
        pages = site_pages([ENTRY], templates)
        of_model = ("site/model.html.j2", "site/activity.html.j2", "site/responses.html.j2")
        return pages["model-m.html" if name in of_model else "index.html"].decode()
    if name.startswith("email"):
        given = {"summary": summary_of_report(small_report()), "attached": "a.html", "opens": ""}
        return Composer(templates).compose(name, **given).decode()
    if name == "series.html.j2":
        return render_series(series([small_report()] * 3), templates)
    # one picture leads a page: those of sections that come first give way
    first = {"attributions": ("output_map",), "overview": ("output_map", "attributions")}
    absent = first.get(name.split("/")[1], ()) if name.endswith(("/lead.html.j2", "/beside.html.j2")) else ()
    without: dict[str, Any] = dict.fromkeys(absent, Absent("Nothing to show."))
    if name == "sections/attributions/rivals.html.j2":
        return render(with_rivals(small_report()), templates)
    return render(replace(with_excited(small_report()), **without), templates)


def with_rivals(report: Report) -> Report:
    """The report with what speaks for one class against another."""
    attributions = present(report.attributions)
    assert attributions is not None
    classes: dict[str, Any] = {"label": "a", "class_index": 0, "rival": "b", "rival_index": 1}
    favour: dict[str, Any] = {"favour": 2.0, "favouring": (0,), "favouring_share": 1.0}
    oppose: dict[str, Any] = {"oppose": 1.0, "opposing": (1,), "opposing_share": 1.0}
    rivals = Rivals(path="conv", unit="logit", channels=2, **classes, **favour, **oppose)
    return replace(report, attributions=replace(attributions, rivals=rivals))


def with_excited(report: Report) -> Report:
    """The report with a picture of what a filter responds to."""
    picture = Picture(np.zeros((4, 4, 3), np.uint8), 0.0, 255.0, "rgb")
    row = FilterPicture(index=1, path="conv", channel=2, activation=3.0, start=1.0, steps=4, picture=picture)
    return replace(report, feature_visualization=FeatureVisualization(rows=(row,), chosen="request"))


def test_a_section_that_we_do_not_compare_by_itself_gets_a_place_in_a_comparison(tmp_path: Path) -> None:
    filters = small_report().filters
    assert isinstance(filters, FilterShapes)
    old = small_report(filters=FilterShapes((replace(filters.rows[0], mean=9.0),)))
    (tmp_path / "sections" / "filters").mkdir(parents=True)
    (tmp_path / "sections" / "filters" / "diff.html.j2").write_text("{% for each in part %}MY {{ each.before }}{% endfor %}")
    ours, theirs = (render_diff(diff(old, small_report()), templates) for templates in (None, tmp_path))
    assert 'href="#filters"' not in ours
    assert '<a href="#filters">Filter shapes</a>' in theirs
    assert "MY 9.0" in theirs


def test_captions_can_be_translated_alone(tmp_path: Path) -> None:
    (tmp_path / "captions.html.j2").write_text(
        (our_templates() / "captions.html.j2")
        .read_text("utf-8")
        .replace("The table lists every layer in the order", "Alle Schichten in der Folge"),
        "utf-8",
    )
    html = render(small_report(), tmp_path)
    assert "Alle Schichten in der Folge" in html
    assert "The table lists every layer in the order" not in html


def test_a_file_that_the_style_includes_can_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "tables.css").write_text("th { color: rebeccapurple; }\n")
    page = render(small_report(), templates=tmp_path)
    assert "rebeccapurple" in page
    assert "/* include" not in page
    (tmp_path / "assets" / "page.css").write_text("/* include missing.css */\n")
    with pytest.raises(OptionError, match=r"missing\.css"):
        render(small_report(), templates=tmp_path)


def test_the_assets_can_be_replaced_and_the_policy_follows(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "page.css").write_text("body { color: rebeccapurple; }")
    html, ours = render(small_report(), tmp_path), render(small_report())
    assert "<style>body { color: rebeccapurple; }</style>" in html
    hashes = [re.search(r"style-src '(sha256-[^']+)'", page) for page in (html, ours)]
    assert all(hashes)
    assert len({found[1] for found in hashes if found}) == 2


def test_every_variable_that_a_template_uses_is_documented() -> None:
    environment = environment_with(None)
    environment.filters["shown"] = lambda picture: picture
    used = set()
    for name in TEMPLATES:
        text = (our_templates() / name).read_text("utf-8")
        assigned = set(re.findall(r"\b(?:set|import|macro) ([\w, ]+?)(?: =| %|\()", text))
        used |= jinja2.meta.find_undeclared_variables(environment.parse(text)) - {
            each.strip() for names in assigned for each in names.split(",")
        }
    assert used <= documented("variable")


@pytest.mark.parametrize("variable", sorted(documented("variable")))
def test_every_documented_variable_is_there(tmp_path: Path, variable: str) -> None:
    places = {
        "diff": "diff.html.j2",
        "limit": "diff.html.j2",
        "longest": "diff.html.j2",
        "parts": "diff.html.j2",
        "part": "sections/weights/diff.html.j2",
        **dict.fromkeys(("headline", "headline_id"), "diff.html.j2"),
        **dict.fromkeys(("summary", "attached", "opens"), "email.html.j2"),
        "series": "series.html.j2",
        "drawings": "sections/layers/diff.html.j2",
        **dict.fromkeys(("found", "several"), "diff/alike.html.j2"),
        "names": "diff/warned.html.j2",
        "sides": "diff/made.html.j2",
        **dict.fromkeys(
            ("models", "version", "rows", "page", "all_rows", "labels", "metrics", "trainings"), "site/index.html.j2"
        ),
        **dict.fromkeys(("model", "activity", "responses"), "site/model.html.j2"),
        "named": "site/diff.html.j2",
        **dict.fromkeys(("entry", "near"), "site/links.html.j2"),
    }
    inside = variable in ("name", "title", "section", "made")
    name = places.get(variable, "sections/layers/report.html.j2" if inside else "report.html.j2")
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text(f"{variable} is {{{{ 'here' if {variable} is defined else 'missing' }}}}")
    assert f"{variable} is here" in page_of(name, tmp_path)


def test_every_documented_filter_and_test_is_there_and_none_is_left_out() -> None:
    environment = Composer().environment
    plain = jinja2.Environment()
    ours = (set(environment.filters) - set(plain.filters)) | (set(environment.tests) - set(plain.tests))
    assert ours == documented("filter or test")


def test_every_template_is_in_the_list() -> None:
    for name in TEMPLATES:
        assert f"    {name} " in README or f"    {re.sub('^sections/[a-z_]+/', 'sections/<name>/', name)} " in README


def test_a_broken_template_is_a_line(tmp_path: Path) -> None:
    for text, reason in (
        ("{{ nothing }}", "'nothing' is undefined"),
        ("{% if %}", "Expected an expression"),
        ("{{ 1 / 0 }}", "division"),
    ):
        (tmp_path / "provenance.html.j2").write_text(text)
        with pytest.raises(OptionError, match=reason) as error:
            render(small_report(), tmp_path)
        assert "\n" not in str(error.value)
