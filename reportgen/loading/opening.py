"""From a model's file to a model: what the file asks for is checked, and only that is built."""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from ..backend import global_state, keras
from ..errors import ModelError, ReportgenError, reason_of
from .allowlist import KERAS_HUB
from .budget import WeightBudget
from .gate import Configurations, configurations, foreign_parts, in_words, needs_hub, refusal
from .initializers import known_arguments_only
from .keras2 import up_to_date
from .pinned import building_only
from .references import HUB, HUB_PACKAGE, Checked, Reference, check_model_file
from .state import check_unchanged

NAME_COUNTS = "object_name_uids"  # under which Keras keeps how many layers of each kind it has named
SCOPE = "custom_objects_scope_dict"  # under which Keras keeps the classes that a `custom_object_scope` brings


def from_file(found: Reference, allow_unsafe: bool) -> tuple[Any, tuple[str, ...], WeightBudget | None]:
    """The model in a file, a folder or on the Hub, a warning where code of its own was allowed to run, and what its weights may
    take; None for a file that ships with us.
    """
    name, (path, checked) = found.hub or found.file, _local(found)
    budget = None if checked is None else WeightBudget(name, checked.stored)
    try:
        with fresh_names(), warnings.catch_warnings(), known_arguments_only():
            warnings.simplefilter("ignore")
            configured = configurations(path)
            if configured.hdf5 is not None:
                configured = configured._replace(hdf5=up_to_date(configured.hdf5))
            parts = foreign_parts(configured, _registered(configured))
            if parts and not allow_unsafe:
                raise refusal(name, parts)
            with building_only(configured), budget.kept() if budget else nullcontext():
                model = keras.saving.load_model(path, compile=False, safe_mode=not allow_unsafe)
    except ReportgenError:
        raise
    except Exception as error:  # Keras raises whatever its layers raise: a file from outside may hold anything
        raise _load_error(name, error) from error
    finally:
        if checked is not None:  # also where Keras failed, for then this is why
            check_unchanged(path, checked.state)
    warned = (f"Code inside the model file was allowed to run: {in_words(parts)}.",) if parts else ()
    return model, warned, budget


def _local(found: Reference) -> tuple[Path, Checked | None]:
    """Where the model lies, and what was found in it.

    One of the Hub is fetched as Keras would fetch it, so that it can be checked before it is loaded.
    """
    if found.file is not None:
        return found.file, found.checked
    hub = importlib.import_module(HUB_PACKAGE)
    repository = str(found.hub).removeprefix(HUB)
    folder = Path(hub.snapshot_download(repo_id=repository, library_name="keras", library_version=keras.__version__))
    # its links lead to the files of all versions of the one model, which lie beside the folders of these versions
    return folder, check_model_file(folder, folder.parent.parent if folder.parent.name == "snapshots" else None)


def _registered(configured: Configurations) -> frozenset[str]:
    """The names of the classes and functions that whoever runs this process made known to Keras.

    KerasHub, where it is installed, makes its own known once it is imported: here, where the file asks for it.
    """
    if needs_hub(configured) and importlib.util.find_spec(KERAS_HUB) is not None:
        importlib.import_module(KERAS_HUB)
    return frozenset(keras.saving.get_custom_objects()) | frozenset(global_state.get_global_attribute(SCOPE) or ())


def _load_error(path: Any, error: Exception) -> ReportgenError:
    reason, first_line = str(error), reason_of(error)
    if "No model config found" in reason or "No model found in config" in reason:
        return ModelError(
            f"{path}: the file holds weights only. Name the architecture (--model vgg16 --weights {Path(path).name}), "
            "or save the whole with model.save(...)."
        )
    if "Could not locate class" in reason or "Unknown layer" in reason or "could not be found" in reason.lower():
        return ModelError(
            f"{path}: it needs a class that Keras does not have ({first_line}).\n"
            "Import your class and call reportgen.generate(model, image) with the loaded model."
        )
    return ModelError(f"{path}: Keras cannot load it ({first_line}).")


@contextmanager
def fresh_names() -> Iterator[None]:
    """Layers without a name of their own are numbered from the start, as in a new process: the same model, the same report."""
    counts = global_state.get_global_attribute(NAME_COUNTS)
    global_state.set_global_attribute(NAME_COUNTS, None)
    try:
        yield
    finally:
        global_state.set_global_attribute(NAME_COUNTS, counts)
