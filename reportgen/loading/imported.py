"""Import a user's modules before a model is opened, so that Keras knows the classes in them."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

from ..backend import keras
from ..errors import OptionError, reason_of

# what a model is made of; functions have to be registered with Keras by their module, because a file may call what it names
KINDS = (
    keras.Layer,
    keras.Initializer,
    keras.regularizers.Regularizer,
    keras.constraints.Constraint,
    keras.Loss,
    keras.Metric,
    keras.optimizers.Optimizer,
)


@contextlib.contextmanager
def importing(names: Sequence[str]) -> Iterator[None]:
    """While this lasts, Keras knows the classes of these modules by name. Raises `OptionError` for a module that fails to import.

    The current folder comes last on the path, so that nothing in it replaces an installed module.
    """
    if not names:
        yield
        return
    here = os.getcwd()  # noqa: PTH109 - `sys.path` holds strings
    if here not in sys.path and "" not in sys.path:
        sys.path.append(here)
    found: dict[str, Any] = {}
    for name in names:
        found |= _classes(_imported(name))
    with keras.saving.custom_object_scope(found):
        yield


def _imported(name: str) -> ModuleType:
    if name.endswith(".py"):
        raise OptionError(f"--import {name}: expected the name of a module, not of its file: --import {name.removesuffix('.py')}")
    try:
        # its output is not part of the result, and its warnings do not concern the reader
        with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            expected = "expected one that is installed or in the current folder"
            raise OptionError(f"--import {name}: there is no such module; {expected}.") from error
        raise OptionError(f"--import {name}: it needs the module {error.name}, which is not installed.") from error
    except (Exception, SystemExit) as error:  # whatever the user's own code raises
        raise OptionError(f"--import {name}: the module cannot be imported ({reason_of(error)}).") from error


def _classes(module: ModuleType) -> dict[str, Any]:
    """Return the classes of a module, or of its own package, that Keras can build a model from, by name.

    Classes that it only imports from elsewhere stay unknown, such as Keras's own `Lambda` or a KerasHub class that reads files.
    """
    package = module.__name__.partition(".")[0]
    return {
        name: each
        for name, each in vars(module).items()
        if inspect.isclass(each) and issubclass(each, KINDS) and each.__module__.partition(".")[0] == package
    }


def forget_classes(packages: Sequence[str]) -> None:
    """Remove from Keras's registry what the modules of these packages registered."""
    known = keras.saving.get_custom_objects()
    for name in [name for name, each in known.items() if getattr(each, "__module__", "").partition(".")[0] in packages]:
        del known[name]
