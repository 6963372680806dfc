"""Attribution maps: how much each place contributed to the score of a class."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import ClassVar

import numpy as np

from ...errors import NotApplicable
from ...formatting import name
from ...methods.attribution import METHODS, Method
from ...methods.subject import Subject
from ...options import Options
from ...overlay import COARSE, laid_over
from ...palettes import few_colours
from ...picture import DIVERGING, RGB, WHOLE, Part, Picture, finite_range, quantize
from ...probe import Probe, Question, label_of
from ...records import formerly, record
from ...tensors import figure
from .quality import Correlation, Made, Quality, Sanity, correlations_of, quality_of, sanity_of, title_of
from .rivals import Rivals, on_image, place_of, region_of, rivals_of
from .subjects import asked_of, subjects_of, why_no_layer

SENSES = {"not": "not ", "raised": "what raised ", "lowered": "what lowered "}
MOST_BRIGHTEST = 16  # cells that share the max of a map whose brightest region is named
BESIDE = 4  # max maps of other classes that the top of the page shows
PLACES = 6  # decimals of a position as a fraction of the image: a thousandth of a pixel


@record(kw_only=True)
class Attribution:
    """One class explained by one method.

    The map lies at the output of the layer `path` or, with `into`, at its input; an empty `path` means the model's input.

    With `against` the score is that of the class minus that of the other class. With the sense "not" it is minus the score of
    the only class of a yes-or-no model; "no" is the same under the label of the "no" answer. `low` and `peak` are the map's min
    and max before any scaling, in `unit`; reports of format 1 have no `low`. `heatmap` (h, w) is the bare map. Its scale is
    shared by the method's maps in this report: from 0, or the min of maps that start there, to their max, or from minus to plus
    the max absolute value for signed maps. `layer` is the same map at its place on the image, as an overlay (see
    `Attributions.laid`). Older reports have an `overlay` instead, which holds image and map in one.

    `reason` is a sentence that says why this layer was chosen; `note` gives figures about this map. `part` says where the map
    lies on the model's input: (top, left, height, width) as fractions of the input's height and width. The cells are spread
    evenly over it, each at the centre of its receptive field, and it may reach beyond the input. `placed` is False if the
    geometry of a layer is not known, so that the map was stretched over the image. Reports of format 1 have none of these four:
    their maps cover the whole image.
    """

    KEY: ClassVar = ("method", "class_index", "path", "sense")
    # derived from the heatmap, or from the layers
    NOT_COMPARED: ClassVar = ("overlay", "layer", "reason", "part", "placed")

    method: str = formerly(values={"grad_cam": "grad-cam"})
    path: str
    class_index: int
    label: str
    sense: str = ""
    against: int | None = None
    against_label: str = ""
    unit: str
    low: float | None = None
    peak: float
    heatmap: Picture
    overlay: Picture | None = None
    layer: Picture | None = None
    into: bool = False
    reason: str = ""
    note: str = ""
    part: tuple[float, float, float, float] | None = None
    placed: bool | None = None

    @property
    def where(self) -> str:
        """What is explained, in words: the layer or its input, with the name between backticks."""
        if not self.path:
            return "the input"
        return f"what goes into {name(self.path)}" if self.into else name(self.path)

    @property
    def label_in_full(self) -> str:
        """The score that is explained, e.g. "cat", "not cat" or "cat rather than dog"."""
        against = f" rather than {self.against_label}" if self.against is not None else ""
        return f"{SENSES.get(self.sense, '')}{self.label}{against}"

    @property
    def signed(self) -> bool:
        """Whether the map shows signed values, with 0 in the middle of its colours."""
        return self.heatmap.low < 0

    @property
    def coarse(self) -> bool:
        """Whether the map has so few cells that each is drawn as a square instead of being interpolated."""
        height, width = self.heatmap.values.shape[:2]
        return bool(max(height, width) <= COARSE)

    @property
    def covers_image(self) -> bool:
        """Whether the map's cells cover exactly the whole input, as far as the report tells."""
        return self.part in (None, WHOLE)

    @property
    def brightest(self) -> str:
        """Where on the model's input the greatest value lies, in words; "" if in several regions, or not known.

        Not told of signed maps, in which the least value says as much.
        """
        values = self.heatmap.values
        if self.placed is False or self.signed or values.ndim != 2 or values.min() == values.max():
            return ""
        part, cells = Part(*(self.part or WHOLE)), np.argwhere(values == values.max())
        regions = {region_of(place_of(cell, values.shape, part)) for cell in cells[:MOST_BRIGHTEST]}
        return regions.pop() if len(regions) == 1 and len(cells) <= MOST_BRIGHTEST else ""

    @property
    def title(self) -> str:
        """The method's name as in its paper."""
        return title_of(self.method)

    @property
    def meaning(self) -> str:
        """What bright and dark places mean; "" for a method that this version does not know."""
        return METHODS[self.method].meaning if self.method in METHODS else ""

    @property
    def reference(self) -> str:
        """The paper of the method; "" for a method that this version does not know."""
        return METHODS[self.method].reference if self.method in METHODS else ""

    @property
    def by_class(self) -> bool:
        """Whether the map depends on the class."""
        return self.method not in METHODS or METHODS[self.method].by_class


@record
class NotMade:
    """A requested method that made no map, and why."""

    KEY: ClassVar = ("method",)

    method: str
    reason: str

    @property
    def title(self) -> str:
        """The method's name as in its paper."""
        return title_of(self.method)


@record
class Attributions:
    """A row for every method and class, in the order requested, and the methods that made no map.

    `image` is the image that the maps are laid over, as it was given, with its own aspect ratio. `rivals` says what speaks for
    the better of the first two classes against the other. Older reports have neither.
    """

    NOT_COMPARED: ClassVar = ("image", "rivals")  # `rivals` is derived from the maps and gradients

    rows: tuple[Attribution, ...]
    not_made: tuple[NotMade, ...] = ()
    image: Picture | None = field(default=None, kw_only=True)
    quality: tuple[Quality, ...] = field(default=(), kw_only=True)
    correlations: tuple[Correlation, ...] = field(default=(), kw_only=True)
    sanity: tuple[Sanity, ...] = field(default=(), kw_only=True)
    rivals: Rivals | None = field(default=None, kw_only=True)

    def laid(self, row: Attribution) -> Picture:
        """Return the map laid over the image, as one colour picture."""
        if row.layer is None or self.image is None:
            return row.overlay or row.heatmap
        return laid_over(self.image.values, row.layer)

    def by(self, method: str) -> Attribution | None:
        """Return the first map of the method; None if it made none."""
        return next((row for row in self.rows if row.method == method), None)

    def by_method(self) -> tuple[tuple[Attribution, ...], ...]:
        """Return the maps grouped by method; they are shown side by side."""
        methods = dict.fromkeys(row.method for row in self.rows)
        return tuple(tuple(row for row in self.rows if row.method == method) for method in methods)

    def beside(self) -> tuple[Attribution, ...]:
        """Return the other maps of the first method, to show beside its first one; () if they are too many to stand there."""
        others = self.by_method()[0][1:] if self.rows else ()
        shown = 0 < len(others) <= BESIDE and all(row.layer or row.overlay for row in others)
        return others if shown else ()

    def quality_by_class(self) -> tuple[tuple[Quality, ...], ...]:
        """Return the quality figures grouped by class, with those of the random maps last."""
        classes = dict.fromkeys((row.class_index, row.sense) for row in self.quality)
        return tuple(tuple(row for row in self.quality if (row.class_index, row.sense) == each) for each in classes)

    def correlation_table(self) -> tuple[tuple[str, tuple[float | None, ...]], ...]:
        """Return, for each method, its title and its rank correlation with every method in the same order; 1 with itself."""
        known = {(row.first, row.second): row.rank_correlation for row in self.correlations}
        known |= {(second, first): value for (first, second), value in known.items()}
        methods = dict.fromkeys(name for row in self.correlations for name in (row.first, row.second))
        return tuple(
            (title_of(method), tuple(1.0 if other == method else known[method, other] for other in methods)) for method in methods
        )


def find_attributions(probe: Probe, options: Options) -> Attributions:
    """Return the maps of the requested methods; raises `NotApplicable` if none of them could make one."""
    if not probe.questions:
        raise NotApplicable(why_no_layer(probe))
    made: list[Made] = []
    not_made = []
    subjects = subjects_of(probe, options)
    for method in METHODS if "all" in options.explain else options.explain:
        try:
            made += _made(METHODS[method], asked_of(METHODS[method], subjects, options))
        except NotApplicable as reason:
            not_made.append(NotMade(method, str(reason)))
    if not made:
        raise NotApplicable(" ".join(dict.fromkeys(each.reason for each in not_made)) or "No attribution method was requested.")

    def label(question: Question) -> tuple[str, str]:
        return _named(question, probe)

    return Attributions(
        rows=tuple(_rows(made, probe, options)),
        not_made=tuple(not_made),
        image=Picture(few_colours(probe.original, quick=True), 0.0, 255.0, RGB),
        quality=quality_of(made, label) if options.quality else (),
        correlations=correlations_of(made) if options.quality else (),
        sanity=sanity_of(made, label) if options.sanity else (),
        rivals=rivals_of(probe),
    )


def _made(method: Method, subjects: tuple[Subject, ...]) -> list[Made]:
    """Return the method's maps that have a finite value; raises `NotApplicable` if none has."""
    made = []
    for subject in subjects:
        heat = method.attribute(subject).astype(np.float32)
        layer = subject.layer if method.needs == "layer" else None
        part, kept = (layer.part, layer.kept) if layer else (method.part(subject), WHOLE)
        if np.isfinite(heat).any():
            made.append(Made(method, subject, heat, part, kept))
    if not made:
        where = (
            f"The feature maps of {subjects[0].layer.path}, or the gradients there," if method.needs == "layer" else "Its values"
        )
        raise NotApplicable(f"{where} are not finite (nan or infinite).")
    return made


def _rows(made: list[Made], probe: Probe, options: Options) -> Iterator[Attribution]:
    for method in dict.fromkeys(each.method for each in made):
        maps = [each for each in made if each.method is method]
        ranges = [finite_range(each.heat) for each in maps]
        signed = method.signed or any(low < 0 for low, _ in ranges)
        # the maps of one method are shown side by side, on one scale so that classes can be compared
        most = figure(np.float32(max(max(-low, high) if signed else high for low, high in ranges)))
        least = -most if signed else figure(np.float32(min(low for low, _ in ranges))) if method.from_low else 0.0
        colormap = DIVERGING if signed else options.colormap
        for each in maps:
            yield _row(each, Picture(quantize(each.heat, least, most), least, most, colormap), probe)


def _named(question: Question, probe: Probe) -> tuple[str, str]:
    """Return the label and the sense of what is explained; "no" if the "no" answer of a yes-or-no model has its own label."""
    if question.sense == "not" and probe.outputs[0].no_label:
        return probe.outputs[0].no_label, "no"
    return label_of(probe, question.class_index), question.sense


def _row(made: Made, heatmap: Picture, probe: Probe) -> Attribution:
    method, subject, heat, part, kept = made
    question, layer = subject.question, subject.layer if method.needs == "layer" else None
    low, peak = (figure(np.float32(value)) for value in finite_range(heat))
    named, sense = _named(question, probe)
    return Attribution(
        method=method.name,
        path=layer.path if layer else "",
        class_index=question.class_index,
        label=named,
        sense=sense,
        against=question.against,
        against_label="" if question.against is None else label_of(probe, question.against),
        unit=method.unit_of(question.unit),
        low=low,
        peak=peak,
        heatmap=heatmap,
        layer=on_image(heatmap, probe, part, kept),
        into=layer.into if layer else False,
        reason=layer.reason if layer else "",
        note=method.note(subject, heat) if method.note else "",
        part=Part(*(round(share, PLACES) for share in part)),
        placed=layer.placed if layer else True,
    )
