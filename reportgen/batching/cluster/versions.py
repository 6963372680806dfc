"""Compares what a worker's reports depend on with what is installed here: only the same versions make the same reports."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ...version import __version__

PACKAGES = ("tensorflow", "keras", "numpy", "pillow")
CODE = "code"

Facts = Mapping[str, str]


def facts(modules: Sequence[str] = ()) -> dict[str, str]:
    """Return what reports depend on in this process: versions by package, and digests of code.

    modules: installed modules of the user's own, whose code must be the same, too. A package or module that is not installed
    has the value "".
    """
    from .modules import digest_of_module  # on a worker, versions are compared before anything else is imported

    found = {"Python": f"{sys.version_info[0]}.{sys.version_info[1]}", "reportgen": __version__}
    found |= {package: _version_of(package) for package in PACKAGES}
    found[CODE] = _digest_of_code()
    return found | {f"--import {name}": digest_of_module(name) for name in modules}


def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


@cache
def _digest_of_code() -> str:
    """Return a digest of this package's files and templates: two copies of one version can differ while it is developed."""
    package = Path(__file__).parents[2]
    templates = package / "templates" if (package / "templates").is_dir() else package.parent / "templates"
    found = [("package", package, path) for path in package.rglob("*") if not path.is_relative_to(templates)]
    found += [("templates", templates, path) for path in templates.rglob("*")]
    digest = hashlib.sha256()
    for name, folder, path in sorted(found):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"{name}/{path.relative_to(folder).as_posix()}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def difference(here: Facts, there: Facts) -> str:
    """Return what differs on a worker, as the end of a sentence that begins with the worker's name; "" if nothing does."""
    for name, wanted in here.items():
        found = there.get(name, "")
        if found == wanted:
            continue
        if name == CODE:
            return f"has other code of reportgen {here['reportgen']} than this machine; install the same there."
        if name.startswith("--import "):
            module = name.removeprefix("--import ")
            what = "has another version of" if found else "does not have"
            return f"{what} the module {module} of --import; install the same there as here."
        if name == "Python":
            return f"runs Python {found}, this machine {wanted}; start the workers with the same version."
        if not found:
            return f"does not have {name}; install it there: {_install(name, wanted)}"
        if not wanted:
            return f"has {name} {found}, this machine does not; install the same on both."
        return f"has {name} {found}, this machine {wanted}; install the same there: {_install(name, wanted)}"
    return ""


def without_reportgen(installed: str) -> str:
    """Return what is wrong with a worker whose reportgen is too old or missing; `installed` is its version or ""."""
    if installed and installed != __version__:
        return (
            f"has reportgen {installed}, this machine {__version__}; install the same there: {_install('reportgen', __version__)}"
        )
    return f"does not have reportgen; install it there: {_install('reportgen', __version__)}"


def _install(package: str, wanted: str) -> str:
    name = "'cnn-reportgen[dask]=={}'" if package == "reportgen" else f"{package}=={{}}"
    return f"pip install {name.format(wanted)}"
