"""Data of older formats are read with what they lack filled in; those of newer ones are refused with the version to install."""

from __future__ import annotations

import copy
import json
from dataclasses import MISSING, fields, is_dataclass
from typing import Any

import pytest

import reportgen
from reportgen.checks import Checks
from reportgen.codec import Encoder, decode_report
from reportgen.errors import ReportFileError
from reportgen.picture import Picture
from reportgen.report import FORMAT, MADE_BEFORE, SECTIONS, Absent

from .gold import report_file
from .test_codec import small_report

ENCODER = Encoder()
DATA = ENCODER.encode(small_report())


def older(**changes: Any) -> Any:
    """The data of a small report as of format 1, with some of its sections replaced."""
    return copy.deepcopy({**DATA, "format": 1, **changes})


def decoded(data: Any) -> Any:
    return decode_report(data, ENCODER.pictures)


def newer(version: Any) -> Any:
    return {"format": FORMAT + 1, "provenance": {"versions": {"reportgen": version}}}


@pytest.mark.parametrize("version", ["0.2", "0.2.0", "12.0.1rc1", "1.0.dev3", "3"])
def test_a_newer_format_is_refused_with_the_version_to_install(version: str) -> None:
    with pytest.raises(ReportFileError) as caught:
        decoded(newer(version))
    assert str(caught.value) == (
        f"written by reportgen {version} in format {FORMAT + 1}; this version reads formats up to {FORMAT}.\n"
        f"Upgrade: pip install --upgrade 'cnn-reportgen>={version}'"
    )


@pytest.mark.parametrize(
    "version",
    [
        "1.0'; rm -rf ~ #", "1.0\nrm -rf ~", "1.0\n", " 1.0", "$(id)", "\x1b[31m", "1" * 5, "1.2.3.4.5", "1..2", "٣.٤",
        "", "v1", "1.0 -i evil", None, 1.5, 10**400, [], {}, True,
    ],
)  # fmt: skip
def test_a_version_that_is_none_is_not_repeated(version: Any) -> None:
    with pytest.raises(ReportFileError) as caught:
        decoded(newer(version))
    assert str(caught.value) == (
        f"written by a newer version of reportgen in format {FORMAT + 1}; this version reads formats up to {FORMAT}.\n"
        "Upgrade: pip install --upgrade 'cnn-reportgen'"
    )


@pytest.mark.parametrize("provenance", [None, [], "x", {}, {"versions": None}, {"versions": ["0.2"]}, {"versions": "0.2"}])
def test_a_newer_format_may_keep_its_version_elsewhere(provenance: Any) -> None:
    with pytest.raises(ReportFileError, match="written by a newer version of reportgen"):
        decoded({"format": FORMAT + 1, "provenance": provenance})


def test_a_refusal_is_short_whatever_was_refused() -> None:
    for data in ({"format": int("9" * 1000)}, {"format": -int("9" * 1000)}):
        with pytest.raises(ReportFileError, match=r"format -?9{19}") as caught:
            decoded(data)
        assert len(str(caught.value)) < 200


@pytest.mark.parametrize("number", [0, -1])
def test_a_format_that_never_was_is_refused(number: int) -> None:
    with pytest.raises(ReportFileError, match=f"format {number}, which no version of reportgen writes"):
        decoded({"format": number})


def test_a_newer_page_is_refused_in_two_lines(tmp_path: Any) -> None:
    html = reportgen.render(small_report()).replace(f'{{"format":{FORMAT},', f'{{"format":{FORMAT + 1},')
    file = tmp_path / "newer.html"
    file.write_text(html.replace('"reportgen":"0"', '"reportgen":"7.1"'), "utf-8")
    with pytest.raises(ReportFileError) as caught:
        reportgen.read(file)
    first, second = str(caught.value).splitlines()
    assert first.startswith(f"{file}: written by reportgen 7.1 in format ")
    assert second == "Upgrade: pip install --upgrade 'cnn-reportgen>=7.1'"


def test_an_older_report_is_one_of_today_once_it_is_read() -> None:
    assert decoded(older()) == small_report()


@pytest.mark.parametrize("name", [*SECTIONS, "checks"])
def test_a_section_that_an_older_report_lacks_is_absent_and_says_so(name: str) -> None:
    data = older()
    del data[name]
    report = decoded(data)
    assert getattr(report, name) == MADE_BEFORE
    reportgen.render(report)
    data["format"] = FORMAT  # made by this version before the section was added to it
    assert getattr(decoded(data), name) == MADE_BEFORE


def test_todays_data_may_lack_fields_but_have_no_others() -> None:
    data = copy.deepcopy(DATA)
    del data["attributions"]["rows"][0]["low"]
    assert decoded(data).attributions.rows[0].low is None
    data["attributions"]["rows"][0]["lowest"] = 0.0
    with pytest.raises(ReportFileError):
        decoded(data)
    del data["attributions"]["rows"][0]["lowest"], data["attributions"]["rows"][0]["peak"]  # it has no default
    with pytest.raises(ReportFileError):
        decoded(data)


def test_fields_that_older_data_lack_are_their_defaults() -> None:
    data = older()
    del data["provenance"]["input_digest"]
    del data["provenance"]["options"]["explain"]
    del data["attributions"]["rows"][0]["low"]
    report = decoded(data)
    assert report.provenance.input_digest == ""
    assert report.provenance.options == small_report().provenance.options
    assert report.attributions.rows[0].low is None


def without_defaults(value: Any, made: Any) -> Any:
    """The data of `made` without all fields that have a default: what the first format could lack."""
    if isinstance(made, tuple):
        return [without_defaults(*pair) for pair in zip(value, made, strict=True)]
    if not is_dataclass(made) or isinstance(made, Picture):
        return value
    needed = {each.name for each in fields(made) if each.default is MISSING}
    return {name: without_defaults(each, getattr(made, name)) for name, each in value.items() if name in needed}


def test_what_an_older_report_does_not_tell_is_no_change() -> None:
    report = small_report()
    data = without_defaults(older(), report)
    for name in ("output_map", "features", "feature_visualization", "other_outputs"):  # the first format had no such sections
        del data[name]
    data["feature_maps"]["rows"][0]["signed"] = True  # its pictures are drawn so, those of the first format are not
    assert "low" not in data["attributions"]["rows"][0]
    assert "input_digest" not in data["provenance"]
    old = decoded(data)
    for pair in ((old, report), (report, old)):
        found = reportgen.diff(*pair)
        assert [section for section in found.sections if section.changes] == []
        assert found.same


@pytest.mark.parametrize(
    "lose",
    [
        lambda data: data.pop("title"),
        lambda data: data["provenance"].pop("model"),
        lambda data: data["attributions"]["rows"][0].pop("peak"),
        lambda data: data["predictions"].pop("rows"),
        lambda data: data["layers"]["rows"][0].pop("path"),
    ],
)
def test_what_no_report_can_lack_is_refused_in_older_data_too(lose: Any) -> None:
    data = older()
    lose(data)
    with pytest.raises(ReportFileError, match="not as expected"):
        decoded(data)


@pytest.mark.parametrize(
    "place",
    [
        lambda data: data,
        lambda data: data["provenance"],
        lambda data: data["provenance"]["options"],
        lambda data: data["predictions"],
        lambda data: data["predictions"]["rows"][0],
        lambda data: data["feature_maps"]["rows"][0]["channels"][1],
    ],
)
def test_fields_that_are_no_more_are_passed_over_in_older_data_alone(place: Any) -> None:
    data = older()
    place(data)["mood"] = {"good": [1, None]}
    assert decoded(data) == small_report()
    data["format"] = FORMAT
    with pytest.raises(ReportFileError, match="not as expected"):
        decoded(data)


def renamed(data: Any) -> Any:
    """Older data under the names that format 1 had."""
    data["class_activation"] = data.pop("attributions")
    for row in data["class_activation"]["rows"]:
        row["method"] = "grad_cam"
    for row in data["feature_maps"]["rows"]:
        row["dead_channels"], row["dead"] = row.pop("inactive_channels"), row.pop("inactive")
    return data


def test_names_of_old_are_read_as_those_of_today() -> None:
    assert decoded(renamed(older())) == small_report()
    data = renamed(older())
    data["format"] = FORMAT
    with pytest.raises(ReportFileError):
        decoded(data)


def test_wrong_types_are_refused_in_older_data_too() -> None:
    for name, wrong in (
        ("title", 3),
        ("checks", {"ran": "many", "rows": []}),
        ("weights", []),
        ("class_activation", {"rows": 1}),
    ):
        data = renamed(older())
        data[name] = wrong
        with pytest.raises(ReportFileError, match="not as expected"):
            decoded(data)


def test_a_report_of_format_1_is_read_rendered_and_read_again(tmp_path: Any) -> None:
    kept = json.loads(reportgen_data(report_file(1).read_text("utf-8")))
    assert kept["format"] == 1
    assert "class_activation" in kept
    report = reportgen.read(report_file(1))
    assert report.format == FORMAT
    assert report.checks == MADE_BEFORE
    assert (report.provenance.options.fit, report.provenance.options.resample) == ("stretch", "bicubic")
    absent = {name for name in SECTIONS if isinstance(getattr(report, name), Absent)}
    assert absent == {"feature_visualization"} | {name for name in SECTIONS if SECTIONS[name].optional}
    attributions: Any = report.attributions
    (before,) = kept["class_activation"]["rows"]
    row = attributions.rows[0]
    assert (row.method, row.peak, row.path) == ("grad-cam", before["peak"], before["path"])
    maps: Any = report.feature_maps
    assert [each.inactive_channels for each in maps.rows] == [each["dead_channels"] for each in kept["feature_maps"]["rows"]]
    html = reportgen.render(report)
    again = tmp_path / "again.html"
    again.write_text(html, "utf-8")
    assert reportgen.read(again) == report
    assert reportgen.render(reportgen.read(again)) == html


def reportgen_data(html: str) -> str:
    """The text of the data island of a page."""
    return html.split('id="report-data">')[1].split("</script>")[0]


def test_a_report_that_was_not_checked_does_not_say_that_nothing_was_found() -> None:
    unchecked, clean = (
        small_report(warnings=(), checks=MADE_BEFORE),
        small_report(warnings=(), checks=Checks(rows=(), checked=("c",))),
    )
    assert "No problems found" in reportgen.render(clean)
    assert "No problems found" not in reportgen.render(unchecked)
    assert "Not checked" in reportgen.render(unchecked)
