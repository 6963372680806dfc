"""`Reporter`: opens a model once and makes reports of it on any number of images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from .arrays import AnyImage, GivenArray, given_image
from .arrays.given import as_colours, ranges_of
from .arrays.others import OtherInput, other_input
from .errors import OptionError
from .image import GivenImage, check_image
from .loading.labels import given_labels
from .loading.references import Reference, check_weights, find_reference, stated_metrics
from .options import Fit, Options, Resample, concerning, options_of
from .options.other_inputs import given_inputs, input_files
from .overlay import part_seen, size_on_page
from .page.environment import check_templates
from .page.fitting import fitted
from .probe import Probe
from .provenance import command_of, provenance_of
from .report import FORMAT, Report, find_sections
from .request import check_options
from .resizing import fit
from .truth import truth_of

if TYPE_CHECKING:
    from .inspection.inspect import KerasProbe
    from .inspection.network import KerasNetwork

FEW = 3  # images that are not worth the time to trace a model: a trace takes as long as five passes
Progress = Callable[[str], None]
Announce = Callable[[str], TextIO]


def generate(
    model: Any,
    image: AnyImage,
    *,
    announce: Announce | None = None,
    progress: Progress = lambda step: None,
    **options: Any,
) -> Report:
    """Return a report of `model` on `image`; raises a `ReportgenError` that says in one or two lines what is wrong.

    model: a name (`reportgen models` lists them), a path, or a `keras.Model`, whose weights are not changed.
    image: a path, or an array (h, w, channels): uint8 pixels, or numbers that the model is given unchanged.
    options: those of `reportgen.Options`.
    announce: called before a download starts; returns the stream for its progress bar.
    progress: called with the name of each step.
    """
    check_request(model, check_options(**options), image)
    given = given_image(image)  # before TensorFlow is imported, so that a mistake is reported at once
    return Reporter(model, announce=announce, progress=progress, **options).report(given)


def generate_alike(models: Sequence[Any], image: AnyImage, **options: Any) -> list[Report]:
    """Return a report of each model on one image, each explaining the best classes of all models; arguments as for `generate`.

    If the models do not have the same classes, each explains its own; if the options name classes, all explain those. Only one
    model is open at a time: a model whose report lacks a class is opened again.
    """
    given = given_image(image)
    made = [generate(model, given, **options) for model in models]
    best = tuple(dict.fromkeys(report.best_class() for report in made))
    explained = [report.explained_classes() for report in made]
    if options.get("target") is not None or None in best or len({report.classes() for report in made}) > 1 or not all(explained):
        return made
    wanted = [tuple(dict.fromkeys((*best, *classes))) for classes in explained]
    return [
        report if set(best) <= set(classes) else generate(model, given, **{**options, "target": target})
        for model, report, classes, target in zip(models, made, explained, wanted, strict=True)
    ]


def load(model: Any, *, announce: Announce | None = None, **options: Any) -> KerasNetwork:
    """Load a model by its name or path, or take a `keras.Model`, with everything needed to run it on an image.

    options: those of `reportgen.Options` that concern the model. Raises `ModelError`, `OptionError` or `LabelsError`.
    """
    asked = check_options(**options)
    for name in options:
        if options_of(Options)[name].concerns != "model":
            raise OptionError(f"{name}: not an option for loading a model; pass it to generate(...) or Reporter(...).")
    return _network(model, asked, announce)


def _network(model: Any, asked: Options, announce: Announce | None) -> KerasNetwork:
    from .inspection.network import KerasNetwork
    from .loading.sources import load as loaded

    settled = concerning(asked, "model")
    head = settled.pop("head")
    return KerasNetwork(loaded(model, announce=announce, **settled), head)


def check_request(model: Any, asked: Options, image: Any = None) -> Reference | None:
    """Return the reference for `model`, or None for a model in memory.

    Raises a `ReportgenError` for any problem with the model, the image or the options that can be found before TensorFlow is
    imported and the image decoded.
    """
    if isinstance(image, (str, Path)):
        check_image(Path(image))
    reference = find_reference(model) if isinstance(model, (str, Path)) else None
    if reference is not None:
        check_weights(reference, asked.weights)
    given_labels(asked.labels)
    for file in input_files(asked.inputs).values():
        check_image(file)
    check_templates(Path(asked.templates) if asked.templates else None)
    return reference


class Reporter:
    """Opens a model once and makes reports of it.

        reporter = Reporter("vgg16", weights="random")
        for path in paths:
            report = reporter.report(path)

    The sections about the model alone (its layers, filters and weights) are made with the first image and shared by all reports.
    """

    def __init__(
        self,
        model: Any,
        *,
        announce: Announce | None = None,
        progress: Progress = lambda step: None,
        **options: Any,
    ) -> None:
        """Load the model; arguments as for `generate`. Raises `ModelError`, `OptionError` or `LabelsError`."""
        self.options = check_options(**options)
        self._reference = check_request(model, self.options)
        self._progress = progress
        progress("Loading TensorFlow and the model")
        self.network = _network(model, self.options, announce)
        self._of_model: list[tuple[Any, dict[str, Any]]] = []

    def report(self, image: AnyImage, *, truth: int | str | None = None, **options: Any) -> Report:
        """Return a report of the model on `image`, a path or an array; see `generate`.

        truth: the true class of the image, by index or label; the report says whether the model predicted it.
        options: override those given to the reporter. Options that concern the model are fixed there and rejected here.
        """
        return self.report_and_probe(image, truth=truth, **options)[0]

    def report_and_probe(self, image: AnyImage, *, truth: int | str | None = None, **options: Any) -> tuple[Report, Probe]:
        """Return a report as `report` does, and the probe that it was made from."""
        asked = self._options(options)
        given, probe = self._shown(image, asked)
        self._progress("Sections")
        true_class = None if truth is None else truth_of(truth, probe)
        fit, resample = self._ways(asked)
        report = Report(
            format=FORMAT,
            title=asked.title or f"{self.network.name} on {given.facts.name}",
            warnings=(*probe.network.loaded.warnings, *_warnings(given)),
            provenance=provenance_of(
                given,
                probe,
                replace(asked, fit=fit, resample=resample),
                command=command_of(self._reference, given, asked),
                truth=true_class,
                stated=() if self._reference is None else stated_metrics(self._reference),
            ),
            **find_sections(probe, asked, self._known(probe, asked)),
        )
        if asked.max_size is not None:
            report = fitted(report, probe, asked.max_size, Path(asked.templates) if asked.templates else None)
        return report, probe

    def expect(self, images: int) -> None:
        """Prepare for this many images with the same options: from the fourth on, tracing the model is worth its time.

        The reports stay the same.
        """
        self.network.expects_more = images > FEW

    def show(self, image: AnyImage) -> tuple[GivenImage | GivenArray, Probe]:
        """Run the model on `image` without making a report; return the image and the probe."""
        return self._shown(image, self.options)

    def _ways(self, asked: Options) -> tuple[Fit, Resample]:
        """Return how to fit and resize an image: as the user says, or else as the model's own preprocessor does."""
        return asked.fit or self.network.loaded.fit, asked.resample or self.network.loaded.resample

    def _shown(self, image: AnyImage, asked: Options) -> tuple[GivenImage | GivenArray, KerasProbe]:
        given = given_image(image)
        height, width, channels = self.network.loaded.input_shape
        how, resample = self._ways(asked)
        network, numbers = self.network, None
        if isinstance(given, GivenArray) and not given.fits(channels) and given.picture is not None:
            given = given.picture
        if isinstance(given, GivenArray):
            numbers = given.values
            pixels = given.fitted(height, width, channels, how, resample)
            if numbers.dtype != np.uint8 and asked.preprocess == "auto":
                if asked.baseline.startswith("#"):
                    raise OptionError(f"--baseline {asked.baseline}: an array has no colours; expected black (0), mean or blur.")
                network = network.taking_values(tuple((each.low, each.high) for each in ranges_of(pixels)))
            shown = as_colours(pixels)
        else:
            pixels, shown = given.fitted(height, width, channels, how, resample)
        size = given.facts.height, given.facts.width
        page = size_on_page(*size)
        original = fit(as_colours(given.values), *page) if isinstance(given, GivenArray) else given.on_white(*page, "stretch")
        self._progress("Forward pass")
        from .inspection.inspect import inspect

        network, others = self._beside(network, asked)
        seen = part_seen(size, (height, width), how)
        return given, inspect(network, pixels, shown, asked, original, seen, numbers, others)

    def _beside(self, network: KerasNetwork, asked: Options) -> tuple[KerasNetwork, tuple[OtherInput, ...]]:
        """Return the network with the requested values for its other inputs, and what they were given."""
        given, inputs = given_inputs(asked.inputs), network.loaded.inputs
        if inputs is None:
            if given:
                raise OptionError(f"--input {next(iter(given))}: {network.name} has no input other than the image; leave it out.")
            return network, ()
        inputs.check_names(given, network.name)

        how, resample = self._ways(asked)

        def fitted(name: str, shape: tuple[int | None, ...]) -> tuple[np.ndarray, OtherInput]:
            scale = self.network.prepared
            return other_input(name, shape, given[name], scale=scale, fit=how, resample=resample)

        found = {each.name: fitted(each.name, each.shape) for each in inputs.others}
        values = {name: value for name, (value, _) in found.items()}
        return network.beside(values), tuple(told for _, told in found.values())

    def _options(self, options: dict[str, Any]) -> Options:
        for name in concerning(self.options, "model"):
            if name in options:
                raise OptionError(f"{name}: an option for loading the model; pass it to Reporter(...), which opens it once.")
        return check_options(**{**vars(self.options), **options}) if options else self.options

    def _known(self, probe: Probe, asked: Options) -> dict[str, Any]:
        """Return the sections about the model found so far for the same layers, appearance options, ranges and other inputs."""
        way = probe.network.layers, concerning(asked, "looks"), probe.network.ranges, asked.inputs
        for known, sections in self._of_model:
            if known == way:
                return sections
        self._of_model.append((way, {}))
        return self._of_model[-1][1]


def _warnings(given: GivenImage | GivenArray) -> tuple[str, ...]:
    broken = given.not_finite() if isinstance(given, GivenArray) else ""
    return (broken,) if broken else ()
