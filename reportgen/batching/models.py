"""The models of a batch: their names in the site, and the digests that show whether a report is out of date."""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ModelError, OptionError, ReportgenError
from ..loading.labels import given_labels, labels_by_name
from ..loading.references import Reference
from ..options import Options, files_of
from ..options.other_inputs import given_inputs
from ..reporter import check_request
from ..tensors import tensor_digest
from ..version import __version__
from .gathering import safe_name

PACKAGES = ("tensorflow", "keras", "numpy", "pillow")
BLOCK = 1 << 20  # bytes read at a time


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A model of a batch. `key` is the name of its folder in the site; `error` says why it cannot be opened, "" if it can."""

    key: str
    given: Any
    name: str
    reference: Reference | None
    error: str = ""

    def labels(self, asked: Options) -> tuple[str, ...] | None:
        """Return the model's labels if they are known before it is opened; otherwise None."""
        if asked.labels is not None:
            return given_labels(asked.labels)
        return labels_by_name(self.name) or None if self.reference and (_is_named(self.reference)) else None

    def digest(self) -> str | None:
        """Return a digest of the model made without TensorFlow; None if it needs the opened model."""
        if self.reference is None or self.reference.hub:
            return None
        if self.reference.file is None:
            return f"name {self.name}"
        return digest_of_files(self.reference.file)


def _is_named(reference: Reference) -> bool:
    return reference.bundled or reference.application is not None


def candidates_of(models: Sequence[Any], asked: Options) -> list[Candidate]:
    """Return the models, each with a unique key, including models that cannot be opened.

    If no model can be opened, raises the first model's error; raises `ModelError` if no model is given, and `OptionError` for an
    invalid option.
    """
    if not models:
        raise ModelError("no model was given; name one or more.")
    found: list[tuple[Any, str, str, Reference | None]] = []
    errors: list[ReportgenError] = []
    for given in models:
        try:
            reference = check_request(given, asked)
        except OptionError:
            raise
        except ReportgenError as error:
            errors.append(error)
            found.append((given, Path(str(given)).stem, str(error), None))
            continue
        name = reference.name if reference is not None else str(getattr(given, "name", "model"))
        found.append((given, name, "", reference))
    if len(errors) == len(found):
        raise errors[0]
    keys = list(_keys([(given, name) for given, name, _, _ in found]))
    return [
        Candidate(key=key, given=given, name=name, reference=reference, error=error)
        for key, (given, name, error, reference) in zip(keys, found, strict=True)
    ]


def _keys(models: Sequence[tuple[Any, str]]) -> Iterator[str]:
    """Yield a unique folder name for each model: its own name; if two share it, prefixed by its folder or with a number."""
    names = [safe_name(name).casefold() for _, name in models]
    taken: set[str] = set()
    for given, name in models:
        alone = names.count(safe_name(name).casefold()) == 1
        folder = Path(given).absolute().parent.name if isinstance(given, (str, Path)) else ""
        base = safe_name(name) if alone or not folder else safe_name(f"{folder}/{name}")
        key, number = base, 2
        while key.casefold() in taken:
            key, number = f"{base}-{number}", number + 1
        taken.add(key.casefold())
        yield key


def digest_of_files(path: Path) -> str:
    """Return the sha256 of a file, or of the names and contents of all files in a folder; raises `OSError`."""
    digest = hashlib.sha256()
    for file in sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]:
        if not stat.S_ISREG(file.stat().st_mode):  # a pipe or a device may never end
            raise OSError(f"{file}: not a regular file")
        digest.update(f"{file.relative_to(path).as_posix()}\0".encode("utf-8", "surrogatepass"))
        with file.open("rb") as opened:
            while block := opened.read(BLOCK):
                digest.update(block)
    return digest.hexdigest()


def digest_of_options(asked: Options, *, folder: bool) -> str:
    """Return a digest of a report's options, including the contents of files, and of the versions of the packages.

    `folder`: whether style, script and pictures are files beside the page.
    """
    values: dict[str, Any] = dict(vars(asked))
    for name, file in files_of(asked).items():
        if Path(file).exists():
            values[name] = digest_of_files(Path(file))
    values["inputs"] = [_input_digest(name, given) for name, given in given_inputs(asked.inputs).items()]
    versions = [__version__, *map(_version_of, PACKAGES)]
    digest = hashlib.sha256(json.dumps([versions, values], default=str, sort_keys=True).encode()).hexdigest()
    return f"{digest} folder" if folder else digest


def _input_digest(name: str, given: Any) -> str:
    """Return text that identifies what one of the model's other inputs is given."""
    if isinstance(given, Path):
        return f"{name} {digest_of_files(given) if given.exists() else given}"
    return f"{name} {tensor_digest(np.asarray(given))}"


def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def wanted_digest(model: str, options: str, image: str, name: str, truth: str) -> str:
    """Return a digest of everything that a report is made from."""
    parts = json.dumps([model, options, image, name, truth])
    return hashlib.sha256(parts.encode("utf-8", "surrogatepass")).hexdigest()[:32]
