"""The provenance of a report: model, image, versions, options, the command that makes it again, and notes on the image."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from .arrays import GivenArray
from .image import GivenImage
from .loading.references import Reference
from .metrics import Metric, metrics_of
from .options import Options
from .options.other_inputs import HeldValue
from .picture import WHOLE
from .probe import Probe
from .report import Provenance, Versions
from .request import command_line, without_folders
from .tensors import tensor_digest
from .truth import Truth
from .version import __version__

if TYPE_CHECKING:
    from .inspection.inspect import KerasProbe


def provenance_of(
    given: GivenImage | GivenArray,
    probe: KerasProbe,
    asked: Options,
    *,
    command: str,
    truth: Truth | None,
    stated: tuple[Metric, ...],
) -> Provenance:
    """Return the provenance of a report; `asked` holds what was done, also what the user left to the model.

    `stated` are metrics that come with the model; of two with one name, the user's is kept.
    """
    from .backend import versions

    tensorflow, keras = versions()
    # a fourth channel counts only if it is not fully opaque: other pixels keep the digest that earlier versions wrote
    is_whole = probe.given.dtype == np.uint8 and probe.numbers is None
    opaque = is_whole and (probe.given.shape[2] < 4 or probe.given[:, :, 3].min() == 255)
    return Provenance(
        model=probe.network.facts,
        image=given.facts,
        versions=Versions(reportgen=__version__, tensorflow=tensorflow, keras=keras, numpy=np.__version__),
        options=without_folders(asked),
        command=command,
        notes=(*_given_notes(given, probe), *_resize_notes(given, probe, asked), *_cut_notes(probe)),
        input_digest=_input_digest(probe, tensor_digest(probe.pixels if opaque else probe.given)),
        output=asked.head or probe.heads[0],
        truth=truth,
        metrics=_metrics(metrics_of(asked.metric), stated),
    )


def _metrics(given: tuple[Metric, ...], stated: tuple[Metric, ...]) -> tuple[Metric, ...]:
    names = {metric.name.lower() for metric in given}
    return (*given, *(metric for metric in stated if metric.name.lower() not in names))


def command_of(reference: Reference | None, given: GivenImage | GivenArray, asked: Options) -> str:
    """Return the command line that makes the report again; "" if the model, the image or another input came from memory."""
    named = without_folders(asked)
    from_memory = not given.in_file or any(isinstance(each, HeldValue) for each in named.inputs)
    return "" if reference is None or from_memory else command_line(reference, given.facts.name, named)


def _input_digest(probe: Probe, image: str) -> str:
    """Return the digest of everything the model was given; the image's digest if the image is its only input."""
    others = [f"{each.name} {each.digest}" for each in probe.others_given]
    return hashlib.sha256("\n".join([image, *others]).encode()).hexdigest() if others else image


def _given_notes(given: GivenImage | GivenArray, probe: Probe) -> tuple[str, ...]:
    channels = probe.given.shape[2]
    if isinstance(given, GivenImage):
        return given.notes_for(channels)
    return given.notes_for(channels, scaled="" if probe.network.ranges is not None else probe.network.facts.preprocessing)


def _resize_notes(given: GivenImage | GivenArray, probe: Probe, asked: Options) -> tuple[str, ...]:
    """Return a note on how the image was resized, if it was and not by the default method."""
    height, width = probe.given.shape[:2]
    method = asked.resample or "bicubic"
    if method == "bicubic" or (given.facts.height, given.facts.width) == (height, width):
        return ()
    sampling = "with antialiasing" if method.endswith("-antialias") else "without antialiasing"
    maker = f"tf.image.resize, {sampling}" if method.startswith("tf-") else "Pillow"
    return (f"Resized to {width} × {height} by {method.removeprefix('tf-').removesuffix('-antialias')} ({maker}).",)


def _cut_notes(probe: Probe) -> tuple[str, ...]:
    if not probe.explained or probe.explained[0].kept == WHOLE:
        return ()
    return ("The model's own layers crop the image first; attribution maps are drawn on the part that remains.",)
