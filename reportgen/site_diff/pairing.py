"""Which model of the old site is which of the new one, and which images both sites hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from ..errors import ReportFileError
from ..formatting import counted, name
from ..site.entries import Entry, read_entries
from ..site.layout import REPORTS, check_site
from .facts import ReportFacts, read_facts

MOST_ALIKE = 100  # reports of one name in a site that are told apart by their images

Models = Mapping[str, list[Entry]]


class Matched(NamedTuple):
    """An image in both sites with its reports' facts, or the reason why its answers cannot be compared.

    `old` and `new` are None if the site does not hold the image.
    """

    image: str
    old: Entry | None
    new: Entry | None
    facts: tuple[ReportFacts, ReportFacts] | None
    reason: str = ""


OTHER_IMAGE = "another image of the same name"
FAILED_IN_BOTH = "it has no report in either site"


def models_of(site: Path) -> Models:
    """Return the entries of a site by model, sorted; raises `ReportFileError` for a folder that is no site, or an empty one."""
    check_site(site)
    found: dict[str, list[Entry]] = {}
    for entry in sorted(read_entries(site).values(), key=lambda each: each.key):
        found.setdefault(entry.model, []).append(entry)
    if not found:
        raise ReportFileError(f"{site}: the site lists no reports; make them, or rebuild its journal with reportgen index.")
    return found


def unlisted(site: Path, models: Models) -> int:
    """Return the number of reports in a site's folder that its journal does not list, as after a line of it was damaged."""
    listed = {entry.file for entries in models.values() for entry in entries}
    return sum(path.relative_to(site).as_posix() not in listed for path in (site / REPORTS).glob("*/*.html"))


def pair_models(old: Models, new: Models) -> list[tuple[str, str]]:
    """Return the models to compare as (old, new): those of the same name, or the only two there are.

    Raises `ReportFileError` if there is no such pair.
    """
    if len(old) == len(new) == 1:
        return [(next(iter(old)), next(iter(new)))]
    both = [(model, model) for model in new if model in old]
    if not both:
        named = [f"{counted(len(each), 'model')} ({', '.join(map(name, list(each)[:3]))})" for each in (old, new)]
        raise ReportFileError(
            f"the sites have no model in common: {named[0]} and {named[1]}; expected the same names, or one model in each site."
        )
    return both


def matched_images(old_site: Path, new_site: Path, old: Iterable[Entry], new: Iterable[Entry]) -> Iterator[Matched]:
    """Yield every image of one model in either site, by name. The reports are read one image at a time."""
    before, after = _by_image(old), _by_image(new)
    for image in sorted({*before, *after}):
        olds, news = before.get(image, []), after.get(image, [])
        if max(len(olds), len(news)) > MOST_ALIKE:
            reason = f"more than {MOST_ALIKE} reports of images of this name"
            yield Matched(image, next(iter(olds), None), next(iter(news), None), None, reason)
        elif not olds or not news:
            yield from (Matched(image, each, None, None) for each in olds)
            yield from (Matched(image, None, each, None) for each in news)
        else:
            yield from _matched(image, [_read(old_site, each) for each in olds], [_read(new_site, each) for each in news])


class _ReadEntry(NamedTuple):
    entry: Entry
    facts: ReportFacts | None
    reason: str


def _by_image(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for each in entries:
        found.setdefault(each.image, []).append(each)
    return found


def _read(site: Path, entry: Entry) -> _ReadEntry:
    if entry.error:
        return _ReadEntry(entry, None, "the report failed")
    try:
        return _ReadEntry(entry, read_facts(site / entry.file), "")
    except ReportFileError as error:
        reason = str(error).splitlines()[0].removeprefix(f"{site / entry.file}: ").rstrip(".")
        return _ReadEntry(entry, None, f"the report cannot be used: {reason}")


def _matched(image: str, olds: list[_ReadEntry], news: list[_ReadEntry]) -> Iterator[Matched]:
    """Yield the reports of images of one name: first those of the same digest, then what is left of them."""
    left = []
    for old in olds:
        place = next((place for place, new in enumerate(news) if _same(old.facts, new.facts)), None)
        if place is None:
            left.append(old)
            continue
        new = news.pop(place)
        assert old.facts is not None
        assert new.facts is not None
        yield Matched(image, old.entry, new.entry, (old.facts, new.facts))
    for old_left, new_left in zip_longest(left, news):
        if old_left is None or new_left is None:
            yield Matched(image, old_left and old_left.entry, new_left and new_left.entry, None)
        elif old_left.facts and new_left.facts:
            yield Matched(image, old_left.entry, new_left.entry, None, OTHER_IMAGE)
        elif old_left.entry.error and new_left.entry.error:
            yield Matched(image, old_left.entry, new_left.entry, None, FAILED_IN_BOTH)
        else:
            sites = (("old", old_left), ("new", new_left))
            reasons = [f"in the {which} site, {each.reason}" for which, each in sites if each.reason]
            yield Matched(image, old_left.entry, new_left.entry, None, "; ".join(reasons))


def _same(old: ReportFacts | None, new: ReportFacts | None) -> bool:
    return old is not None and new is not None and old.image_digest == new.image_digest
