"""Open a model's file: check what it asks for, and build only that."""

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

NAME_COUNTS = "object_name_uids"  # under which Keras counts the layers of each kind it has named
SCOPE = "custom_objects_scope_dict"  # under which Keras keeps the classes of a `custom_object_scope`


def from_file(found: Reference, allow_unsafe: bool) -> tuple[Any, tuple[str, ...], WeightBudget | None]:
    """Return the model in a file, in a folder or on the Hub, with warnings and the budget for its weights.

    The warnings say that code in the file was allowed to run, and what was left out. The budget is None for a file that ships
    with reportgen.
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
    except Exception as error:  # Keras raises whatever its layers raise: an untrusted file may hold anything
        raise _load_error(name, error) from error
    finally:
        if checked is not None:  # also if Keras failed, because this may be why
            check_unchanged(path, checked.state)
    warned = (f"Code inside the model file was allowed to run: {in_words(parts)}.",) if parts else ()
    return model, (*warned, *note_of(left_out)), budget


def _readable(configured: Configurations, registered: frozenset[str]) -> tuple[Configurations, tuple[Part, ...]]:
    """Return the configurations translated to Keras 3, and what was left out of them. The gate has yet to check them."""
    archive, gone = without_training_parts(without_slashes(upgraded(configured.archive)), registered)
    if configured.hdf5 is None:
        return configured._replace(archive=archive), gone
    newer, also_gone = without_training_parts(without_slashes(upgraded(json.loads(configured.hdf5))), registered)
    hdf5 = configured.hdf5 if newer == json.loads(configured.hdf5) else json.dumps(newer)
    return Configurations(archive, hdf5), tuple(dict.fromkeys((*gone, *also_gone)))


def _loaded(path: Path, safe_mode: bool) -> Any:
    """Return the model, read by the file's content, not its name: TensorFlow 2.12 wrote HDF5 under names that end in `.keras`."""
    if path.name.endswith(ARCHIVE) and path.is_file() and not zipfile.is_zipfile(path):
        return legacy_h5_format.load_model_from_hdf5(str(path), compile=False, safe_mode=safe_mode)
    return keras.saving.load_model(path, compile=False, safe_mode=safe_mode)


def _give_back_slashes(model: Any) -> None:
    """Give layers back their names from the file: Keras 3 refuses a slash when it makes layers and names their scopes."""
    for layer in {id(each): each for each in (*model._flatten_layers(), *_operations(model))}.values():
        if NAME_MARK in layer.name:
            marked, layer.name = layer.name, layer.name.replace(NAME_MARK, "/")
            # bypasses the layer's own `__setattr__`, which would track it
            object.__setattr__(layer, "_open_name_scope", partial(keras.name_scope, marked, caller=layer))


def _operations(model: Any) -> Iterator[Any]:
    for each in (model, *model._flatten_layers(include_self=False)):
        yield from getattr(each, "operations", ())


def _local(found: Reference) -> tuple[Path, Checked | None]:
    """Return where the model lies, and what a check of it found.

    A model on the Hub is downloaded as Keras would do it, so that it can be checked before it is loaded.
    """
    if found.file is not None:
        return found.file, found.checked
    hub = importlib.import_module(HUB_PACKAGE)
    repository = str(found.hub).removeprefix(HUB)
    folder = Path(hub.snapshot_download(repo_id=repository, library_name="keras", library_version=keras.__version__))
    # its links lead to files shared by all versions of the model, in a folder beside those of the versions
    return folder, check_model_file(folder, folder.parent.parent if folder.parent.name == "snapshots" else None)


def _registered(configured: Configurations) -> frozenset[str]:
    """Return the names of the classes and functions that the user of this process made known to Keras.

    An installed KerasHub registers its own when it is imported: that happens here, if the file asks for it.
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
    """While this lasts, unnamed layers are numbered from the start, as in a new process: the same model gives the same report."""
    counts = global_state.get_global_attribute(NAME_COUNTS)
    global_state.set_global_attribute(NAME_COUNTS, None)
    try:
        yield
    finally:
        global_state.set_global_attribute(NAME_COUNTS, counts)
