"""`check`: runs the checks on a model, with or without images, and makes no report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from .arrays import AnyImage
from .checks import Checks, NotChecked, run_checks
from .codec import Encoder
from .formatting import printable
from .levels import LEVELS, Level
from .probe import SeenImages
from .records import record
from .report import checks_about
from .reporter import Announce, Progress, Reporter
from .sections.section import Finding

NO_IMAGE = "No image was given."


@record
class Occurrence:
    """A finding and the names of the images it was found on; no names for a finding about the model itself."""

    finding: Finding
    images: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What the checks found about the model named `model` on `images` images, the most serious first."""

    model: str
    images: int
    occurrences: tuple[Occurrence, ...]
    checks: Checks

    def rows(self) -> list[dict[str, Any]]:
        """Return the findings as JSON values, as in a report's data, with the names of the images."""
        return [{**Encoder().encode(each.finding), "images": list(each.images)} for each in self.occurrences]


def check(
    model: Any,
    images: Sequence[AnyImage] = (),
    *,
    announce: Announce | None = None,
    progress: Progress = lambda step: None,
    **options: Any,
) -> Checked:
    """Run all checks on `model`; the arguments are those of `generate`.

    Some checks look at how the model processes an image, and one needs at least 20 images.

    Raises a `ReportgenError` if the model or an image cannot be read, or if an option is invalid.
    """
    reporter = Reporter(model, announce=announce, progress=progress, **options)
    parts: list[Checks] = []
    found: dict[tuple[str, str, str], Occurrence] = {}
    seen = SeenImages()
    for place, image in enumerate(images, start=1):
        progress(f"Image {place:,} of {len(images):,}")
        given, probe = reporter.show(image)
        seen.add(probe.maps)
        parts.append(run_checks(checks_about("image"), probe))
        for finding in parts[-1].rows:
            before = found.get(_key(finding), Occurrence(finding))
            found[_key(finding)] = Occurrence(before.finding, (*before.images, given.facts.name))
    # the model's checks run after the images: they use what the images' passes recorded
    of_model = run_checks(checks_about("model"), reporter.network)
    of_all = run_checks(checks_about("images"), seen)
    told = [check.name for check in checks_about("image") if check.told_by in of_all.checked]
    found = {key: each for key, each in found.items() if each.finding.level != "note" or each.finding.name not in told}
    parts = [of_model, *parts, of_all]
    found = {_key(finding): Occurrence(finding) for part in (of_model, of_all) for finding in part.rows} | found
    occurrences = sorted(found.values(), key=lambda each: LEVELS.index(each.finding.level))
    return Checked(
        model=reporter.network.name,
        images=len(images),
        occurrences=tuple(occurrences),
        checks=_as_one(parts, tuple(each.finding for each in occurrences), bool(images)),
    )


def _as_one(parts: Sequence[Checks], rows: tuple[Finding, ...], with_images: bool) -> Checks:
    """Combine the runs: the checks that ran at least once, and for each of the others the first reason why it did not."""
    checked = tuple(dict.fromkeys(name for part in parts for name in part.checked))
    reasons = [each for part in parts for each in part.not_checked]
    if not with_images:
        reasons += [NotChecked(each.name, NO_IMAGE) for each in checks_about("image")]
    not_checked = {each.name: each for each in reversed(reasons) if each.name not in checked}
    return Checks(rows=rows, checked=checked, not_checked=tuple(reversed(not_checked.values())))


def junit(checked: Checked, fail_on: Level) -> bytes:
    """Return the checks as a JUnit file: a test case per check, and a failure per finding at least as serious as `fail_on`."""
    failures = [each for each in checked.occurrences if LEVELS.index(each.finding.level) <= LEVELS.index(fail_on)]
    names = [*checked.checks.checked, *(each.name for each in checked.checks.not_checked)]
    suite = ElementTree.Element(
        "testsuite",
        name="reportgen check",
        tests=str(len(names)),
        failures=str(len({each.finding.name for each in failures})),
        errors="0",
        skipped=str(len(checked.checks.not_checked)),
    )
    reasons = {each.name: each.reason for each in checked.checks.not_checked}
    for name in names:
        case = ElementTree.SubElement(suite, "testcase", classname=printable(checked.model), name=name)
        if name in reasons:
            ElementTree.SubElement(case, "skipped", message=printable(reasons[name]))
        for each in checked.occurrences:
            if each.finding.name == name:
                told = printable(" ".join((each.finding.text, each.finding.advice)))
                if each in failures:
                    ElementTree.SubElement(case, "failure", type=each.finding.level, message=told)
                else:
                    ElementTree.SubElement(case, "system-out").text = told
    written: bytes = ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True)
    return written


def _key(finding: Finding) -> tuple[str, str, str]:
    return finding.level, finding.name, finding.path
