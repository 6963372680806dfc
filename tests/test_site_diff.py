"""The diff of two sites: statistics against their definitions, nets with hand-set weights, what is matched, and the page."""

from __future__ import annotations

import json
import math
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from html import unescape
from itertools import permutations
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

import reportgen
from reportgen.cli import main
from reportgen.errors import OptionError, ReportFileError, ReportgenError
from reportgen.options import ComparisonOptions
from reportgen.sections.predictions.variation import total_variation
from reportgen.site.entries import Entry, read_entries, write_entries
from reportgen.site_diff.answers import answer_changed, shared_truth
from reportgen.site_diff.compare import compare_sites
from reportgen.site_diff.output import junit_of, markdown_of
from reportgen.site_diff.render import SitePage, relative_link
from reportgen.site_diff.result import ModelDiff, SiteDiff
from reportgen.site_diff.statistics import EXACT, linear_cka, mcnemar
from reportgen.version import __version__

from .browser import axe_findings, opened
from .command import here
from .test_house import TENSORFLOW, modules_after

pytestmark = pytest.mark.usefixtures("one_core")

COLOURS = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1)}
# how many images of a colour lie in the folder of a colour, which is their truth
LYING = {("red", "red"): 20, ("green", "red"): 2, ("green", "green"): 16, ("blue", "blue"): 17, ("green", "blue"): 1}
SECTIONS = ("overview", "predictions", "layers", "feature_maps", "weights", "first_filters")
VERDICT = "Accuracy 69.6 % → 94.6 %; 19 of 56 answers changed: 16 mended, 2 broken, 1 wrong before and after."
HREF = re.compile(r'href="(?!data:)([^"#]+)"')  # links, and no picture of a chart

# ---- nets and sites -----------------------------------------------------------------------------------------------------------

OLD_CONV = np.array([[1, 0, 0, 0, 1], [0, 1, 0, 0, 1], [0, 0, 1, 0, 1]], np.float32)  # (colour, channel): channel 3 is dead
NEW_CONV = np.array([[1, 0, 0, 2, -1], [0, 1, 0, 0, -1], [0, 0, 1, 0, -1]], np.float32)  # 3 is alive, 4 has died
OLD_DENSE = np.array([[1, 0, 0], [1, 0, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0]], np.float32) / 25.5  # takes green for red
NEW_DENSE = np.eye(5, 3, dtype=np.float32) / 25.5


def net(conv: np.ndarray, dense: np.ndarray) -> Any:
    """The means of five ReLU channels, a softmax of three classes on them."""
    from reportgen.backend import keras

    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3), name="pixels"),
            layers.Conv2D(5, 1, use_bias=False, activation="relu", name="conv"),
            layers.GlobalAveragePooling2D(name="gap"),
            layers.Dense(3, activation="softmax", use_bias=False, name="dense"),
        ],
        name="net",
    )
    model.get_layer("conv").set_weights([conv.reshape(1, 1, 3, 5)])
    model.get_layer("dense").set_weights([dense])
    return model


def image(colour: str, place: int) -> np.ndarray:
    """An image (8, 8, 3) of a colour, no two alike: two halves, one a little darker."""
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:, :4] = np.array(COLOURS[colour]) * (255 - 3 * place)
    pixels[:, 4:] = np.array(COLOURS[colour]) * (200 - 3 * place) + np.array([0, 0, place % 5])
    return pixels


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("flips")
    net(OLD_CONV, OLD_DENSE).save(folder / "epoch1.keras")
    net(NEW_CONV, NEW_DENSE).save(folder / "epoch9.keras")
    net(NEW_CONV, NEW_DENSE * np.float32(1.0001)).save(folder / "nearly.keras")
    (folder / "labels.txt").write_text("red\ngreen\nblue\n")
    for (colour, truth), count in LYING.items():
        (folder / "photos" / truth).mkdir(parents=True, exist_ok=True)
        for place in range(count):
            Image.fromarray(image(colour, place)).save(folder / "photos" / truth / f"{colour} {place:02}.png")
    (folder / "few").mkdir()
    for colour in COLOURS:
        Image.fromarray(image(colour, 0)).save(folder / "few" / f"{colour}.png")
    return folder


def make(work: Path, site: Path, *models: str, images: str = "photos", **options: Any) -> Path:
    given = {"labels": str(work / "labels.txt"), "preprocess": "none", "only": SECTIONS, "maps": "all", **options}
    made = reportgen.batch([str(work / f"{model}.keras") for model in models], str(work / images), site, **given)
    assert made.failures == []
    return site


@pytest.fixture(scope="module")
def sites(work: Path) -> tuple[Path, Path]:
    """The sites of an old and a new checkpoint on 56 images, whose folders are their truth."""
    return tuple(make(work, work / which, model, truth="folders") for which, model in (("old", "epoch1"), ("new", "epoch9")))  # type: ignore[return-value]


@pytest.fixture(scope="module")
def few(work: Path) -> tuple[Path, Path, Path]:
    """Small sites of three images without a truth: the old checkpoint, the new one, and nearly the new one."""
    names = ("epoch1", "epoch9", "nearly")
    return tuple(make(work, work / f"few-{model}", model, images="few") for model in names)  # type: ignore[return-value]


@pytest.fixture
def copies(few: tuple[Path, Path, Path], tmp_path: Path) -> tuple[Path, Path]:
    """Copies of the first two small sites, to be damaged."""
    return tuple(shutil.copytree(site, tmp_path / site.name) for site in few[:2])  # type: ignore[return-value]


def compared(old: Path, new: Path, **options: Any) -> SiteDiff:
    return compare_sites(old, new, ComparisonOptions(**options))


@pytest.fixture(scope="module")
def diff(sites: tuple[Path, Path]) -> SiteDiff:
    return compared(*sites)


def only(found: SiteDiff) -> ModelDiff:
    (model,) = found.models
    return model


def report_file(site: Path, stem: str) -> Path:
    (path,) = site.glob(f"reports/*/{stem}.html")
    return path


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    """The exit code, standard output and standard error of `reportgen diff ARGUMENTS`."""
    monkeypatch.setattr(sys, "argv", ["reportgen", "diff", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    code = ended.value.code
    assert isinstance(code, int)
    return code, *capsys.readouterr()


# ---- statistics ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("broken", "mended", "p"),
    [
        (0, 0, 1.0),
        (0, 1, 1.0),  # 2 * 1/2
        (5, 5, 1.0),
        (0, 5, 2 / 32),
        (1, 4, 2 * (1 + 5) / 32),
        (2, 16, 2 * (1 + 18 + 153) / 2**18),
    ],
)
def test_mcnemar_by_hand_and_either_way(broken: int, mended: int, p: float) -> None:
    assert mcnemar(broken, mended) == p
    assert mcnemar(mended, broken) == p


def test_mcnemar_of_many_images_against_whole_numbers() -> None:
    for count in (EXACT, EXACT + 1, 5000):
        for fewer in (count // 2 - 40, count // 3):
            exact = Fraction(2 * sum(math.comb(count, hits) for hits in range(fewer + 1)), 2**count)
            assert mcnemar(fewer, count - fewer) == pytest.approx(float(exact), rel=1e-9)
    assert mcnemar(0, 10**6) == 0.0


def test_total_variation_by_hand() -> None:
    assert total_variation(np.array([0.7, 0.2, 0.1]), np.array([0.5, 0.2, 0.3])) == pytest.approx(0.2)
    assert total_variation(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == 1.0


def hsic_by_definition(x: np.ndarray, y: np.ndarray) -> float:
    """The unbiased HSIC as a mean over all ordered quadruples of different images (Song et al. 2012, section 3.2)."""
    k, m = x @ x.T, y @ y.T
    terms = [k[i, j] * (m[i, j] + m[q, r] - 2 * m[i, q]) for i, j, q, r in permutations(range(len(x)), 4)]
    return float(np.mean(terms))


def hsic_by_centring(x: np.ndarray, y: np.ndarray) -> float:
    """The unbiased HSIC by U-centred kernels (Szekely and Rizzo 2014, definition 2)."""

    def centred(values: np.ndarray) -> np.ndarray:
        k, n = values @ values.T, len(values)
        np.fill_diagonal(k, 0)
        rows = k.sum(axis=1) / (n - 2)
        u = k - rows[:, None] - rows[None, :] + k.sum() / ((n - 1) * (n - 2))
        np.fill_diagonal(u, 0)
        return np.asarray(u)

    return float((centred(x) * centred(y)).sum() / (len(x) * (len(x) - 3)))


@pytest.mark.parametrize("hsic", [hsic_by_definition, hsic_by_centring])
def test_cka_against_its_definition(hsic: Any) -> None:
    x = np.array([[1, 0, 2], [0, 1, 1], [3, 1, 0], [2, 2, 5], [1, 4, 0], [0, 0, 1], [7, 1, 2]], float)
    y = np.array([[1, 1], [0, 2], [2, 0], [3, 5], [4, 1], [1, 0], [6, 3]], float)
    expected = hsic(x, y) / math.sqrt(hsic(x, x) * hsic(y, y))
    assert 0.1 < expected < 0.9
    assert linear_cka(x, y) == pytest.approx(expected, abs=1e-11)


def test_cka_is_1_up_to_rotation_shift_and_scale_and_about_0_for_noise() -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(60, 8))
    rotation = np.linalg.qr(generator.normal(size=(8, 8)))[0]
    assert linear_cka(x, x) == 1.0
    assert linear_cka(x, 37 * x @ rotation + 5) == pytest.approx(1, abs=1e-10)
    assert linear_cka(x + 1e6, x) == pytest.approx(1, abs=1e-8)  # a mean a million times the spread
    stretched = linear_cka(x, x * [9, 1, 1, 1, 1, 1, 1, 1])  # not an isotropic scale
    assert stretched is not None
    assert stretched < 0.9
    # without debiasing, 300 channels of noise on 60 images would give about 0.8
    unrelated = [linear_cka(generator.normal(size=(60, 300)), generator.normal(size=(60, 300))) for _ in range(5)]
    assert all(each is not None and abs(each) < 0.1 for each in unrelated)


def test_cka_of_what_is_the_same_on_every_image_is_none() -> None:
    constant = np.full((50, 3), 0.1, np.float32)
    assert linear_cka(constant, np.arange(150.0).reshape(50, 3)) is None
    with pytest.raises(ValueError, match="four or more"):
        linear_cka(np.eye(3), np.eye(3))


# ---- what two sites say -------------------------------------------------------------------------------------------------------


def test_the_verdict_and_every_flip(diff: SiteDiff) -> None:
    assert (diff.same, diff.verdict) == (False, VERDICT)
    model = only(diff)
    assert (model.old_model, model.model, len(model.images)) == ("epoch1", "epoch9", 56)
    flips = diff.flips()
    assert {each.image for each in flips} == {
        *(f"green/green {place:02}.png" for place in range(16)), "red/green 00.png", "red/green 01.png", "blue/green 00.png"
    }  # fmt: skip
    assert {(each.old.label, each.new.label) for each in flips} == {("red", "green")}
    assert {each.image: each.change for each in flips if each.change != "mended"} == {
        "red/green 00.png": "broken",
        "red/green 01.png": "broken",
        "blue/green 00.png": "wrong",
    }
    assert all(each.truth == each.image.partition("/")[0] for each in flips)
    confidences = [each.new.confidence or 0 for each in flips]
    assert confidences == sorted(confidences, reverse=True)
    assert len(set(confidences)) > 5


def test_accuracy_and_mcnemar(diff: SiteDiff) -> None:
    accuracy = only(diff).accuracy
    assert accuracy is not None
    assert (accuracy.images, accuracy.old, accuracy.new) == (56, 39 / 56, 53 / 56)
    assert (accuracy.test.broken, accuracy.test.mended, accuracy.test.p) == (2, 16, 344 / 2**18)


def pooled(pixels: np.ndarray, conv: np.ndarray) -> np.ndarray:
    """The mean of each ReLU channel's map."""
    return np.asarray(np.maximum(pixels.astype(np.float64) @ conv, 0).mean(axis=(0, 1)))


def all_pixels(work: Path) -> dict[str, np.ndarray]:
    folder = work / "photos"
    return {path.relative_to(folder).as_posix(): np.asarray(Image.open(path)) for path in sorted(folder.rglob("*.png"))}


def test_total_variation_is_that_of_the_softmax_worked_out(work: Path, diff: SiteDiff) -> None:
    def scores(pixels: np.ndarray, conv: np.ndarray, dense: np.ndarray) -> np.ndarray:
        logits = pooled(pixels, conv) @ dense.astype(np.float64)
        raised = np.exp(logits - logits.max())
        return np.asarray(raised / raised.sum())

    expected = {
        name: np.abs(scores(pixels, OLD_CONV, OLD_DENSE) - scores(pixels, NEW_CONV, NEW_DENSE)).sum() / 2
        for name, pixels in all_pixels(work).items()
    }
    model = only(diff)
    assert {each.image: each.total_variation for each in model.images} == pytest.approx(expected, abs=1e-5)
    assert model.shift is not None
    assert model.shift.mean == pytest.approx(np.mean(list(expected.values())), abs=1e-5)
    assert model.shift.largest == pytest.approx(max(expected.values()), abs=1e-5)
    assert model.shift.image.rpartition("/")[2].startswith("green")
    assert (model.shift.images, model.shift_reason) == (56, "")


def test_cka_and_dead_channels_of_the_convolution(work: Path, diff: SiteDiff) -> None:
    olds, news = (np.stack([pooled(each, conv) for each in all_pixels(work).values()]) for conv in (OLD_CONV, NEW_CONV))
    expected = hsic_by_centring(olds, news) / math.sqrt(hsic_by_centring(olds, olds) * hsic_by_centring(news, news))
    assert 0.3 < expected < 0.99
    found = only(diff).representations
    (layer,) = found.cka
    assert (layer.path, layer.old_used, layer.new_used, layer.new_channels, found.cka_images) == ("conv", 5, 5, 5, 56)
    assert layer.cka == pytest.approx(expected, abs=1e-5)
    (dead,) = found.dead
    assert (dead.path, dead.old, dead.new, dead.died, dead.revived) == ("conv", 1, 1, (4,), (3,))


def test_too_few_images_say_so(few: tuple[Path, Path, Path]) -> None:
    found = only(compared(*few[:2])).representations
    assert (found.cka, found.dead) == ((), ())
    assert "needs 50 images or more" in found.cka_reason
    assert "needs 20 images or more" in found.dead_reason
    assert found.cka_reason.endswith("there are 3.")


def test_weights_are_those_of_the_diff_of_two_reports(sites: tuple[Path, Path], diff: SiteDiff) -> None:
    old, new = (reportgen.read(report_file(site, "red--red-00")) for site in sites)
    pair = only(diff).pair
    assert pair is not None
    assert pair.weights == reportgen.diff(old, new).weights
    assert pair.weights.rows


def test_a_site_is_the_same_as_its_copy(copies: tuple[Path, Path], few: tuple[Path, Path, Path]) -> None:
    found = compared(few[0], copies[0])
    assert (found.same, found.verdict) == (True, "The same: the models, and the answers to all 3 images with their scores.")


def test_the_tolerance_is_for_scores_and_weights(few: tuple[Path, Path, Path]) -> None:
    exact = compared(few[1], few[2])
    assert not exact.same
    assert exact.verdict.startswith("None of 3 answers changed. The scores of 3 images moved, by at most ")
    assert compared(few[1], few[2], tolerance=0.01).same
    moved = max(each.moved or 0 for each in only(exact).images)
    assert not compared(few[1], few[2], tolerance=moved / 2).same
    assert not compared(few[0], few[1], tolerance=0.9999).same  # another answer is always a difference


def test_without_a_truth_only_the_flips_are_told(few: tuple[Path, Path, Path]) -> None:
    found = compared(*few[:2])
    assert found.verdict == "1 of 3 answers changed."
    assert only(found).accuracy is None
    (flip,) = found.flips()
    assert (flip.image, flip.change, flip.truth) == ("green.png", "unknown", "")


# ---- what is matched ----------------------------------------------------------------------------------------------------------


def change_entries(site: Path, change: Any) -> None:
    write_entries(site, [each for entry in read_entries(site).values() for each in change(entry)])


def test_images_in_one_site_are_named(copies: tuple[Path, Path]) -> None:
    old, new = copies
    change_entries(old, lambda entry: [] if entry.stem == "red" else [entry])
    change_entries(new, lambda entry: [replace(entry, image="other.png")] if entry.stem == "blue" else [entry])
    model = only(found := compared(old, new))
    assert (model.only_old, model.only_new) == (("blue.png",), ("other.png", "red.png"))
    assert [each.image for each in model.images] == ["green.png"]
    assert found.verdict == (
        "1 of 1 answer changed. One image only in the old site: `blue.png`. "
        "2 images only in the new site: `other.png`, `red.png`."
    )


def test_another_image_of_the_same_name_is_not_compared(copies: tuple[Path, Path]) -> None:
    path = report_file(copies[1], "red")
    digest = reportgen.read(path).provenance.image.digest
    path.write_text(path.read_text("utf-8").replace(digest, "0" * len(digest)), "utf-8")
    model = only(found := compared(*copies))
    assert model.other_images == ("red.png",)
    assert [each.image for each in model.images] == ["blue.png", "green.png"]
    assert "One name stands for another image: `red.png`." in found.verdict
    assert not found.same


def test_images_of_one_name_are_told_apart_by_their_digest(copies: tuple[Path, Path]) -> None:
    for site in copies:
        change_entries(site, lambda entry: [replace(entry, image="scan.png")])
    found = only(compared(*copies))
    assert [(each.old.stem, each.new.stem) for each in found.images] == [("blue",) * 2, ("green",) * 2, ("red",) * 2]


def test_damaged_missing_failed_and_newer_reports_are_told(copies: tuple[Path, Path]) -> None:
    old, new = copies
    report_file(new, "red").write_bytes(report_file(new, "red").read_bytes()[:3000])
    report = report_file(old, "blue")
    report.write_text(report.read_text("utf-8").replace('{"format":2,', '{"format":99,', 1), "utf-8")
    model = only(found := compared(old, new))
    reasons = {each.image: each.reason for each in model.not_compared}
    assert reasons["red.png"].startswith("in the new site, the report cannot be used: not a report that reportgen wrote")
    assert "in format 99" in reasons["blue.png"]
    assert "2 images not compared; `blue.png`: in the old site, " in found.verdict
    for site in copies:
        change_entries(site, lambda entry: [replace(entry, error="cut short")] if entry.stem == "red" else [entry])
    assert only(compared(old, new)).failed == ("red.png",)


def test_hostile_figures_of_a_report_are_damage_not_a_crash(copies: tuple[Path, Path]) -> None:
    path = report_file(copies[1], "red")
    page = path.read_text("utf-8")
    for damage in (
        ('"shape":[8,8,5]', '"shape":[8,8,99999999999]'),
        ('"classes":3', '"classes":99999'),
        ('"channel":4', '"channel":3'),
    ):
        assert damage[0] in page
        path.write_text(page.replace(*damage), "utf-8")
        (left,) = only(compared(*copies)).not_compared
        assert (left.image, left.reason) == (
            "red.png", "in the new site, the report cannot be used: the report is damaged; its data cannot be read"
        )  # fmt: skip


def test_a_report_that_the_journal_lost_is_told(copies: tuple[Path, Path]) -> None:
    journal = copies[1] / "data" / "reports.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-1]) + lines[-1][:40])
    found = compared(*copies)
    assert found.caveats[0] == (
        "One report is in the folder of the new site, but not in its journal; rebuild it with reportgen index."
    )
    reportgen.index([copies[1]])
    assert compared(*copies).caveats == ()


def test_several_models_are_matched_by_name(work: Path, few: tuple[Path, Path, Path], tmp_path: Path) -> None:
    both = make(work, tmp_path / "both", "epoch1", "epoch9", images="few")
    found = compared(both, few[1])
    assert (only(found).model, found.only_old, found.only_new, found.same) == ("epoch9", ("epoch1",), (), False)
    assert "Only in the old site: one model (`epoch1`)." in found.verdict
    twice = compared(both, both)
    assert twice.same
    assert [each.model for each in twice.models] == ["epoch1", "epoch9"]
    with pytest.raises(ReportFileError, match="no model in common"):
        compared(both, few[2])
    # the same pair of models again, whose charts are the same
    twice = replace(twice, models=(*twice.models, replace(twice.models[1], model='<i>"epoch"</i>')))
    html = SitePage((both, both), tmp_path, None).html(twice)
    assert "<i>" not in html
    regions = re.findall(r'role="region" aria-label="([^"]*)"', html)
    assert len(set(regions)) == len(regions) > 2
    identities = re.findall(r' id="([^"]*)"', html)
    assert {"model-1", "model-2", "weights-2"} <= set(identities)
    assert len(set(identities)) == len(identities)
    assert {each.removeprefix("#") for each in re.findall(r'href="(#[^"]+)"', html)} <= set(identities)


def test_maps_that_are_shown_in_part(work: Path, tmp_path: Path) -> None:
    from reportgen.site_diff.channels import Gathered
    from reportgen.site_diff.facts import read_facts

    few_maps = make(work, tmp_path / "part", "epoch9", images="few", maps=2)
    facts = read_facts(report_file(few_maps, "red"))
    assert facts.layers is not None
    assert facts.layers["conv"].known.tolist() == [0, 1, 2, 4]  # 2 and 4 are zero everywhere, so their mean is known
    gathered = Gathered()
    generator = np.random.default_rng(0)
    for _ in range(50):
        layer = facts.layers["conv"]._replace(means=generator.normal(size=4).astype(np.float32))
        gathered.add(facts._replace(layers={"conv": layer}), facts._replace(layers={"conv": layer}))
    (told,) = gathered.compared(lambda path: path).cka
    assert (told.cka, told.new_used, told.new_channels) == (1.0, 4, 5)
    gathered.by_activity = True
    (told,) = gathered.compared(lambda path: path).cka
    assert told.cka is None
    assert "most active channels" in told.reason


# ---- the command --------------------------------------------------------------------------------------------------------------


def test_json_has_what_the_contract_names(
    sites: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(monkeypatch, capsys, *sites, "--json")
    data = json.loads(out, parse_constant=pytest.fail)
    assert (code, err, data["same"], data["verdict"]) == (1, "", False, VERDICT)
    assert len(data["flips"]) == 19
    assert {"image", "model", "before", "after"} <= data["flips"][0].keys()
    assert (data["flips"][0]["model"], data["flips"][0]["before"], data["flips"][0]["after"]) == ("epoch9", "red", "green")
    assert [each["path"] for each in data["cka"]] == ["conv"]
    assert 0 < data["cka"][0]["cka"] < 1
    assert {(each["path"], each["weight"]) for each in data["weights"]["rows"]} == {("conv", "kernel"), ("dense", "kernel")}
    assert data["models"][0]["mcnemar"] == {"broken": 2, "mended": 16, "p": 344 / 2**18}
    assert data["models"][0]["dead_channels"][0]["died"] == [4]
    assert len(data["images"]) == 56


def test_markdown_names_the_surest_flips(
    sites: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(monkeypatch, capsys, *sites, "--markdown")
    assert code == 1
    assert out.startswith(f"### Different: `old` → `new`\n\n{VERDICT}\n")
    assert "p = 0.001312, of 2 broken and 16 mended answers." in out
    assert "and 9 more." in out
    assert "| `conv` | 0." in out


@pytest.mark.parametrize(
    ("old", "new", "fail_on", "code"),
    [
        (0, 1, "flips", 1),
        (0, 1, "broken", 1),
        (0, 1, "accuracy", 0),
        (1, 0, "accuracy", 1),
        (0, 0, "flips", 0),
        (0, 0, "broken", 0),
    ],
)
def test_fail_on(
    sites: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], old: int, new: int,
    fail_on: str, code: int,
) -> None:  # fmt: skip
    assert run(monkeypatch, capsys, sites[old], sites[new], "--json", "--fail-on", fail_on)[0] == code


def test_fail_on_what_is_not_known_is_an_error(
    few: tuple[Path, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(
        monkeypatch, capsys, *few[:2], "--fail-on", "broken", "-o", tmp_path / "d.html", "--junit", tmp_path / "j.xml"
    )
    assert (code, out) == (2, "")
    assert "no true class of epoch1 → epoch9 is known in both sites" in err
    assert list(tmp_path.iterdir()) == []
    assert run(monkeypatch, capsys, *few[:2], "--fail-on", "flips", "--json")[0] == 1


@pytest.mark.parametrize(("fail_on", "failures"), [((), 2), (("--fail-on", "flips"), 19), (("--fail-on", "broken"), 2)])
def test_junit_has_a_case_for_each_image(
    sites: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    fail_on: tuple[str, ...], failures: int,
) -> None:  # fmt: skip
    run(monkeypatch, capsys, *sites, "--json", "--junit", tmp_path / "j.xml", *fail_on)
    suite = ElementTree.parse(tmp_path / "j.xml").getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("56", str(failures), "0")
    failing = {case.get("name") for case in suite if case.find("failure") is not None}
    assert {"red/green 00.png", "red/green 01.png"} <= failing
    assert len(failing) == failures


def test_bad_usage_is_a_line_and_writes_nothing(
    sites: tuple[Path, Path], few: tuple[Path, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    report = report_file(few[0], "red")
    cases: list[tuple[tuple[str | Path, ...], str]] = [
        ((sites[0], report), "is a site, and"),
        ((report, sites[0]), "give two sites, or reports."),
        ((sites[0],), "expected two sites"),
        ((*sites, few[0]), "expected two sites, the older one first; got 3."),
        ((*sites, "--fail-on", "error"), "--fail-on error: expected flips, broken or accuracy."),
        ((*sites, "-o", sites[1] / "index.html"), "which is not changed"),
        ((*sites, "--junit", sites[0] / "new.xml"), "which is not changed"),
        ((*sites, "-o", "a.html", "--junit", "a.html"), "both --output and --junit"),
        ((*sites, "-o", "-", "--json"), "both use standard output"),
        ((sites[0], few[1]), "no image in common"),
        ((report, report, "--junit", "a.xml"), "--junit needs two sites"),
        ((report, report, "--fail-on", "flips"), "--fail-on needs two sites"),
        ((*sites, "--labels", "x.txt"), "can only be used with --models"),
    ]
    for arguments, told in cases:
        code, out, err = run(monkeypatch, capsys, *arguments)
        assert (code, out, len(err.splitlines())) == (2, "", 1), arguments
        assert told in err
    assert list(tmp_path.iterdir()) == []


def test_sites_that_cannot_be_read(copies: tuple[Path, Path]) -> None:
    old, new = copies
    (new / "data" / "reports.jsonl").write_text("not a journal\n")
    with pytest.raises(ReportgenError, match="lists no reports"):
        compared(old, new)
    (new / "data" / "site.json").write_text('{"format": 7}')
    with pytest.raises(ReportgenError, match="a site of format 7"):
        compared(old, new)


def test_tensorflow_is_not_imported(few: tuple[Path, Path, Path]) -> None:
    assert not TENSORFLOW & modules_after("diff", str(few[0]), str(few[1]), "--json")


# ---- the page -----------------------------------------------------------------------------------------------------------------


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
    with pytest.raises(ReportFileError, match="this is a comparison"):
        reportgen.read(page)


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


def entry(answer: str, classes: str = "classification 3 x", index: int | None = 0, **facts: Any) -> Entry:
    return Entry(
        model="m",
        stem="a",
        model_name="m",
        image="a.png",
        label=answer,
        answer=answer,
        classes=classes,
        class_index=index,
        **facts,
    )


@pytest.mark.parametrize(
    ("old", "new", "flipped"),
    [
        (entry("cat"), entry("cat"), False),
        (entry("cat"), entry("dog", index=1), True),
        (entry("cat"), entry("the cat"), False),  # the same class under a longer name
        (entry("cat"), entry("cat", "classification 9 y", 7), False),  # other classes: by label
        (entry("cat"), entry("dog", "classification 9 y", 0), True),
        (entry("a and b", "multilabel 3 x"), entry("a", "multilabel 3 x"), True),  # the best label is the same
        (entry("a", "multilabel 3 x"), entry("a", "multilabel 3 x", 1), False),
        (entry("cat"), entry("no answer", "", None), True),
        (entry("x 0.5", "", None), entry("x 0.6", "", None), False),  # values do not flip
    ],
)
def test_what_counts_as_another_answer(old: Entry, new: Entry, flipped: bool) -> None:
    assert answer_changed(old, new) is flipped


def test_a_truth_counts_only_where_both_sites_give_the_same() -> None:
    right: dict[str, Any] = {"truth": "cat", "truth_index": 0, "correct": True}
    assert shared_truth(entry("cat", **right), entry("cat", **right)) == "cat"
    assert shared_truth(entry("cat", **right), entry("cat", **{**right, "truth": "Cat"})) == "Cat"
    assert shared_truth(entry("cat", **right), entry("cat", **{**right, "truth": "dog", "truth_index": 1})) == ""
    assert shared_truth(entry("cat", **right), entry("cat")) == ""


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_in_a_browser(browser: Any, page: Path, scheme: str) -> None:
    with opened(browser, page, color_scheme=scheme, viewport={"width": 390, "height": 900}) as it:
        assert it.page.evaluate("document.documentElement.scrollWidth") <= 390
        assert it.messages == []
        assert [each for each in it.requests if not each.startswith("data:")] == [page.as_uri()]
        assert axe_findings(it.page) == []
    with opened(browser, page, java_script_enabled=False) as it:
        text = it.page.inner_text("body")
        assert "16 mended" in text
        assert "p = 0.001312" in text
        assert it.page.evaluate("[...document.images].filter(each => each.naturalWidth > 0).length") >= 6
