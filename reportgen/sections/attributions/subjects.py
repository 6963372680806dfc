"""The input of the attribution methods: a `Subject` for each score to explain."""

from __future__ import annotations

from ...methods.attribution import Method
from ...methods.subject import Subject
from ...options import Options
from ...probe import Probe


def subjects_of(probe: Probe, options: Options) -> tuple[Subject, ...]:
    """Return a subject for each score to explain."""
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
    """Return the subjects that a method explains.

    These are all classes that the user named. Of the default top three classes, a method with a cost explains only the first. A
    method whose map is the same for every class explains one.
    """
    return subjects if method.by_class and (options.target is not None or not method.cost) else subjects[:1]


def why_no_layer(probe: Probe) -> str:
    """Return a sentence that says why there is no layer at which the answer could be explained."""
    output = probe.outputs[0]
    if probe.maps and not probe.questions and output.task in ("features", "image-to-image"):
        what = "an image" if output.task == "image-to-image" else "features"
        by_mean = ", by its mean over the map" if output.values.ndim == 3 else ""
        return f"The output is {what}, not class scores, so no class is explained. --class N explains channel N{by_mean}."
    if not probe.maps:
        return (
            "No two-dimensional convolution took part in the forward pass, nor another layer with weights whose output has a "
            "height and a width, so no place of the image can be highlighted."
        )
    return "The score has no gradient at a layer whose output is a map of the image, so no place of the image can be highlighted."
