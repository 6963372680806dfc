"""The diff of two sites as JSON values, as Markdown and as a JUnit file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal
from xml.etree import ElementTree

from ..codec import Encoder
from ..formatting import name, number, plain, printable, probability, score
from ..page.markdown import table_lines
from ..report import SECTIONS
from ..sections.section import Table
from ..site.entries import Entry
from .result import ComparedImage, ModelDiff, SiteDiff

FailOn = Literal["", "flips", "broken", "accuracy"]


def answer_of(entry: Entry) -> str:
    """Return the answer in words: the label where it is a class."""
    return entry.label or entry.answer or "no answer"


def sure_of(entry: Entry) -> str:
    """Return the probability of the answer in words, or else its score; "" if neither is known."""
    if entry.confidence is not None:
        return probability(entry.confidence)
    return "" if entry.score is None else score(entry.score)


def data_of(diff: SiteDiff) -> dict[str, Any]:
    """Return the comparison as JSON values."""
    return {
        "same": diff.same,
        "verdict": diff.verdict,
        "caveats": list(diff.caveats),
        "tolerance": diff.tolerance,
        "old": diff.old,
        "new": diff.new,
        "models_only_in_old": list(diff.only_old),
        "models_only_in_new": list(diff.only_new),
        "reportgen": diff.reportgen,
        "command": diff.command,
        "models": [_encoded(_model(each)) for each in diff.models],
        "flips": [_encoded(_image(each)) for each in diff.flips()],
        "cka": [_encoded({"model": model.model, **vars(each)}) for model in diff.models for each in model.representations.cka],
        "weights": {"rows": [row for model in diff.models for row in _weights(model)]},
        "images": [_encoded(_image(each)) for model in diff.models for each in model.images],
    }


def _encoded(values: Mapping[str, Any]) -> Any:
    return Encoder().encode(values)


def _model(model: ModelDiff) -> dict[str, Any]:
    known, found = model.accuracy, model.representations
    return {
        "model": model.model,
        "old_model": model.old_model,
        "images": len(model.images),
        "flips": None if model.unmatched else len(model.flips()),
        "only_in_old": model.only_old,
        "only_in_new": model.only_new,
        "other_images": model.other_images,
        "failed_in_both": model.failed,
        "not_compared": model.not_compared,
        "accuracy": known and {"images": known.images, "before": known.old, "after": known.new},
        "mcnemar": known and known.test,
        "total_variation": model.shift,
        "total_variation_reason": model.shift_reason,
        "feature_map_images": found.images,
        "cka_images": found.cka_images if found.cka else 0,
        "cka_reason": found.cka_reason,
        "dead_channels": found.dead,
        "dead_channels_reason": found.dead_reason,
        "model_same": model.model_same,
        "caveats": model.caveats,
    }


def _image(image: ComparedImage) -> dict[str, Any]:
    old, new = image.old, image.new
    return {
        "image": image.image,
        "model": image.model,
        "old_model": image.old_model,
        "before": answer_of(old),
        "after": answer_of(new),
        "change": image.change,
        "truth": image.truth or None,
        "before_confidence": old.confidence,
        "after_confidence": new.confidence,
        "before_score": old.score,
        "after_score": new.score,
        "before_report": old.file,
        "after_report": new.file,
        "score_change": image.moved,
        "total_variation": image.total_variation,
    }


def _weights(model: ModelDiff) -> Iterator[dict[str, Any]]:
    part = model.pair.part("weights") if model.pair else None
    for row in part.rows if part is not None else ():
        yield {"model": model.model, **_encoded(vars(row))}


def markdown_of(diff: SiteDiff) -> str:
    """Return the comparison in GitHub's Markdown: the verdict, the flips that are surest, and how far the model moved."""
    return "\n".join(_lines(diff)) + "\n"


def _lines(diff: SiteDiff) -> Iterator[str]:
    yield f"### {'Same' if diff.same else 'Different'}: {name(diff.old)} → {name(diff.new)}"
    yield f"\n{diff.verdict}"
    yield from (f"\n> {caveat}" for caveat in diff.caveats)
    for model in diff.models:
        if len(diff.models) > 1:
            yield f"\n#### {name(model.name)}"
        if model.accuracy:
            test = model.accuracy.test
            yield f"\nMcNemar's exact test: p = {number(test.p)}, for {test.broken:,} broken and {test.mended:,} mended answers."
        flips = [
            (name(each.image), _told(each.old), _told(each.new), name(each.truth) if each.truth else "–")
            for each in model.flips()
        ]
        if flips:
            yield from table_lines(Table(("Image", "Before", "After", "Truth"), tuple(flips)))
        known = sorted((each.cka, each.path) for each in model.representations.cka if each.cka is not None)
        if known:
            yield from table_lines(Table(("Layer", "CKA"), tuple((name(path), number(cka)) for cka, path in known)))
        part = model.pair.part("weights") if model.pair else None
        table_of = SECTIONS["weights"].table
        table = table_of(part) if table_of is not None and part is not None else None
        if table is not None:
            yield from table_lines(table)


def _told(entry: Entry) -> str:
    return f"{name(answer_of(entry))} {sure_of(entry)}".rstrip()


def is_failure(image: ComparedImage, fail_on: FailOn) -> bool:
    """Return whether an image fails: a right answer became wrong, or one of unknown truth changed.

    With `fail_on` "flips" every changed answer fails, with "broken" those of unknown truth do not.
    """
    if fail_on == "flips":
        return image.flipped
    return image.change == "broken" or (image.change == "unknown" and fail_on != "broken")


def junit_of(diff: SiteDiff, fail_on: FailOn) -> bytes:
    """Return the comparison as a JUnit file: a test case for each image; images that were not compared are skipped."""
    cases: list[tuple[str, str, str, str]] = []
    for model in diff.models:
        for image in model.images:
            told = f"{plain(answer_of(image.old))} → {plain(answer_of(image.new))}"
            kind: str = image.change if is_failure(image, fail_on) else ""
            if model.unmatched and not kind:
                cases.append((model.name, image.image, "skipped", f"{told}: the classes of the models cannot be matched"))
                continue
            truth = f", truth {plain(image.truth)}" if image.truth else ""
            cases.append((model.name, image.image, kind, f"{told}{truth}" if image.flipped else ""))
        cases += [(model.name, each.image, "skipped", each.reason) for each in model.not_compared]
        left = (("another image of the same name", model.other_images), ("only in the old site", model.only_old),
                ("only in the new site", model.only_new), ("no report in either site", model.failed))  # fmt: skip
        cases += [(model.name, image, "skipped", reason) for reason, those in left for image in those]
    suite = ElementTree.Element(
        "testsuite",
        name="reportgen diff",
        tests=str(len(cases)),
        failures=str(sum(kind not in ("", "skipped") for _, _, kind, _ in cases)),
        errors="0",
        skipped=str(sum(kind == "skipped" for _, _, kind, _ in cases)),
    )
    for model_name, image_name, kind, text in cases:
        case = ElementTree.SubElement(suite, "testcase", classname=printable(model_name), name=printable(image_name))
        if kind == "skipped":
            ElementTree.SubElement(case, "skipped", message=printable(text))
        elif kind:
            ElementTree.SubElement(case, "failure", type=kind, message=printable(text))
        elif text:
            ElementTree.SubElement(case, "system-out").text = printable(text)
    written: bytes = ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True)
    return written
