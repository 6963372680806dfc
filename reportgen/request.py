"""What is asked of a report, checked before TensorFlow is imported; and the command line that asks it again."""

from __future__ import annotations

import shlex
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np

from .errors import OptionError
from .formatting import parse_file_size
from .loading.references import Reference
from .loading.schemes import scheme_name
from .methods.attribution import METHODS
from .options import Fit, Options, Scale, Sort
from .report import check_sections


def check_options(**options: Any) -> Options:
    """The options, each of a kind and value that means something; raises `OptionError`. Needs no TensorFlow."""
    known = {each.name for each in fields(Options)}
    for name in options:
        if name not in known:
            raise OptionError(f"{name}: no such option; there are {', '.join(sorted(known))}.")
    asked = _plain(Options(**options))
    check_sections((*asked.only, *asked.skip))
    for name in asked.explain:
        if name not in (*METHODS, "all"):
            raise OptionError(f"--explain {name}: no such method; there are {', '.join(METHODS)}, and all.")
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
            max_size=parse_file_size(asked.max_size) if isinstance(asked.max_size, str) else asked.max_size,
            maps=int(asked.maps) if isinstance(asked.maps, np.integer) else asked.maps,
            only=(asked.only,) if isinstance(asked.only, str) else tuple(asked.only),
            explain=(asked.explain,) if isinstance(asked.explain, str) else tuple(asked.explain),
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
    from .palettes import is_colormap

    if not is_colormap(name):
        raise OptionError(f"--colormap {name}: matplotlib has none of this name; try viridis, magma, inferno, cividis or gray.")


def command_line(reference: Reference, image: str, asked: Options) -> str:
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
