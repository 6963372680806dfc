"""What a worker needs to make a job's reports: the job, and the files that it names, which are sent before it begins."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ...errors import OptionError
from ...loading.applications import APPLICATIONS, weights_cache
from ...loading.references import Reference, weight_files
from ...options import Options, files_of
from ...options.other_inputs import input_files
from ..making import Job
from ..models import Candidate
from .modules import check_amount, modules_of

MODULES = "modules"  # the folder of the user's modules, within a job's folder


@dataclass(frozen=True, kw_only=True)
class Luggage:
    """The files that a job needs, by their place: a path within the job's folder on a worker.

    model: the place of the model, "" if it is known by name. options, inputs: the places of the files that options and the
    model's other inputs name. modules: the names of the modules that are sent; installed: of those that a worker must have.
    cached: the place of ImageNet weights, which a worker puts into Keras's cache, "" if there are none. folders: the places of
    folders, which may hold no file.
    """

    files: dict[str, Path]
    model: str = ""
    options: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    modules: tuple[str, ...] = ()
    installed: tuple[str, ...] = ()
    cached: str = ""
    folders: tuple[str, ...] = ()

    def without_files(self) -> Luggage:
        """Return the luggage as a worker gets it: places only."""
        return replace(self, files={})


def luggage_of(candidates: Sequence[Candidate], asked: Options) -> dict[str, Luggage]:
    """Return what each model of a batch needs, by its key; raises `OptionError` for what cannot be sent to workers."""
    return {each.key: packed(each.given, each.reference, asked) for each in candidates if not each.error}


def packed(given: Any, reference: Reference | None, asked: Options) -> Luggage:
    """Return what reports of a model with these options need; raises `OptionError` for what cannot be sent.

    given, reference: the model, and what it stands for; None for a model in memory.
    """
    if reference is None:
        raise OptionError("--dask: a model in memory cannot be sent to the workers; save it, and give the file's name.")
    files: dict[str, Path] = {}
    model = cached = ""
    if reference.file is not None and not reference.bundled:
        model = f"model/{_name_of(Path(given), '--model')}"
        files |= _below(model, Path(given))
    if reference.application is not None and asked.weights in (None, "imagenet"):
        cached = f"cached/{APPLICATIONS[reference.application].cache}"
        files[cached] = weights_cache() / APPLICATIONS[reference.application].cache
    options: dict[str, str] = {}
    for name, text in files_of(asked).items():
        if name == "weights" and text in ("imagenet", "random"):
            continue
        options[name] = f"{name}/{_name_of(Path(text), f'--{name}')}"
        files |= _below(options[name], Path(text))
        if name == "weights":  # a list of weights names other files beside it
            files |= {f"{name}/{each.name}": each for each in weight_files(Path(text))}
    inputs: dict[str, str] = {}
    for number, (name, path) in enumerate(input_files(asked.inputs).items()):
        inputs[name] = f"input-{number}/{_name_of(path, f'--input {name}')}"
        files[inputs[name]] = path
    if asked.templates:
        check_amount(f"--templates {asked.templates}", {place: files[place] for place in files if place.startswith("templates/")})
    own = modules_of(asked.imports)
    files |= {f"{MODULES}/{place}": path for place, path in own.sent.items()}
    return Luggage(
        files=files,
        model=model,
        options=options,
        inputs=inputs,
        modules=own.names,
        installed=own.installed,
        cached=cached,
        folders=tuple(options[name] for name, text in files_of(asked).items() if name in options and Path(text).is_dir()),
    )


def _name_of(path: Path, flag: str) -> str:
    """Return the name of a file or folder, which the reports show."""
    if path.name in ("", ".."):
        raise OptionError(
            f"{flag} {path}: expected the folder's own name when its files are sent to workers, such as {path.resolve()}."
        )
    return path.name


def _below(place: str, path: Path) -> dict[str, Path]:
    """Return a file, or all files in a folder, by place; raises `OptionError` for a folder that cannot be sent as it is."""
    if not path.is_dir():
        return {place: path}
    found: dict[str, Path] = {}
    inside = path.resolve()
    for where, folders, names in os.walk(path):
        for each in (Path(where, name) for name in (*folders, *names)):
            if each.is_symlink() and (each.is_dir() or not each.resolve().is_relative_to(inside)):
                raise OptionError(
                    f"{each}: a link to a folder or out of {path}, which cannot be sent to workers; copy the files there."
                )
            if each.is_file():
                found[f"{place}/{each.relative_to(path).as_posix()}"] = each
    return found


def unpacked(job: Job, luggage: Luggage, folder: Path) -> Job:
    """Return the job with the paths of the files that were sent, which lie in `folder`."""
    options: dict[str, Any] = {name: str(folder / place) for name, place in luggage.options.items()}
    inputs = tuple(
        f"{name}={folder / luggage.inputs[name]}" if name in luggage.inputs else each
        for name, each in ((each.partition("=")[0], each) for each in job.options.inputs)
    )
    given = folder / luggage.model if luggage.model else job.given
    return replace(job, given=given, options=replace(job.options, inputs=inputs, **options))


def names_here(job: Job, luggage: Luggage, folder: Path) -> dict[str, str]:
    """Return what the paths on a worker are called here, for messages."""
    inputs = input_files(job.options.inputs)
    found = {place: Path(getattr(job.options, name)) for name, place in luggage.options.items()}
    found |= {place: inputs[name] for name, place in luggage.inputs.items()}
    found |= {luggage.model: Path(job.given)} if luggage.model else {}
    return {str(folder / place): str(path) for place, path in found.items()}
