"""The user's own modules of `--import`: found here, sent to the workers, and imported there from what was sent."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib
import importlib.util
import os
import site
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from ...errors import OptionError

MOST_BYTES, MOST_FILES = 100_000_000, 10_000  # of the files that one option names
INSTALLED = ("site-packages", "dist-packages")


class Modules(NamedTuple):
    """The modules named by `--import`, and all modules that they import.

    sent: the files of modules that are not installed, by their path on the import path. names: the top-level names of these.
    installed: the top-level names of installed modules, which the workers must have, too.
    """

    sent: dict[str, Path]
    names: tuple[str, ...]
    installed: tuple[str, ...]


def modules_of(names: Sequence[str]) -> Modules:
    """Return the modules called `names` and what they import; raises `OptionError` if one is missing or cannot be sent.

    What they import in turn is read from their code, without running it. What is imported by a name that is computed stays
    unknown, and is missing on the workers.
    """
    sent: dict[str, Path] = {}
    found: dict[str, bool] = {}  # by top-level name: whether it is sent
    waiting = [(name.partition(".")[0], name) for name in names]
    while waiting:
        top, name = waiting.pop(0)
        if top in found:
            continue
        spec = _spec_of(top)
        if spec is None:
            if name in names:
                expected = "expected one that is installed or in the current folder"
                raise OptionError(f"--import {name}: there is no such module; {expected}.")
            continue  # perhaps an import that is allowed to fail
        found[top] = not _is_installed(spec)
        if found[top]:
            files = _files_of(spec)
            sent |= files
            check_amount(f"--import {name}", sent)
            waiting += [(each, each) for path in files.values() for each in _imported_by(path)]
    wanted = {name.partition(".")[0] for name in names}
    return Modules(
        sent,
        tuple(top for top, is_sent in found.items() if is_sent),
        tuple(top for top, is_sent in found.items() if not is_sent and top in wanted),
    )


def _spec_of(top: str) -> ModuleSpec | None:
    try:
        with _here_last():
            return importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None


def _folders_of(spec: ModuleSpec) -> list[Path]:
    return [Path(each) for each in spec.submodule_search_locations or ()]


def _is_installed(spec: ModuleSpec) -> bool:
    """Return whether a module is part of Python or in a folder of installed packages, and not a file of the user's own."""
    if not spec.has_location and not _folders_of(spec):
        return True  # built in
    places = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")] + [site.getusersitepackages()]
    return all(
        any(part in INSTALLED for part in path.parts) or any(path.is_relative_to(place) for place in places if place)
        for path in _folders_of(spec) or [Path(str(spec.origin))]
    )


def _files_of(spec: ModuleSpec) -> dict[str, Path]:
    """Return the files of a module or a package by their path on the import path."""
    if spec.submodule_search_locations is not None:
        return {
            f"{spec.name}/{path.relative_to(each).as_posix()}": path for each in _folders_of(spec) for path in _files_in(each)
        }
    return {Path(spec.origin).name: Path(spec.origin)} if spec.has_location and spec.origin else {}


def _files_in(folder: Path) -> Iterator[Path]:
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(each for each in folders if each != "__pycache__" and not each.startswith("."))
        yield from (path for path in (Path(where, name) for name in sorted(names)) if path.is_file())


@contextlib.contextmanager
def _here_last() -> Iterator[None]:
    """While this lasts, the current folder comes last on the import path, as when a model is opened."""
    here = os.getcwd()  # noqa: PTH109 - `sys.path` holds strings
    before = list(sys.path)
    if here not in sys.path and "" not in sys.path:
        sys.path.append(here)
    try:
        yield
    finally:
        sys.path[:] = before


def check_amount(what: str, files: dict[str, Path]) -> None:
    """Raise `OptionError` for more files than are sent to workers."""
    try:
        size = sum(path.stat().st_size for path in files.values())
    except OSError as error:
        raise OptionError(f"{what}: cannot be read ({error.strerror}).") from error
    if len(files) > MOST_FILES or size > MOST_BYTES:
        raise OptionError(
            f"{what}: {len(files):,} files of {size / 1e6:,.0f} MB; at most {MOST_FILES:,} files of {MOST_BYTES // 1_000_000} MB "
            "are sent to workers."
        )


def _imported_by(path: Path) -> list[str]:
    """Return the top-level names that a Python file imports; none for a file that is not Python."""
    if path.suffix != ".py":
        return []
    try:
        nodes = list(ast.walk(ast.parse(path.read_bytes())))
    except (SyntaxError, ValueError, OSError, RecursionError, MemoryError):
        return []  # the worker's import will say what is wrong
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and not node.level and node.module]
    return sorted({name.partition(".")[0] for name in names})


def digest_of_module(top: str) -> str:
    """Return a digest of an installed module's code, or "" if the module is not installed."""
    spec = _spec_of(top)
    if spec is None:
        return ""
    digest = hashlib.sha256()
    for name, path in sorted(_files_of(spec).items()):
        if path.suffix != ".pyc":
            digest.update(f"{name}\0".encode("utf-8", "surrogatepass"))
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


@contextlib.contextmanager
def modules_from(folder: Path, names: Sequence[str]) -> Iterator[None]:
    """While this lasts, the modules `names` are imported from `folder`, even if others of these names are imported already.

    Afterwards nothing of them is left, in Python or in Keras: the next job may bring others of the same names.
    """
    if not names:
        yield
        return
    from ...loading.imported import forget_classes

    before = _taken_out(names)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = [each for each in sys.path if each != str(folder)]
        _taken_out(names)
        forget_classes(names)
        sys.modules.update(before)


def _taken_out(names: Sequence[str]) -> dict[str, ModuleType]:
    return {each: sys.modules.pop(each) for each in list(sys.modules) if each.partition(".")[0] in names}
