"""Where the model looked: maps of how much each place contributed to the score of a class."""

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
from ...overlay import COARSE, laid_over, layer_of, layer_size, within
from ...palettes import few_colours
from ...picture import DIVERGING, RGB, WHOLE, Part, Picture, finite_range, quantize
from ...probe import Probe, Question, label_of
from ...records import formerly, record
from ...tensors import figure
from .quality import Correlation, Made, Quality, Sanity, correlations_of, quality_of, sanity_of, title_of

SENSES = {"not": "not ", "raised": "what raised ", "lowered": "what lowered "}
PLACES = 6  # digits behind the point of a share of the image: a thousandth of a pixel


@record(kw_only=True)
class Attribution:
    """One class explained by one method at the output of the layer `path`, or at the input where that is ""; with `into`, at what
    goes into that layer.

    With `against` the score is that of the class less that of the other; with the sense "not" it is minus the score of the
    one class of a yes-or-no model, and with "no" the same under the label that the other answer has. `low` and `peak` are the
    map's least and greatest value before any scaling, in `unit`; reports of format 1 do not tell `low`. `heatmap` (h, w) is the
    bare map, from 0 to the greatest value of the method's maps in this report or, of maps of either sign, from minus to plus
    the greatest absolute value; `layer` the same at its place
    on the image, to be laid over that (`Attributions.laid`). Older reports have no layer, but an `overlay`: the two in one.
    `reason` is a sentence that says why this layer was chosen, `note` figures of this map. `part` says where the map lies on
    the model's input: its cells are spread evenly over (top, left, height, width), shares of the input's height and width,
    each in the middle of what it sees; the part may reach beyond the input. `placed` is False where a layer's arithmetic is
    not known, so that the map was stretched. Reports of format 1 do not tell these three: their maps cover the whole image.
    """

    KEY: ClassVar = ("method", "class_index", "path", "sense")
    # the heatmap, in colours; and what follows from the layers
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
        """What is explained, as words: the layer, or what goes into it; its name between backticks."""
        if not self.path:
            return "the input"
        return f"what goes into {name(self.path)}" if self.into else name(self.path)

    @property
    def label_in_full(self) -> str:
        """What is explained of the answer: "cat", "not cat" or "cat rather than dog"."""
        against = f" rather than {self.against_label}" if self.against is not None else ""
        return f"{SENSES.get(self.sense, '')}{self.label}{against}"

    @property
    def signed(self) -> bool:
        """Whether the map shows values of either sign, 0 in the middle of its colours."""
        return self.heatmap.low < 0

    @property
    def coarse(self) -> bool:
        """Whether the map has so few cells that each is drawn as one."""
        height, width = self.heatmap.values.shape[:2]
        return bool(max(height, width) <= COARSE)

    @property
    def covers_image(self) -> bool:
        """Whether the map's cells are spread over the whole input and nothing else, as far as the report tells."""
        return self.part in (None, WHOLE)

    @property
    def title(self) -> str:
        """The method's name as its paper writes it."""
        return title_of(self.method)

    @property
    def meaning(self) -> str:
        """What bright and dark places mean; "" of a method that this version does not know."""
        return METHODS[self.method].meaning if self.method in METHODS else ""

    @property
    def reference(self) -> str:
        """Where the method comes from."""
        return METHODS[self.method].reference if self.method in METHODS else ""

    @property
    def by_class(self) -> bool:
        """Whether the map would be another one for another class."""
        return self.method not in METHODS or METHODS[self.method].by_class


@record
class NotMade:
    """A method that was asked for, and why it made no map."""

    KEY: ClassVar = ("method",)

    method: str
    reason: str

    @property
    def title(self) -> str:
        """The method's name as its paper writes it."""
        return title_of(self.method)


@record
class Attributions:
    """A row for every method and class, in the order asked for, and the methods that made none.

    `image` is what the maps are laid over: the image as it was given, in its own proportions. Older reports have none.
    """

    NOT_COMPARED: ClassVar = ("image",)

    rows: tuple[Attribution, ...]
    not_made: tuple[NotMade, ...] = ()
    image: Picture | None = field(default=None, kw_only=True)
    quality: tuple[Quality, ...] = field(default=(), kw_only=True)
    correlations: tuple[Correlation, ...] = field(default=(), kw_only=True)
    sanity: tuple[Sanity, ...] = field(default=(), kw_only=True)

    def laid(self, row: Attribution) -> Picture:
        """A map over the image, as one picture in colours."""
        if row.layer is None or self.image is None:
            return row.overlay or row.heatmap
        return laid_over(self.image.values, row.layer)

    def by(self, method: str) -> Attribution | None:
        """The first map that the method made; None where it made none."""
        return next((row for row in self.rows if row.method == method), None)

    def by_method(self) -> tuple[tuple[Attribution, ...], ...]:
        """The maps of each method, which stand side by side."""
        methods = dict.fromkeys(row.method for row in self.rows)
        return tuple(tuple(row for row in self.rows if row.method == method) for method in methods)

    def quality_by_class(self) -> tuple[tuple[Quality, ...], ...]:
        """The figures of the maps of each class, those of the random maps last."""
        classes = dict.fromkeys((row.class_index, row.sense) for row in self.quality)
        return tuple(tuple(row for row in self.quality if (row.class_index, row.sense) == each) for each in classes)

    def correlation_table(self) -> tuple[tuple[str, tuple[float | None, ...]], ...]:
        """A row for each method: its title, and its rank correlation with each, in the same order; 1 with itself."""
        known = {(row.first, row.second): row.rank_correlation for row in self.correlations}
        known |= {(second, first): value for (first, second), value in known.items()}
        methods = dict.fromkeys(name for row in self.correlations for name in (row.first, row.second))
        return tuple(
            (title_of(method), tuple(1.0 if other == method else known[method, other] for other in methods)) for method in methods
        )


def find_attributions(probe: Probe, options: Options) -> Attributions:
    """The maps of the methods asked for; raises `NotApplicable` where none of them could make one."""
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
        raise NotApplicable(" ".join(dict.fromkeys(each.reason for each in not_made)) or "No method was asked for.")

    def label(question: Question) -> tuple[str, str]:
        return _named(question, probe)

    return Attributions(
        rows=tuple(_rows(made, probe, options)),
        not_made=tuple(not_made),
        image=Picture(few_colours(probe.original), 0.0, 255.0, RGB),
        quality=quality_of(made, label) if options.quality else (),
        correlations=correlations_of(made) if options.quality else (),
        sanity=sanity_of(made, label) if options.sanity else (),
    )


def subjects_of(probe: Probe, options: Options) -> tuple[Subject, ...]:
    """What the methods are given, one for each score to explain."""
    explained = probe.explained or (None,) * len(probe.questions)
    kept: dict[str, object] = {}
    return tuple(
        Subject(
            network=probe.network,
            pixels=probe.given,
            question=question,
            explained=at_layer,
            no_layer=why_no_layer(probe),
            baseline=options.baseline,
            channels=options.score_channels,
            seed=options.seed,
            kept=kept,
        )
        for question, at_layer in zip(probe.questions, explained, strict=True)
    )


def asked_of(method: Method, subjects: tuple[Subject, ...], options: Options) -> tuple[Subject, ...]:
    """The subjects that a method explains: all that the user named; of the three best classes all where that costs nothing."""
    return subjects if method.by_class and (options.target is not None or not method.cost) else subjects[:1]


def _made(method: Method, subjects: tuple[Subject, ...]) -> list[Made]:
    """The method's maps that hold a number; raises `NotApplicable` where none does."""
    made = []
    for subject in subjects:
        heat = method.attribute(subject).astype(np.float32)
        layer = subject.layer if method.needs == "layer" else None
        part, kept = (layer.part, layer.kept) if layer else (method.part(subject), WHOLE)
        if np.isfinite(heat).any():
            made.append(Made(method, subject, heat, part, kept))
    if not made:
        where = f"The maps of {subjects[0].layer.path}, or the gradients there," if method.needs == "layer" else "Its values"
        raise NotApplicable(f"{where} are no numbers (nan or infinite).")
    return made


def _rows(made: list[Made], probe: Probe, options: Options) -> Iterator[Attribution]:
    for method in dict.fromkeys(each.method for each in made):
        maps = [each for each in made if each.method is method]
        ranges = [finite_range(each.heat) for each in maps]
        signed = method.signed or any(low < 0 for low, _ in ranges)
        # the maps of one method stand side by side: on one scale they say which class has more
        most = figure(np.float32(max(max(-low, high) if signed else high for low, high in ranges)))
        least = -most if signed else figure(np.float32(min(low for low, _ in ranges))) if method.from_low else 0.0
        colormap = DIVERGING if signed else options.colormap
        for each in maps:
            yield _row(each, Picture(quantize(each.heat, least, most), least, most, colormap), probe)


def _named(question: Question, probe: Probe) -> tuple[str, str]:
    """The label of what is explained, and the sense: "no" where the other answer of a yes-or-no model has a label of its own."""
    if question.sense == "not" and probe.outputs[0].no_label:
        return probe.outputs[0].no_label, "no"
    return label_of(probe, question.class_index), question.sense


def _row(made: Made, heatmap: Picture, probe: Probe) -> Attribution:
    method, subject, heat, part, kept = made
    question, layer = subject.question, subject.layer if method.needs == "layer" else None
    low, peak = (figure(np.float32(value)) for value in finite_range(heat))
    height, width = probe.original.shape[:2]
    size = layer_size((height, width), (heat.shape[0], heat.shape[1]))
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
        layer=layer_of(heatmap, within(probe.seen, part), within(probe.seen, kept), size),
        into=layer.into if layer else False,
        reason=layer.reason if layer else "",
        note=method.note(subject, heat) if method.note else "",
        part=Part(*(round(share, PLACES) for share in part)),
        placed=layer.placed if layer else True,
    )


def why_no_layer(probe: Probe) -> str:
    """Why there is no layer at which the answer could be explained."""
    output = probe.outputs[0]
    if probe.maps and not probe.questions and output.task in ("features", "image-to-image"):
        what = "an image" if output.task == "image-to-image" else "features"
        by_mean = ", by its mean over the map" if output.values.ndim == 3 else ""
        return f"The output is {what}: it stands for no class, so none is explained. --class N explains channel N{by_mean}."
    if not probe.maps:
        return (
            "No two-dimensional convolution took part in the forward pass, nor another layer with weights whose output has a "
            "height and a width, so there is no place to point at."
        )
    return "The score has no gradient at a layer whose output is known to be a map of the image: there is no place to point at."
