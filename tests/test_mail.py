"""Mails about reports, comparisons and sites: what is in them, by parsing what was written, and looked at in a browser."""

from __future__ import annotations

import base64
import io
import re
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import reportgen
from reportgen.errors import OptionError
from reportgen.mail.addresses import addresses_of
from reportgen.mail.message import LARGEST_HTML
from reportgen.metrics import Metric
from reportgen.report import Report
from reportgen.site.entries import Entry
from reportgen.site.writing import write_site
from reportgen.summaries.of_report import summary_of_report
from reportgen.summaries.of_site import summary_of_site
from reportgen.summaries.summary import text_line
from reportgen.truth import Truth

from .browser import axe_findings_light_and_dark, opened
from .comparable import report_with
from .fake_probe import f32
from .mailing import TO, Run, attachment, bodies, page_of, parsed, pictures, site_of
from .samples import HOSTILE, filled, spoiled
from .test_codec import small_report

HEADERS = ["Subject", "To", "Date", "X-Unsent", "X-Mailer", "MIME-Version", "Content-Type", "Message-ID"]


def test_a_draft_of_a_report_holds_figures_pictures_and_the_page(cat_report: Report, tmp_path: Path, run: Run) -> None:
    made = replace(cat_report.provenance, metrics=(Metric("accuracy", 0.66),), truth=Truth("dog", 5, 2))
    page = page_of(replace(cat_report, provenance=made), tmp_path / "cat.html")
    code, out, err = run(page, *TO)
    assert (code, out) == (0, "cat.eml\n")
    assert err.startswith("A draft to one address  ->  cat.eml (")
    message = parsed(Path("cat.eml"))
    assert list(message.keys()) == HEADERS
    assert (message["To"], message["X-Unsent"], message["Date"]) == ("a@example.org", "1", "Sat, 31 Jan 2026 00:00:00 +0000")
    assert message["Subject"] == "minivgg on cat.png: cat 98.7 %"
    text, html = bodies(message)
    for line in ("Prediction: cat 98.7 %", "Truth: dog (predicted wrongly)", "Metrics: accuracy 0.66 (given with the report)",
                 "Checks: No problems found, one note (13 of 14 checks ran)", "- bird; Score: 1.1 %"):  # fmt: skip
        assert line in text
    assert re.search(r"<b>Prediction:</b> <code><bdi>cat</bdi></code> 98\.7 %", html)
    assert len(html.encode()) < LARGEST_HTML
    shown = pictures(message)
    assert re.findall(r'src="cid:([^"]+)"', html) == list(shown)
    assert 3 <= len(shown) <= 5
    for content in shown.values():
        with Image.open(io.BytesIO(content)) as image:
            assert image.format == "JPEG"
            assert 240 <= max(image.size) <= 640
    assert "http" not in html
    part = attachment(message)
    assert (part.get_content_type(), part.get_filename(), part.get_param("charset")) == ("text/html", "cat.html", "utf-8")
    assert part.get_payload(decode=True) == page.read_bytes()


def test_the_same_report_makes_the_same_bytes(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    page = page_of(small_report(), tmp_path / "a.html")
    for name in ("1.eml", "2.eml"):
        assert run(page, *TO, "-o", name)[0] == 0
    first = Path("1.eml").read_bytes()
    assert Path("2.eml").read_bytes() == first
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1769817600")  # the same date
    assert run(page, "--to", "a@example.org", "-o", "3.eml")[0] == 0
    assert Path("3.eml").read_bytes() == first
    assert run(page, *TO, "--subject", "another", "-o", "4.eml")[0] == 0
    other = parsed(Path("4.eml"))
    assert other["Message-ID"] != parsed(first)["Message-ID"]
    assert other.get_boundary() != parsed(first).get_boundary()


def test_what_goes_to_standard_output_is_the_message_alone(tmp_path: Path, run: Run) -> None:
    page = page_of(small_report(), tmp_path / "a.html")
    _, out, _ = run(page, *TO, "-o", "-")
    run(page, *TO, "-o", "a.eml")
    assert out.replace("\r\n", "\n").encode() == Path("a.eml").read_bytes().replace(b"\r\n", b"\n")


def test_what_is_not_known_is_said(tmp_path: Path, run: Run) -> None:
    absent = reportgen.Absent("Left out.")
    report = small_report(predictions=absent, output_map=absent, features=absent, checks=absent, attributions=absent)
    run(page_of(report, tmp_path / "a.html"), *TO)
    text, _ = bodies(parsed(Path("a.eml")))
    assert "Answer: The report contains no answer." in text
    assert "Checks: Not checked\r\n" in text
    assert "Metrics: None given" in text


def test_a_report_that_must_not_be_relied_on_says_so_first() -> None:
    report = replace(small_report(), warnings=("The weights are random: nothing was learned.", "Another."))
    summary = summary_of_report(report)
    assert summary.distrusted[0] == "The weights are random: nothing was learned."
    assert "Another." in summary.warnings
    assert summary.distrusted[0] not in summary.warnings


def test_a_comparison_is_mailed_with_its_verdict_tables_and_pictures(tmp_path: Path, run: Run) -> None:
    found = reportgen.diff(report_with({"conv": f32([3, 4])}), report_with({"conv": f32([3, 0])}))
    (tmp_path / "diff.html").write_text(reportgen.render_diff(found), "utf-8")
    assert run(tmp_path / "diff.html", *TO)[0] == 0
    message = parsed(Path("diff.eml"))
    text, html = bodies(message)
    assert message["Subject"].startswith("Different: ")
    assert f"Different: {found.verdict.replace('`', '')}" in text
    assert "the weights of conv (80 %) changed" in text
    assert "- conv; " in text  # a row of the table of weights
    assert 'alt="Old: Grad-CAM over the image"' in html
    assert re.findall(r'src="cid:([^"]+)"', html) == list(pictures(message))
    assert attachment(message).get_payload(decode=True) == (tmp_path / "diff.html").read_bytes()


def test_a_series_and_a_folder_are_mailed(tmp_path: Path, run: Run) -> None:
    versions = [report_with({"conv": f32(values)}) for values in ([3, 4], [3, 0], [3, 3.9])]
    (tmp_path / "s.html").write_text(reportgen.render_series(reportgen.series(versions)), "utf-8")
    assert run(tmp_path / "s.html", *TO)[0] == 0
    text, _ = bodies(parsed(Path("s.eml")))
    assert text.startswith("3 versions: ")
    assert "1 → 2: " in text
    folder = tmp_path / "folder"
    for name, content in reportgen.render_folder(versions[0]).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    assert run(folder, *TO)[0] == 0
    part = attachment(parsed(Path("folder.eml")))
    with zipfile.ZipFile(io.BytesIO(part.get_content())) as archive:
        archive.extractall(tmp_path / "unpacked")
    assert reportgen.read(tmp_path / "unpacked" / "folder") == versions[0]


def test_a_comparison_that_cannot_be_summed_up_says_why(tmp_path: Path, run: Run) -> None:
    html = reportgen.render_diff(reportgen.diff(small_report(), small_report()))
    old = re.sub(r'<script type="application/json" id="comparison-headline">.*?</script>', "", html)
    (tmp_path / "old.html").write_text(old, "utf-8")
    code, _, err = run(tmp_path / "old.html", *TO)
    assert code == 2
    assert "old.html: the comparison was made by a version of reportgen whose pages cannot be summed up; make it again" in err
    for wrong in (
        "[]",
        "{",
        '{"versions": []}',
        '{"versions": [1, 2]}',
        "[" * 200_000,
        '{"versions": [{"label": 1}], "same": 1}',
    ):
        spoilt = re.sub(r'(id="comparison-headline">).*?</script>', lambda found, by=wrong: f"{found[1]}{by}</script>", html)  # type: ignore[misc]
        (tmp_path / "wrong.html").write_text(spoilt, "utf-8")
        code, _, err = run(tmp_path / "wrong.html", *TO)
        assert (code, err.count("\n")) == (2, 1)
        assert "wrong.html: the comparison is damaged; make it again with reportgen diff." in err
    assert list(Path.cwd().iterdir()) == []


def test_a_site_is_mailed_with_its_accuracy_and_counts(tmp_path: Path, run: Run) -> None:
    site = site_of(tmp_path / "site")
    (tmp_path / "private.html").write_text("secret")
    (site / "reports" / "m").mkdir(parents=True)
    (site / "reports" / "m" / "linked.html").symlink_to(tmp_path / "private.html")
    (site / "reports" / "m" / "looped.html").symlink_to(site / "reports" / "m" / "looped.html")
    assert run(site, *TO)[0] == 0
    message = parsed(Path("site.eml"))
    text, _ = bodies(message)
    assert message["Subject"] == "Reports: 2 models on 2 images"
    for line in ("Accuracy: m 50.0 % of 2 images, n 0 % of one image", "Reports: 3 made (1 failed)",
                 "Wrong predictions: 2 (of 3 with a known truth)", "Models disagree: on 1 of one image",
                 "Checks: one report with an error or a warning", "- m; Reports: 2; Failed: 0; Top-1: 50.0 %; Top-5: 50.0 %",
                 "- b.png; Why: no report, wrong, truth cat, checks; Predictions: dog 80.0 %"):  # fmt: skip
        assert line in text
    with zipfile.ZipFile(io.BytesIO(attachment(message).get_content())) as archive:
        assert "site/index.html" in archive.namelist()
        assert not any("linked" in name or "looped" in name for name in archive.namelist())
        assert archive.read("site/index.html") == (site / "index.html").read_bytes()


def test_a_site_without_truth_claims_no_accuracy(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "site.json").write_text('{"generator": "reportgen", "format": 1}')
    write_site(tmp_path, [Entry(model=model, stem="a", model_name=model, image="a.png", classes=model) for model in "mn"])
    summary = summary_of_site(tmp_path)
    assert summary.lead.startswith("Not known")
    facts = {each.name: each.value for each in summary.facts}
    assert (facts["Wrong predictions"], facts["Models disagree"]) == ("Not known", "Not compared")


@pytest.mark.parametrize("text", [HOSTILE, "x" * 300, "line\r\nBcc: evil@example.org\r\n\r\nbody", "\udc80\x1b[2J\u202e"])
def test_hostile_reports_add_no_header_and_no_markup(text: str, tmp_path: Path, run: Run) -> None:
    report = spoiled(filled(small_report()), text)
    page = tmp_path / "a.html"
    page.write_bytes(reportgen.render(report).encode())
    code, _, err = run(page, *TO)
    assert (code, err.count("\n")) == (0, 1)
    raw = Path("a.eml").read_bytes()
    message = parsed(raw)
    assert list(message.keys()) == HEADERS
    assert "\n" not in message["Subject"]
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert b"\n" not in raw.replace(b"\r\n", b"")
    _, html = bodies(message)
    assert len(html.encode()) < LARGEST_HTML
    assert "<script" not in html.replace("&lt;script", "")
    assert "<img src=x" not in html
    assert message["Bcc"] is None


def test_hostile_comparisons_and_file_names(tmp_path: Path, run: Run) -> None:
    old, new = (spoiled(filled(small_report()), HOSTILE), spoiled(filled(small_report()), "line\r\nBcc: e@example.org"))
    page = tmp_path / 'a"\r\nBcc: e@example.org\r\n\r\n<b>é.html'
    page.write_text(reportgen.render_diff(reportgen.diff(old, new)), "utf-8")
    code, _, _ = run(page, *TO, "-o", "d.eml")
    assert code == 0
    message = parsed(Path("d.eml"))
    assert list(message.keys()) == HEADERS
    name = attachment(message).get_filename()
    assert name == "a- Bcc- e@example.org -b-é.html"
    assert "<script" not in bodies(message)[1]


def test_a_zip_holds_the_page_and_is_the_same_each_time(tmp_path: Path, run: Run) -> None:
    page = page_of(small_report(), tmp_path / "a.html")
    assert run(page, *TO, "--zip", "-o", "1.eml")[0] == 0
    assert run(page, *TO, "--zip", "-o", "2.eml")[0] == 0
    assert Path("1.eml").read_bytes() == Path("2.eml").read_bytes()
    part = attachment(parsed(Path("1.eml")))
    assert (part.get_content_type(), part.get_filename()) == ("application/zip", "a.zip")
    with zipfile.ZipFile(io.BytesIO(part.get_content())) as archive:
        assert archive.read("a.html") == page.read_bytes()
    assert "Unpack it, and open a.html in a browser." in bodies(parsed(Path("1.eml")))[0]


def test_templates_of_the_users_own(tmp_path: Path, run: Run) -> None:
    page = page_of(small_report(), tmp_path / "a.html")
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "email.html.j2").write_text("<p>MINE {{ summary.title }} {{ '<b>' }}</p>")
    (mine / "email.txt.j2").write_text("{% autoescape false %}MINE <{{ summary.lead }}>{% endautoescape %}")
    assert run(page, *TO, "--templates", mine)[0] == 0
    text, html = bodies(parsed(Path("a.eml")))
    assert text.startswith("MINE <`b` 50.0 %>")
    assert html.startswith("<p>MINE ")
    assert "&lt;b&gt;" in html
    (mine / "email.html.j2").write_text("{% for each in range(9000) %}0123456789{% endfor %}")
    code, _, err = run(page, *TO, "--templates", mine, "-o", "b.eml")
    assert code == 2
    assert "the HTML part takes 90 kB; expected at most 80 kB" in err
    assert not Path("b.eml").exists()


def test_a_text_that_is_cut_keeps_its_names_apart() -> None:
    assert text_line("a\r\n b\x00`c`", 100) == "a b `c`"
    cut = text_line(f"`{'x' * 50}` changed", 20)
    assert len(cut) <= 22
    assert cut.count("`") % 2 == 0
    with pytest.raises(OptionError, match="101 addresses; expected at most 100"):
        addresses_of([f"a{place}@example.org" for place in range(101)], "--to")


@pytest.mark.browser
@pytest.mark.parametrize("text", ["", HOSTILE, "x" * 300])
def test_the_html_part_in_a_browser(browser: Any, cat_report: Report, text: str, tmp_path: Path, run: Run) -> None:
    page = page_of(spoiled(filled(cat_report), text) if text else cat_report, tmp_path / "cat.html")
    assert run(page, *TO, "--no-page")[0] == 0
    message = parsed(Path("cat.eml"))
    html = str(message.get_body(("html",)).get_content())  # type: ignore[union-attr]
    for identity, content in pictures(message).items():
        html = html.replace(f"cid:{identity}", f"data:image/jpeg;base64,{base64.b64encode(content).decode()}")
    (tmp_path / "mail.html").write_text(html, "utf-8")
    with opened(browser, tmp_path / "mail.html", viewport={"width": 390, "height": 900}) as it:
        assert it.page.evaluate("document.documentElement.scrollWidth") <= 390
        assert it.messages == []
        assert it.page.title() != "pwned"
        assert [url for url in it.requests if url.startswith("http")] == []
        assert it.page.evaluate("[...document.images].every(each => each.naturalWidth > 0)")
        assert axe_findings_light_and_dark(it.page) == []
