"""The diff of two sites of nets with hand-set weights: what it says, and what is matched."""

from __future__ import annotations

import math
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import reportgen
from reportgen.errors import ReportFileError, ReportgenError
from reportgen.site_diff.render import SitePage
from reportgen.site_diff.result import SiteDiff

from .test_site_statistics import hsic_by_centring
from .two_sites import (
    NEW_CONV,
    NEW_DENSE,
    OLD_CONV,
    OLD_DENSE,
    VERDICT,
    TwoSites,
    change_entries,
    compared,
    make,
    only,
    report_file,
)

pytestmark = pytest.mark.usefixtures("one_core")


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


def test_sites_that_cannot_be_read(copies: tuple[Path, Path]) -> None:
    old, new = copies
    (new / "data" / "reports.jsonl").write_text("not a journal\n")
    with pytest.raises(ReportgenError, match="lists no reports"):
        compared(old, new)
    (new / "data" / "site.json").write_text('{"format": 7}')
    with pytest.raises(ReportgenError, match="a site of format 7"):
        compared(old, new)
