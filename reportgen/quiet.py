"""Keeps libraries from writing to standard error, reading settings in the current folder, and importing what nobody needs."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, chdir, contextmanager, nullcontext
from pathlib import Path
from types import ModuleType


@contextmanager
def without_native_log() -> Iterator[None]:
    """Discard everything written to the file descriptor of standard error. Python's exceptions are still raised."""
    try:
        kept = os.dup(2)
    except OSError:  # there is no standard error
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def keep_matplotlib_from_the_folder() -> None:
    """Make any later import of matplotlib ignore a `matplotlibrc` in the current folder, which anyone may have written.

    For our own command line only: a program that uses us as a library keeps its settings. matplotlib reads the file during its
    import and has no option against that, so its import runs in a folder of ours.
    """
    if "matplotlib" not in sys.modules:
        sys.meta_path.insert(0, _Finder())


@contextmanager
def without_matplotlib() -> Iterator[None]:
    """While this lasts, matplotlib seems not to be installed, on our own command line only.

    Keras imports it for functions that draw galleries, which we never call. That takes a quarter of the time of all its imports.
    """
    finders = [each for each in sys.meta_path if isinstance(each, _Finder)]
    for each in finders:
        each.hiding = True
    try:
        yield
    finally:
        for each in finders:
            each.hiding = False


class _Finder(importlib.abc.MetaPathFinder):
    hiding = False  # whether matplotlib seems not to be installed

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != "matplotlib":
            return None
        if self.hiding:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(importlib.abc.Loader):
    def __init__(self, loader: importlib.abc.Loader) -> None:
        self._loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        assert module.__spec__ is not None
        module.__spec__.loader = module.__loader__ = self._loader
        elsewhere: AbstractContextManager[None] = chdir(Path(__file__).parent)
        try:
            Path.cwd()
        except FileNotFoundError:  # the current folder was deleted, and any settings file with it
            elsewhere = nullcontext()
        with elsewhere:
            self._loader.exec_module(module)
