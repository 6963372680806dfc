"""One model, one image, one report."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any, TextIO, get_args

import numpy as np

from .errors import ImageError, OptionError
from .image import Photograph, fit, image_from_array, load_image, with_channels
from .model.labels import given_labels
from .model.references import Reference, check_weights, find_reference
from .model.schemes import scheme_name
from .options import Fit, Options, Scale, Sort
from .page.fitting import fitted
from .picture import WHOLE
from .probe import Probe
from .report import FORMAT, Provenance, Report, Versions, check_sections, find_sections
from .sizes import parse_size
from .version import __version__

Progress = Callable[[str], None]
Announce = Callable[[str], TextIO]


def generate(
    model: Any,
    image: str | Path | np.ndarray,
    *,
    announce: Announce | None = None,
    progress: Progress = lambda step: None,
    **options: Any,
) -> Report:
    """A report of `model` on `image`; raises a `ReportgenError` that says in a line or two what is wrong.

    model: a reference (`reportgen models` lists the names; else a path) or a `keras.Model`, whose weights stay as they are.
    image: a path, or an array (h, w, channels) uint8. options: those of `reportgen.Options`. announce: is told of a download
    before it starts, and returns the stream for its progress bar. progress: is called with the name of each step.
    """
    asked = check_options(**options)
    if isinstance(model, (str, Path)):
        check_weights(find_reference(model), asked.weights)
    labels = given_labels(asked.labels)
    photograph = _photograph(image)
    progress("Loading TensorFlow and the model")
    from .model.record import record
    from .model.sources import load

    loaded = load(
        model,
        weights=asked.weights,
        seed=asked.seed,
        preprocess=asked.preprocess,
        labels=labels,
        size=asked.size,
        allow_unsafe=asked.allow_unsafe,
        announce=announce,
    )
    height, width, channels = loaded.input_shape
    shown = fit(photograph.pixels, height, width, asked.fit)
    progress("Forward pass")
    probe = record(loaded, with_channels(shown, channels), _as_seen(shown, channels), asked)
    progress("Sections")
    from_memory = not isinstance(model, (str, Path)) or isinstance(image, np.ndarray)
    report = Report(
        format=FORMAT,
        title=asked.title or f"{loaded.name} on {photograph.facts.name}",
        warnings=(*_warnings(probe), *loaded.warnings, *_head_warnings(probe.heads, asked)),
        provenance=_provenance(photograph, probe, asked, None if from_memory else find_reference(model)),
        **find_sections(probe, asked),
    )
    if asked.max_size is None:
        return report
    return fitted(report, asked.max_size, Path(asked.templates) if asked.templates else None)


def _photograph(image: str | Path | np.ndarray) -> Photograph:
    if isinstance(image, np.ndarray):
        return image_from_array(image)
    if isinstance(image, (str, Path)):
        return load_image(Path(image))
    raise ImageError(f"a {type(image).__name__} is no image: expected a path, or an array (h, w, channels) of uint8.")


def check_options(**options: Any) -> Options:
    """The options, each of a kind and value that means something; raises `OptionError`. Needs no TensorFlow."""
    known = {each.name for each in fields(Options)}
    for name in options:
        if name not in known:
            raise OptionError(f"{name}: no such option; there are {', '.join(sorted(known))}.")
    asked = _plain(Options(**options))
    check_sections((*asked.only, *asked.skip))
    if asked.preprocess != "auto":
        scheme_name(asked.preprocess)
    _one_of("fit", asked.fit, get_args(Fit))
    _one_of("scale", asked.scale, get_args(Scale))
    _one_of("sort", asked.sort, get_args(Sort))
    if asked.maps != "all" and (not isinstance(asked.maps, int) or asked.maps < 1):
        raise OptionError(f"--maps {asked.maps}: expected a number of maps a layer, 1 or more, or all.")
    if asked.size is not None and min(asked.size) < 1:
        raise OptionError(f"--size {asked.size[0]}x{asked.size[1]}: expected HEIGHTxWIDTH in pixels, such as 224x224.")
    if asked.max_size is not None and (not isinstance(asked.max_size, int) or asked.max_size < 1):
        raise OptionError(f"--max-size {asked.max_size}: expected a size of at least a byte, such as 5MB.")
    if not 0 <= asked.seed < 2**32:
        raise OptionError(f"--seed {asked.seed}: expected a number from 0 to 4294967295.")
    _check_colormap(asked.colormap)
    return asked


def _plain(asked: Options) -> Options:
    """What a caller in Python may give, as the report keeps it: paths as text, lists as tuples, NumPy's numbers as Python's."""
    try:
        return replace(
            asked,
            seed=int(asked.seed),
            preprocess=str(asked.preprocess),
            weights=None if asked.weights is None else str(asked.weights),
            labels=_plain_labels(asked.labels),
            target=int(asked.target) if isinstance(asked.target, np.integer) else asked.target,
            size=None if asked.size is None else (int(asked.size[0]), int(asked.size[1])),
            max_size=parse_size(asked.max_size) if isinstance(asked.max_size, str) else asked.max_size,
            maps=int(asked.maps) if isinstance(asked.maps, np.integer) else asked.maps,
            only=(asked.only,) if isinstance(asked.only, str) else tuple(asked.only),
            skip=(asked.skip,) if isinstance(asked.skip, str) else tuple(asked.skip),
            templates=None if asked.templates is None else str(asked.templates),
        )
    except (TypeError, ValueError, IndexError) as error:
        raise OptionError(f"an option is of the wrong kind ({error}); see reportgen.Options.") from error


def _plain_labels(labels: Any) -> str | tuple[str, ...] | None:
    if labels is None or isinstance(labels, (str, Path)):
        return None if labels is None else str(labels)
    return tuple(str(label) for label in labels)


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise OptionError(f"--{name} {value}: expected {', '.join(choices[:-1])} or {choices[-1]}.")


def _check_colormap(name: str) -> None:
    from .picture import is_colormap

    if not is_colormap(name):
        raise OptionError(f"--colormap {name}: matplotlib has none of this name; try viridis, magma, inferno, cividis or gray.")


def _as_seen(shown: np.ndarray, channels: int) -> np.ndarray:
    """The picture (h, w, 3) as a model of so many channels sees it: in grey where it takes one."""
    return np.repeat(with_channels(shown, 1), 3, axis=2) if channels == 1 else shown


def _head_warnings(heads: tuple[str, ...], asked: Options) -> tuple[str, ...]:
    if len(heads) == 1 or asked.head is not None:
        return ()
    return (f"The model has {len(heads)} outputs ({', '.join(heads)}); this is the first. Choose another with --head.",)


def _warnings(probe: Probe) -> tuple[str, ...]:
    weights = [call.path for call in probe.calls if any(_broken(values) for values in probe.weights(call.index).values())]
    maps = [maps.path for maps in probe.maps if not (np.isfinite(maps.low).all() and np.isfinite(maps.high).all())]
    if weights or maps:
        whose = f"The weights of {_and_more(weights)}" if weights else f"The maps of {_and_more(maps)}"
        return (
            f"{whose} hold values that are not numbers (nan or infinite): "
            "what follows from them means nothing, and pictures are striped where there is no number.",
        )
    if probe.scores is not None and not np.isfinite(probe.scores).all():
        return ("The model's answer holds values that are not numbers (nan or infinite); it means nothing.",)
    return ()


def _and_more(paths: list[str]) -> str:
    return paths[0] + (f" and {len(paths) - 1} more" if len(paths) > 1 else "")


def _broken(values: np.ndarray) -> bool:
    if values.dtype.kind not in "fV":
        return False
    with np.errstate(invalid="ignore", over="ignore"):
        # a sum is nan or infinite where any part is; only then is it worth looking closer, for a sum may also overflow
        return not np.isfinite(values.sum(dtype=np.float32)) and not np.isfinite(values.astype(np.float32, copy=False)).all()


def _provenance(photograph: Photograph, probe: Probe, asked: Options, reference: Reference | None) -> Provenance:
    from .model.backend import versions

    named = replace(
        asked,
        labels=Path(asked.labels).name if isinstance(asked.labels, str) else asked.labels,
        weights=Path(asked.weights).name if asked.weights is not None else None,
        templates=Path(asked.templates).name if asked.templates is not None else None,
    )
    return Provenance(
        model=probe.model,
        image=photograph.facts,
        versions=Versions(__version__, *versions(), np.__version__),
        options=named,
        command="" if reference is None else _command(reference, photograph.facts.name, named),
        notes=(*photograph.notes, *_cut_notes(probe)),
    )


def _cut_notes(probe: Probe) -> tuple[str, ...]:
    if probe.explained is None or probe.explained.part == WHOLE:
        return ()
    return ("The model's own layers cut or frame the picture first; where it looked is drawn on the part that they leave.",)


def _command(reference: Reference, image: str, asked: Options) -> str:
    """The command line that makes the report again, in a folder that holds the files; "" where the labels came from memory."""
    if isinstance(asked.labels, tuple):
        return ""
    is_users_file = reference.file is not None and not reference.bundled
    model = reference.hub or (reference.file.name if is_users_file and reference.file else reference.name)
    words = ["reportgen", "report", _no_option(image), "--model", _no_option(model)]
    for each in fields(Options):
        assert each.default is not MISSING
        value = getattr(asked, each.name)
        if value != each.default:
            words += _option(each.name, value)
    return shlex.join(words)


def _no_option(name: str) -> str:
    """A file's name so that no command takes it for an option."""
    return f"./{name}" if name.startswith("-") else name


def _option(name: str, value: Any) -> list[str]:
    flag = "--class" if name == "target" else "--" + name.replace("_", "-")
    if value is True:
        return [flag]
    if name == "size":
        return [flag, f"{value[0]}x{value[1]}"]
    values = value if isinstance(value, tuple) else (value,)
    return [word for each in values for word in (flag, str(each))]
