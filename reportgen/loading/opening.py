"""From a model's file to a model: what the file asks for is checked, and only that is built."""

from __future__ import annotations

import importlib
import importlib.util
import json
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from ..backend import global_state, keras, legacy_h5_format
from ..errors import ModelError, ReportgenError, reason_of
from .allowlist import KERAS_HUB
from .budget import WeightBudget
from .gate import IMPORT_IT, Configurations, Part, configurations, foreign_parts, in_words, needs_hub, refusal
from .initializers import known_arguments_only
from .keras2 import NAME_MARK, upgraded, without_slashes
from .losses import unknown_in
from .pinned import building_only
from .references import ARCHIVE, HUB, HUB_PACKAGE, Checked, Reference, check_model_file
from .replaced import note_of, without_training_parts
from .state import check_unchanged
from .weight_shapes import remedy

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
            registered = _registered(configured)
            configured, left_out = _readable(configured, registered)
            left_out += tuple(Part(each, runs=False) for each in unknown_in(path, registered))
            parts = foreign_parts(configured, registered)
            if parts and not allow_unsafe:
                raise refusal(name, parts)
            with building_only(configured), budget.kept() if budget else nullcontext():
                model = _loaded(path, safe_mode=not allow_unsafe)
            _give_back_slashes(model)
    except ReportgenError:
        raise
    except Exception as error:  # Keras raises whatever its layers raise: a file from outside may hold anything
        raise _load_error(name, error) from error
    finally:
        if checked is not None:  # also where Keras failed, for then this is why
            check_unchanged(path, checked.state)
    warned = (f"Code inside the model file was allowed to run: {in_words(parts)}.",) if parts else ()
    return model, (*warned, *note_of(left_out)), budget


def _readable(configured: Configurations, registered: frozenset[str]) -> tuple[Configurations, tuple[Part, ...]]:
    """The configurations in the words of Keras 3, and what was left out of them. The gate has still to look at them."""
    archive, gone = without_training_parts(without_slashes(upgraded(configured.archive)), registered)
    if configured.hdf5 is None:
        return configured._replace(archive=archive), gone
    newer, also_gone = without_training_parts(without_slashes(upgraded(json.loads(configured.hdf5))), registered)
    hdf5 = configured.hdf5 if newer == json.loads(configured.hdf5) else json.dumps(newer)
    return Configurations(archive, hdf5), tuple(dict.fromkeys((*gone, *also_gone)))


def _loaded(path: Path, safe_mode: bool) -> Any:
    """The model, read by what the file holds: TensorFlow 2.12 wrote HDF5 under names that end in `.keras`."""
    if path.name.endswith(ARCHIVE) and path.is_file() and not zipfile.is_zipfile(path):
        return legacy_h5_format.load_model_from_hdf5(str(path), compile=False, safe_mode=safe_mode)
    return keras.saving.load_model(path, compile=False, safe_mode=safe_mode)


def _give_back_slashes(model: Any) -> None:
    """Give layers the names that they have in the file; Keras 3 refuses a slash when it makes them and names their scopes."""
    for layer in {id(each): each for each in (*model._flatten_layers(), *_operations(model))}.values():
        if NAME_MARK in layer.name:
            marked, layer.name = layer.name, layer.name.replace(NAME_MARK, "/")
            # not by way of the layer's own `__setattr__`, which would track it
            object.__setattr__(layer, "_open_name_scope", partial(keras.name_scope, marked, caller=layer))


def _operations(model: Any) -> Iterator[Any]:
    for each in (model, *model._flatten_layers(include_self=False)):
        yield from getattr(each, "operations", ())


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
        return ModelError(f"{path}: the file holds weights only.\n{remedy(Path(path))}")
    if "Could not locate class" in reason or "Unknown layer" in reason or "could not be found" in reason.lower():
        return ModelError(f"{path}: it needs a class that Keras does not have ({first_line}).\n{IMPORT_IT}")
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
