"""What a change costs: a section is a folder, two partials and its lines in `report.py`; a method is a function and a row.

Each is added to a copy of the package, in the files named here and in no other, and tried there in a process of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import reportgen
from reportgen.report import FORMAT, MADE_BEFORE

from .conftest import ROOT
from .gold import report_file

SECTION = '''"""The greatest value in the maps of the last convolution."""

from ...errors import NotApplicable
from ...options import Options
from ...probe import Probe
from ...records import record
from ..section import Section


@record
class Toy:
    path: str
    greatest: float


def find_toy(probe: Probe, options: Options) -> Toy:
    if not probe.maps:
        raise NotApplicable("There is no convolution.")
    last = probe.maps[-1]
    return Toy(last.path, float(last.high.max()))


SECTION: Section[Toy, None] = Section(title="Toy title", about="image", find=find_toy)
'''
PARTIALS = {
    "report": '<p class="toy">{{ section.path }} reaches {{ section.greatest|figure }}.</p>\n',
    "diff": '{% for change in part %}<p class="toy">{{ change.where }} was {{ change.before|figure }}.</p>{% endfor %}\n',
}
LINES = {  # each goes behind one of `report.py`
    "from .sections.weights import SECTION as WEIGHTS, Weights\n": "from .sections.toy import SECTION as TOY, Toy\n",
    "    weights: Weights | Absent = _section(WEIGHTS)\n": "    toy: Toy | Absent = _section(TOY)\n",
}
TRY_SECTION = """
from dataclasses import replace
import numpy as np
from reportgen.codec import Encoder
from reportgen.codec.schema import schema

cat, gold = sys.argv[1:]
noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
brief = {"only": ("overview", "predictions", "feature_maps", "toy")}
old, new = (reportgen.generate(name, cat, **brief) for name in ("minivgg@early", "minivgg"))
reports = {
    "old": old,
    "new": new,
    "skipped": reportgen.generate("minivgg", cat, skip=("toy", "feature_visualization")),
    "only": reportgen.generate("minivgg", cat, only="toy"),
    "noise": reportgen.generate("minivgg", noise, **brief),
    "none": replace(new, toy=reportgen.Absent("There is no convolution.")),
    "new with the old toy": replace(new, toy=old.toy),
    "gold": reportgen.read(gold),
}
pages = {name: reportgen.render(report) for name, report in reports.items()}
diffs = {}
for name, report in reports.items():
    if name in ("skipped", "only"):
        continue
    found = reportgen.diff(report, new)
    diffs[name] = {
        "changes": [change.where for section in found.sections if section.name == "toy" for change in section.changes],
        "verdict": found.verdict,
        "caveats": found.caveats,
        "page": reportgen.render_diff(found),
    }
tell({
    "data": {name: Encoder().encode(report) for name, report in reports.items()},
    "back": [name for name in reports if reportgen.read(pages[name]) == reports[name]],
    "pages": pages,
    "schema": schema(),
    "diffs": diffs,
})
"""
FUNCTION = '''def toy(at: AtLayer) -> np.ndarray:
    """The mean of the channels, (h, w)."""
    return np.abs(at.activations).mean(axis=2)


'''
ROW = """    Method(
        name="toy",
        title="Toy method",
        attribute=toy,
        meaning="Bright places are those that the layer reacts to.",
        reference="Nobody 1999",
        by_class=False,
    ),
"""
TRY_METHOD = """
from dataclasses import replace
from reportgen.codec import Encoder

cat = sys.argv[1]
brief = {"only": ("overview", "predictions", "attributions")}
alone = reportgen.generate("minivgg", cat, explain=("toy",), **brief)
both = reportgen.generate("minivgg", cat, explain=("grad-cam", "toy"), target="cat", **brief)
early = reportgen.generate("minivgg@early", cat, explain=("grad-cam", "toy"), target="cat", **brief)
rows = both.attributions.rows[0], early.attributions.rows[1]
mixed = replace(both, attributions=replace(both.attributions, rows=rows))
by_grad_cam, by_toy = (replace(both, attributions=replace(both.attributions, rows=(row,))) for row in both.attributions.rows)
try:
    reportgen.generate("minivgg", cat, explain=("toi",))
except reportgen.OptionError as error:
    refused = str(error)


def changes(old, new):
    sections = reportgen.diff(old, new).sections
    return [change.where for section in sections if section.name == "attributions" for change in section.changes]


tell({
    "alone": Encoder().encode(alone),
    "both": Encoder().encode(both),
    "back": [reportgen.read(reportgen.render(report)) == report for report in (alone, both, early)],
    "pages": [reportgen.render(alone), reportgen.render(both)],
    "changes": [changes(early, both), changes(mixed, both), changes(both, both)],
    "side by side": [
        [row.title for row in reportgen.diff(old, both).attributions.rows] for old in (both, by_grad_cam, by_toy)
    ],
    "side by side on the page": reportgen.render_diff(reportgen.diff(by_toy, both)),
    "nothing in common": reportgen.diff(by_grad_cam, by_toy).attributions.reason,
    "refused": refused,
})
"""


def copied(folder: Path) -> Path:
    """A copy of the package and its templates in `folder`."""
    shutil.copytree(ROOT / "reportgen", folder / "reportgen")  # with what Python compiled of it
    shutil.copytree(ROOT / "templates", folder / "templates")
    return folder


def replaced(file: Path, old: str, new: str) -> None:
    """Put a text in the place of one that stands in the file once."""
    whole = file.read_text("utf-8")
    assert whole.count(old) == 1, f"{file.name}: {whole.count(old)} times {old!r}"
    file.write_text(whole.replace(old, new), "utf-8")


def tried(folder: Path, code: str, *arguments: object) -> Any:
    """What `code` hands to its `tell`, where the package in `folder` is the one that is imported."""
    start = f"import json, sys\nimport reportgen\nassert reportgen.__file__.startswith({str(folder)!r})\n"
    start += "def tell(found): print(json.dumps(found))\n"
    command = [sys.executable, "-c", start + code, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=environment)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def with_section(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a package with a section more."""
    folder = copied(tmp_path_factory.mktemp("section"))
    (folder / "reportgen" / "sections" / "toy").mkdir()
    (folder / "reportgen" / "sections" / "toy" / "__init__.py").write_text(SECTION, "utf-8")
    (folder / "templates" / "sections" / "toy").mkdir()
    for name, text in PARTIALS.items():
        (folder / "templates" / "sections" / "toy" / f"{name}.html.j2").write_text(text, "utf-8")
    for line, new in LINES.items():
        replaced(folder / "reportgen" / "report.py", line, line + new)
    return folder


@pytest.fixture(scope="module")
def section(with_section: Path, cat: Path) -> Any:
    """What became of the section."""
    return tried(with_section, TRY_SECTION, cat, report_file(1))


@pytest.fixture(scope="module")
def method(tmp_path_factory: pytest.TempPathFactory, cat: Path) -> Any:
    """What became of a method more."""
    folder = copied(tmp_path_factory.mktemp("method"))
    table = folder / "reportgen" / "methods" / "attribution.py"
    replaced(table, "class Method(NamedTuple):", FUNCTION + "class Method(NamedTuple):")
    replaced(table, ")\nMETHODS = ", ROW + ")\nMETHODS = ")
    return tried(folder, TRY_METHOD, cat)


def test_a_section_is_found_shown_and_read_back(section: Any) -> None:
    found = section["data"]["new"]["toy"]
    assert found["path"] == "block5_conv2"
    assert found["greatest"] not in (0, section["data"]["old"]["toy"]["greatest"], section["data"]["noise"]["toy"]["greatest"])
    assert '<a href="#toy">Toy title</a>' in section["pages"]["new"]
    assert f'<p class="toy">block5_conv2 reaches {found["greatest"]:.4g}.</p>' in section["pages"]["new"]
    assert set(section["back"]) == set(section["pages"])


def test_a_section_is_left_out_when_asked_and_made_alone_when_asked(section: Any) -> None:
    assert section["data"]["skipped"]["toy"] == {"reason": "Left out, as the options say."}
    assert 'class="toy"' not in section["pages"]["skipped"]
    only = section["data"]["only"]
    assert only["toy"] == section["data"]["new"]["toy"]
    assert only["layers"] == only["weights"] == section["data"]["skipped"]["toy"]


def test_a_section_that_does_not_apply_says_why(section: Any) -> None:
    assert "There is no convolution." in section["pages"]["none"]
    assert section["diffs"]["none"]["changes"] == [""]


def test_a_section_is_in_the_schema(section: Any) -> None:
    assert section["schema"]["$defs"]["Report"]["properties"]["toy"] == {
        "anyOf": [{"$ref": "#/$defs/Toy"}, {"$ref": "#/$defs/Absent"}]
    }
    validator = jsonschema.validators.validator_for(section["schema"])(section["schema"])
    for name in ("new", "skipped", "none"):
        validator.validate(section["data"][name])
    spoilt = {**section["data"]["only"], "toy": {"path": 3, "greatest": 1.0}}
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(spoilt)


def test_a_section_is_compared_and_told_where_it_differs(section: Any) -> None:
    for name in ("old", "new with the old toy"):
        assert section["diffs"][name]["changes"] == ["greatest"]
        assert section["diffs"][name]["verdict"].lower().endswith("toy title: one figure changed.")
        before = section["data"]["old"]["toy"]["greatest"]
        assert f'<p class="toy">greatest was {before:.4g}.</p>' in section["diffs"][name]["page"]
    same = section["diffs"]["new"]
    assert same["changes"] == []
    assert "toy" not in same["verdict"]
    assert '<a href="#toy">Toy title</a>' in same["page"]
    assert 'class="toy"' not in same["page"]


def test_a_section_about_the_image_is_ignored_where_the_images_differ(section: Any) -> None:
    assert section["diffs"]["noise"]["changes"] == []
    assert "toy" not in section["diffs"]["noise"]["verdict"]
    shown = section["diffs"]["noise"]["page"].partition('<section id="toy">')[2].partition("</section>")[0]
    assert "The two models were given different images" in shown
    assert 'class="toy"' not in shown


def test_a_section_is_absent_in_older_reports(section: Any, with_section: Path, tmp_path: Path, cat_report: Any) -> None:
    assert section["data"]["gold"]["toy"] == {"reason": MADE_BEFORE.reason}
    assert MADE_BEFORE.reason in section["pages"]["gold"]
    assert section["diffs"]["gold"]["changes"] == []
    assert "The section “Toy title” is not in the old report: it cannot be compared." in section["diffs"]["gold"]["caveats"]
    # a report of today, in the release that brings the section and a format of its own
    folder = Path(shutil.copytree(with_section, tmp_path / "later"))
    replaced(folder / "reportgen" / "report.py", f"\nFORMAT = {FORMAT}\n", f"\nFORMAT = {FORMAT + 1}\n")
    (tmp_path / "today.html").write_text(reportgen.render(cat_report), "utf-8")
    read = "report = reportgen.read(sys.argv[1])\ntell([report.format, report.toy.reason, report.title])"
    assert tried(folder, read, tmp_path / "today.html") == [FORMAT + 1, MADE_BEFORE.reason, cat_report.title]


def test_a_method_is_accepted_and_shown(method: Any) -> None:
    (row,) = method["alone"]["attributions"]["rows"]
    assert (row["method"], row["path"], row["label"]) == ("toy", "block5_conv2", "cat")
    assert row["peak"] > 0
    assert "--explain toy" in method["alone"]["provenance"]["command"]
    assert [each["method"] for each in method["both"]["attributions"]["rows"]] == ["grad-cam", "toy"]
    for page in method["pages"]:
        assert "Toy method of <code><bdi>block5_conv2</bdi></code>" in page
        assert "Bright places are those that the layer reacts to." in page
    assert method["back"] == [True] * 3


def test_a_method_is_compared_with_itself(method: Any) -> None:
    both, toy_alone, none = method["changes"]
    assert {where.split()[0] for where in both} == {"rows[grad-cam", "rows[toy"}
    assert {where.split()[0] for where in toy_alone} == {"rows[toy"}
    assert none == []
    assert method["side by side"] == [["Grad-CAM", "Toy method"], ["Grad-CAM"], ["Toy method"]]
    assert "Old: Toy method over the image" in method["side by side on the page"]
    assert method["nothing in common"] == "The reports have no attribution method in common: Grad-CAM, now Toy method."


def test_a_method_of_no_such_name_is_refused_by_name(method: Any) -> None:
    assert method["refused"].startswith("--explain toi: expected grad-cam, grad-cam++, ")
    assert method["refused"].endswith(", random, toy or all.")
