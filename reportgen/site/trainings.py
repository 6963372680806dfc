"""The trainings in a site: which models are epochs of one, the pages that compare its epochs, and its metrics as curves."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from ..comparison.command import comparison_command
from ..comparison.result import Series
from ..comparison.series import series
from ..errors import OutputError, ReportgenError
from ..formatting import natural, numbers
from ..metrics import grouped
from ..options import ComparisonOptions
from ..page.diff import render_series
from ..page.read import read
from ..records import record
from .entries import Entry
from .figures import ModelFigures
from .layout import DIFFS, diff_file, series_file, write_in

EPOCH = re.compile(r"(?:(?P<training>.+)-)?epoch-(?P<number>\d{1,9})")
MOST_VERSIONS = 40  # epochs in a series: the page holds pictures of each, and all their reports are read at once
BOX = 300, 100  # width and height of the box that curves are drawn in


class Epoch(NamedTuple):
    """An epoch of a training. A training may have no name."""

    training: str
    number: int


class Curve(NamedTuple):
    """A metric over the epochs: its SVG path in a box of `BOX`, its first and its last value in words."""

    name: str
    path: str
    first: str
    last: str


@record(kw_only=True)
class Curves:
    """Metrics on one axis, which goes from `low` to `high`, over the epochs from `first` to `last`."""

    curves: tuple[Curve, ...]
    low: str
    high: str
    first: int
    last: int


class Step(NamedTuple):
    """The diff of two epochs, by their numbers, on an image."""

    old: int
    new: int
    file: str


@record(kw_only=True)
class Compared:
    """The comparisons of the epochs on one image: the series, "" if there is none, and the diffs.

    `reports` is how many epochs have a report of the image, `shown` how many of these the series holds.
    """

    image: str
    stem: str
    series: str
    steps: tuple[Step, ...]
    reports: int
    shown: int


@record(kw_only=True)
class Training:
    """A training of two epochs or more, in order: what the index shows of it."""

    name: str
    epochs: tuple[int, ...]
    curves: tuple[Curves, ...]
    images: tuple[Compared, ...]


def epoch_in(model: str) -> Epoch | None:
    """Return the epoch that a model's name in a site stands for, such as "epoch-03" or "fold-1-epoch-03"; None for others."""
    found = EPOCH.fullmatch(model)
    return None if found is None else Epoch(found["training"] or "", int(found["number"]))


def epochs_of(entries: Iterable[Entry]) -> dict[str, dict[int, str]]:
    """Return the models that are epochs: by the training's name, then by the epoch's number, in order."""
    found: dict[str, dict[int, str]] = {}
    for model in sorted({entry.model for entry in entries}, key=natural):
        epoch = epoch_in(model)
        if epoch is not None:
            found.setdefault(epoch.training, {}).setdefault(epoch.number, model)
    return {training: dict(sorted(those.items())) for training, those in found.items()}


def steps_in(site: Path, models: Mapping[int, str]) -> list[tuple[int, int]]:
    """Return the pairs of epochs of one training, by number, that the site holds diffs of."""
    held = {path.name for path in (site / DIFFS).glob("*") if path.is_dir() and not path.is_symlink()}
    if not held:
        return []
    return [(old, new) for old, new in combinations(models, 2) if f"{models[old]}--{models[new]}" in held]


def trainings_in(site: Path, entries: Sequence[Entry], figures: Sequence[ModelFigures]) -> tuple[Training, ...]:
    """Return the trainings that the site compares the epochs of."""
    by_model = {each.key: each for each in figures}
    return tuple(
        Training(
            name=training,
            epochs=tuple(models),
            curves=tuple(_curves({number: by_model[model] for number, model in models.items()})),
            images=tuple(_compared(site, training, models, entries)),
        )
        for training, models in epochs_of(entries).items()
        if steps_in(site, models)
    )


def comparisons_in(site: Path, entries: Sequence[Entry]) -> dict[tuple[str, str], tuple[tuple[Step, ...], str]]:
    """Return the comparisons that each report takes part in: the diffs with other epochs, and the series, "" if there is none."""
    found = {}
    for training, models in epochs_of(entries).items():
        for each in _compared(site, training, models, entries) if steps_in(site, models) else ():
            for number, model in models.items():
                found[model, each.stem] = tuple(step for step in each.steps if number in step[:2]), each.series
    return found


def _compared(site: Path, training: str, models: Mapping[int, str], entries: Sequence[Entry]) -> Iterator[Compared]:
    images = {entry.stem: entry.image for entry in sorted(entries, key=lambda entry: entry.key)}
    reports = Counter(entry.stem for entry in entries if entry.model in models.values() and not entry.error)
    pairs = steps_in(site, models)
    for stem, image in sorted(images.items()):
        whole = series_file(training, stem)
        steps = (Step(old, new, diff_file(models[old], models[new], stem)) for old, new in pairs)
        found = tuple(step for step in steps if _is_file(site, step.file))
        if found or _is_file(site, whole):
            yield Compared(
                image=image,
                stem=stem,
                series=whole if _is_file(site, whole) else "",
                steps=found,
                reports=reports[stem],
                shown=min(reports[stem], MOST_VERSIONS),
            )


def _is_file(site: Path, file: str) -> bool:
    return (site / file).is_file() and not (site / file).is_symlink()


def _curves(figures: Mapping[int, ModelFigures]) -> Iterator[Curves]:
    """Yield the metrics that two epochs or more have; a metric of the training and its "val_" share an axis."""
    numbered = list(figures)
    values = {number: {metric.name: metric.value for metric in each.metrics} for number, each in figures.items()}
    for names in grouped(name for of in values.values() for name in of):
        lines = {name: {number: of[name] for number, of in values.items() if name in of} for name in names}
        drawn = {name: line for name, line in lines.items() if len(line) > 1}
        if drawn:
            yield _on_one_axis(drawn, numbered[0], numbered[-1])


def _on_one_axis(lines: Mapping[str, Mapping[int, float]], first: int, last: int) -> Curves:
    known = [value for line in lines.values() for value in line.values()]
    low, high = min(known), max(known)
    width, height = BOX

    def at(number: int, value: float) -> str:
        # scaled before they are subtracted, because a loss may be so large that a difference is infinite
        up = (value / 2 - low / 2) / (high / 2 - low / 2) if high > low else 0.5
        return f"{(number - first) / max(1, last - first) * width:.1f} {(1 - up) * height:.1f}"

    return Curves(
        curves=tuple(
            Curve(name, "M" + "L".join(at(*each) for each in line.items()), *_ends(list(line.values())))
            for name, line in lines.items()
        ),
        low=numbers([low, high])[0],
        high=numbers([low, high])[1],
        first=first,
        last=last,
    )


def _ends(values: Sequence[float]) -> tuple[str, str]:
    first, last = numbers([values[0], values[-1]])
    return first, last


def merge_diffs(
    place: Path, entries: Mapping[tuple[str, str], Entry], held: Mapping[Path, Mapping[tuple[str, str], Entry]]
) -> None:
    """Copy the diffs of epochs from the sites in `held` to the site `place`; raises `OutputError`.

    entries: what `place` has now. held: the entries of each site that was merged. A diff is taken from the last site that has it
    and both its reports. One of reports that `place` does not have any more is removed.
    """

    def has(site: Path, key: tuple[str, str]) -> bool:
        now, there = entries.get(key), held[site].get(key)
        return now is not None and there is not None and (there is now or there.wanted == now.wanted != "")

    for models in epochs_of(entry for entry in entries.values() if not entry.error).values():
        for old, new in dict.fromkeys(pair for site in (place, *held) for pair in steps_in(site, models)):
            for stem in sorted({stem for model, stem in entries if model in (models[old], models[new])}):
                file, both = diff_file(models[old], models[new], stem), ((models[old], stem), (models[new], stem))
                sources = [site for site in held if all(has(site, key) for key in both) and _is_file(site, file)]
                try:
                    if not sources:
                        (place / file).unlink(missing_ok=True)
                    elif sources[-1].resolve() != place.resolve():
                        write_in(place, file, (sources[-1] / file).read_bytes())
                except OSError as error:
                    raise OutputError(f"{place / file}: cannot be copied ({error.strerror}).") from error


def write_series(site: Path, entries: Iterable[Entry], templates: Path | None = None, training: str | None = None) -> list[str]:
    """Write a page for each image that follows it over the epochs: of one training, or of all those with diffs.

    Returns what went wrong, a line for each image without a page. Raises `OutputError`.
    """
    listed = [entry for entry in entries if not entry.error]
    by_key = {entry.key: entry for entry in listed}
    problems: list[str] = []
    for name, models in epochs_of(listed).items():
        if name != training if training is not None else not steps_in(site, models):
            continue
        for stem in sorted({entry.stem for entry in listed}):
            files = [by_key[model, stem].file for model in models.values() if (model, stem) in by_key]
            if len(files) < 2:
                continue
            try:
                page = render_series(_series_over(site, files), templates)
            except OutputError:
                raise
            except ReportgenError as error:
                problems.append(str(error))
            else:
                write_in(site, series_file(name, stem), page.encode())
    return problems


def _series_over(site: Path, files: Sequence[str]) -> Series:
    """Return the series over the reports of all epochs; its verdict says so if only some of them are in it."""
    chosen = spread(files)
    found = series([read(site / file) for file in chosen])
    found = replace(found, command=comparison_command(chosen, ComparisonOptions()))
    if len(chosen) == len(files):
        return found
    told = f"This series has {len(chosen)} of the {len(files):,} epochs, evenly spaced; the others are left out."
    return replace(found, verdict=f"{found.verdict} {told}")


def spread(files: Sequence[str], most: int = MOST_VERSIONS) -> list[str]:
    """Return all files or, if there are more than `most`, the first, the last and those at equal distances between them."""
    if len(files) <= most:
        return list(files)
    return [files[place * (len(files) - 1) // (most - 1)] for place in range(most)]
