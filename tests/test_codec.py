"""Data out and back in: the law read(render(report)) == report, the schema, and what is refused."""

from __future__ import annotations

import copy
import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from reportgen.codec import MOST_PIXELS, Encoder, decode_report
from reportgen.codec.schema import schema
from reportgen.errors import ReportFileError
from reportgen.image import ImageFacts
from reportgen.options import Options
from reportgen.outputs import Output
from reportgen.page.read import LARGEST_REPORT, read
from reportgen.page.render import render
from reportgen.picture import Picture, to_png
from reportgen.records import equal, record
from reportgen.report import FORMAT, Provenance, Report, Versions, find_sections
from reportgen.sections.feature_visualization.find import find_feature_visualization
from reportgen.sections.features.find import features_of
from reportgen.sections.other_outputs import find_other_outputs
from reportgen.sections.output_map.find import map_of
from reportgen.tensors import tensor_digest

from .fake_probe import FACTS, FakeNetwork, FakeProbe, call, explained_by, f32, maps_of


def small_report(**changes: Any) -> Report:
    """A report with every section filled, from a fake probe."""
    options = Options(**{"fit": "stretch", "resample": "bicubic", **changes.pop("options", {})})
    ones = np.ones((4, 4, 4), np.float32)
    probe = FakeProbe(
        network=FakeNetwork(
            labels=("a", "b", "c"),
            layers=(call(0, "input", "InputLayer"), call(1, "conv", parameters=10)),
            tensors={(1, "kernel"): np.linspace(0, 1, 108, dtype=np.float32).reshape(3, 3, 3, 4)},
        ),
        maps=(maps_of(1, "conv", np.linspace(-1, 1, 64, dtype=np.float32).reshape(4, 4, 4)),),
        scores=f32([0.2, 0.5, 0.3]),
        explained=(explained_by(ones, ones, class_index=1),),
    )
    report = Report(
        format=FORMAT,
        title="net on cat",
        warnings=("careful",),
        provenance=Provenance(
            model=FACTS,
            image=ImageFacts("cat.png", "1" * 64, 20, 10),
            versions=Versions("0", "1", "2", "3"),
            options=options,
            command="reportgen report cat.png",
            notes=("note",),
            input_digest=tensor_digest(probe.pixels),
        ),
        **{**find_sections(probe, options, {}), **_found_for_others(probe, options)},
    )
    return replace(report, **changes)


def _found_for_others(probe: FakeProbe, options: Options) -> dict[str, Any]:
    """The sections that a classifier lacks, of two outputs that are made up (the second stands among other outputs, too), and
    the pictures of a filter, which are asked for.
    """
    about: dict[str, Any] = {"reason": "A test says so.", "assumed": True}
    places = np.linspace(0, 1, 16, dtype=np.float32).reshape(2, 4, 2)
    mask = Output(name="mask", task="segmentation", values=places, kind="independent", **about)
    embedding = Output(name="embedding", task="features", values=f32([3, 0, 4]), **about)
    others = tuple(replace(each, name=f"other {each.name}") for each in (mask, embedding))
    return {
        "output_map": map_of(mask, probe, options),
        "features": features_of(embedding),
        "feature_visualization": find_feature_visualization(probe, replace(options, visualize="conv:1")),
        "other_outputs": find_other_outputs(replace(probe, others=others), options),
    }


def test_the_page_is_the_store() -> None:
    report = small_report()
    assert read(render(report)) == report


@pytest.mark.parametrize(
    "options",
    [
        {"maps": "all", "scale": "layer", "colormap": "magma"},
        {"target": 2, "size": (3, 4), "layers": "c*"},
        {"target": "b", "labels": ("a", "b", "c"), "only": ("layers", "feature_maps")},
        {"skip": ("weights",), "title": "</script><script>", "maps": 1},
    ],
)
def test_every_kind_of_option_comes_back(options: dict[str, Any]) -> None:
    report = small_report(options=options)
    assert read(render(report)) == report


def test_numbers_that_are_none_come_back() -> None:
    report = small_report()
    values = np.full((4, 4, 4), np.nan, np.float32)
    values[..., 1] = np.inf
    values[..., 2] = -np.inf
    probe = FakeProbe(maps=(maps_of(1, "conv", values),))
    report = replace(report, feature_maps=find_sections(probe, Options(), {})["feature_maps"])
    html = render(report)
    assert read(html) == report
    assert '"nan"' in html
    assert '"-inf"' in html
    data = html[html.index('id="report-data"') :]
    data = data[: data.index("</script>")]
    assert "NaN" not in data
    assert "Infinity" not in data


def test_reading_a_file_and_its_text_is_the_same(tmp_path: Path) -> None:
    report = small_report()
    file = tmp_path / "report.html"
    file.write_bytes(render(report).encode())
    assert read(file) == read(str(file)) == report


def test_same_report_same_bytes() -> None:
    assert render(small_report()) == render(small_report())


def test_the_schema_fits_the_data() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    for options in ({}, {"labels": ("a", "b", "c"), "target": 1}):
        jsonschema.validate(Encoder().encode(small_report(options=options)), schema())


def test_the_schema_refuses_what_we_would_not_write() -> None:
    data = Encoder().encode(small_report())
    validator = jsonschema.validators.validator_for(schema())(schema())  # which checks the schema once, not for each of them
    validator.validate(data)
    for broken in mutations(data):
        with pytest.raises(jsonschema.ValidationError):
            validator.validate(broken)


@pytest.mark.parametrize(
    "lacking", [lambda d: d["provenance"].pop("input_digest"), lambda d: d["attributions"]["rows"][0].pop("low")]
)
def test_the_schema_wants_even_fields_that_older_data_may_lack(lacking: Any) -> None:
    encoder = Encoder()
    data = encoder.encode(small_report())
    lacking(data)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, schema())
    decode_report(data, encoder.pictures)


def mutations(data: dict[str, Any]) -> list[Any]:
    """The data with one thing wrong, each in its own copy."""
    changes: list[Any] = [
        lambda d: d.pop("title"),
        lambda d: d.update(extra=1),
        lambda d: d.update(title=3),
        lambda d: d["layers"].update(parameters="many"),
        lambda d: d["layers"]["rows"][0].update(index=True),
        lambda d: d["layers"]["rows"][0].update(index=1.5),
        lambda d: d["layers"]["rows"][0].update(output_shape=[1.5]),
        lambda d: d["predictions"]["rows"][0].update(score=None),
        lambda d: d["predictions"]["rows"][0].update(score="NaN"),
        lambda d: d["predictions"].update(kind="certain"),
        lambda d: d["overview"].update(picture="0123"),
        lambda d: d["feature_maps"]["rows"][0].update(shape=[4, 4]),
        lambda d: d.update(filters={"absent": "no"}),
        lambda d: d.update(weights=[]),
        lambda d: d["checks"].pop("checked"),
        lambda d: d["checks"].update(rows=[{}]),
        lambda d: d["feature_maps"]["rows"][0].update(dead=[]),
        lambda d: d.update(class_activation=d.pop("attributions")),
    ]
    broken = []
    for change in changes:
        each = copy.deepcopy(data)
        change(each)
        broken.append(each)
    return broken


def test_data_that_do_not_match_are_refused() -> None:
    encoder = Encoder()
    data = encoder.encode(small_report())
    for broken in mutations(data):
        with pytest.raises(ReportFileError):
            decode_report(broken, encoder.pictures)


@pytest.mark.parametrize("data", [None, 3, "report", [], {}, {"format": "1"}, {"format": True}, {"format": FORMAT}])
def test_data_of_another_make_are_refused(data: Any) -> None:
    with pytest.raises(ReportFileError):
        decode_report(data, {})


HTML = render(small_report())


@pytest.mark.parametrize(
    "html",
    [
        "",
        "<",
        "<html></html>",
        "plain text",
        HTML[: len(HTML) // 3],
        HTML.replace('data-picture="', 'data-picture="x'),
        HTML.replace("data:image/png;base64,iVBO", "data:image/png;base64,AAAA"),
        HTML.replace("data:image/png;base64,iVBO", "data:image/png;base64,%%%%"),
        HTML.replace('id="report-data">{', 'id="report-data">{{'),
        HTML.replace('"colormap":"viridis"}', '"colormap":"ultraviolet"}'),
        re.sub(r'"format":\d+', '"format":NaN', HTML),
        re.sub(r'"score":[\d.]+', '"score":Infinity', HTML),
        '<script type="application/json" id="report-data">' + "[" * 200_000 + "</script>",
        '<script type="application/json" id="report-data">' + '{"a":' * 200_000 + "</script>",
        '<script type="application/json" id="report-data">{"format":' + "9" * 10_000 + "}</script>",
        re.sub(r'"score":[\d.]+', '"score":1' + "0" * 400, HTML),  # an integer beyond the largest float
        '<script type="application/json" id="report-data">[' + "[]," * 5_000_000 + "0]</script>",  # 0.4 GB, were it read
    ],
)  # fmt: skip
def test_pages_that_are_no_reports_are_refused(html: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.html"
    file.write_text(html, "utf-8")
    with pytest.raises(ReportFileError, match=re.escape(str(file))):
        read(file)


def test_a_picture_of_many_pixels_is_not_unpacked_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    # 10,000 x 10,000 equal pixels are a PNG of 100 kB; named by a hundred rows they would be 10 GB. Here at a tenth of the scale
    monkeypatch.setattr("reportgen.codec.MOST_PIXELS", MOST_PIXELS // 100)
    encoder = Encoder()
    data = encoder.encode(small_report())
    large = to_png(Picture(np.zeros((1_000, 1_000), np.uint8), 0.0, 1.0, "viridis"))
    row = data["feature_maps"]["rows"][0]
    row["picture"]["picture"] = "large"
    data["feature_maps"]["rows"] = [{**row, "path": str(place)} for place in range(9)]
    assert decode_report(data, encoder.pictures | {"large": large})
    data["feature_maps"]["rows"] = [{**row, "path": str(place)} for place in range(11)]
    with pytest.raises(ReportFileError, match="its pictures are too large"):
        decode_report(data, encoder.pictures | {"large": large})


def test_files_that_are_no_reports_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ReportFileError, match="no such file"):
        read(tmp_path / "missing.html")
    with pytest.raises(ReportFileError):
        read(tmp_path)
    binary = tmp_path / "binary.html"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ReportFileError, match="UTF-8"):
        read(binary)
    huge = tmp_path / "huge.html"
    with huge.open("wb") as file:
        file.truncate(LARGEST_REPORT + 1)
    with pytest.raises(ReportFileError, match="this is larger"):
        read(huge)


def test_the_island_is_plain_json() -> None:
    island = re.search(r'<script type="application/json" id="report-data">(.*?)</script>', HTML, re.S)
    assert island is not None
    assert json.loads(island[1])["title"] == "net on cat"


def test_records_are_equal_by_value() -> None:
    @record
    class Pair:
        left: float
        right: tuple[float, ...]

    assert Pair(math.nan, (1.0, math.nan)) == Pair(float("nan"), (1.0, float("nan")))
    assert Pair(1.0, ()) != Pair(2.0, ())
    assert Pair(1.0, (1.0,)) != Pair(1.0, (1.0, 2.0))
    assert not equal(Pair(1.0, ()), "pair")
    assert not equal(np.zeros(2, np.uint8), np.zeros(2, np.float32))


@pytest.mark.parametrize("scores", [[float("nan")], [0.0], [-3.0, -5.0], [float("inf"), 1.0], [1e-30, 1.0], [1.0, 0.0]])
@pytest.mark.parametrize("kind", ["probabilities", "independent", "raw"])
def test_any_scores_make_a_page(scores: list[float], kind: Any) -> None:
    probe = FakeProbe(scores=f32(scores), score_kind=kind)
    report = replace(small_report(), predictions=find_sections(probe, Options(), {})["predictions"])
    html = render(report)
    assert read(html) == report
    assert 'width="nan"' not in html
    assert 'width="inf"' not in html
