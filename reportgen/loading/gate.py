"""The gate: checks a model file's configuration against the allowlist before Keras reads it.

It does not need Keras: nothing that a configuration names is looked up, imported or called.
"""

from __future__ import annotations

import importlib.util
import json
import re
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import ModelError, UnsafeModelError, reason_of
from . import allowlist

CONFIG = "config.json"
LARGEST_CONFIG = 16_000_000  # characters of JSON; the largest application has under 1 MB
MOST_OBJECTS = 100_000  # layers and their parts; the largest application has 6,000
BYTECODE = "__lambda__"
MOST_NAMED = 5
LONGEST_NAME = 60
IMPORT_IT = (
    "If you have the code, import the module that defines it: --import MODULE. A function must be registered there: "
    "@keras.saving.register_keras_serializable()."
)


class Part(NamedTuple):
    """Something that a configuration asks for and the allowlist does not have.

    name: as a reader would say it. runs: whether Keras, left to itself, might build or call it; it does not know the classes of
    other packages, unless they are registered with it. of_hub: whether it claims to be part of KerasHub.
    """

    name: str
    runs: bool
    of_hub: bool = False


class Configurations(NamedTuple):
    """The configurations that a model file holds: a file can be a zip and HDF5 at once.

    archive: that of a `.keras` file or a folder, decoded, without what Keras would not build. hdf5: that of an HDF5 file, as
    text. Each is None if there is none.
    """

    archive: Any = None
    hdf5: str | None = None


def foreign_parts(found: Configurations, registered: Collection[str] = ()) -> tuple[Part, ...]:
    """Return everything that a model file's configurations ask for beyond the allowlist, in the order of the file, each once.

    registered: the names under which this process registered classes and functions with Keras; they may pass.
    """
    decoded = [found.archive, None if found.hdf5 is None else _decoded(found.hdf5)]
    return tuple(dict.fromkeys(part for each in decoded for part in parts_beyond_the_list(each, registered)))


def configurations(path: Path) -> Configurations:
    """Return every configuration that a reader might find at `path`, whatever its suffix.

    They are read as Keras reads them: by the same libraries, from the same member or attribute. Raises `ModelError` for a file
    that two readers might read differently, and for one that is too large.
    """
    import h5py

    archive, hdf5 = None, None
    try:
        if path.is_dir():
            _check_length((path / CONFIG).stat().st_size)
            return Configurations(archive=_as_keras_takes_it(_decoded((path / CONFIG).read_text())))  # as Keras decodes it
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as members:
                count = [member.filename for member in members.infolist()].count(CONFIG)
                if count > 1:
                    raise ValueError(f"{count} members are called {CONFIG}")
                if count:
                    _check_length(members.getinfo(CONFIG).file_size)
                    archive = _as_keras_takes_it(_decoded(members.read(CONFIG).decode()))
        if h5py.is_hdf5(path):
            with h5py.File(path) as file:
                text = file.attrs.get("model_config")
            if text is not None:  # otherwise the file holds weights only, as Keras will report
                hdf5 = text.decode() if isinstance(text, bytes) else text
                _check_length(len(hdf5))
                _decoded(hdf5)
    except Exception as error:  # an untrusted file may hold anything, and h5py and zipfile may raise anything
        raise ModelError(f"{path}: its configuration cannot be read ({reason_of(error)}); it was not opened.") from error
    return Configurations(archive, hdf5)


def parts_beyond_the_list(configuration: Any, registered: Collection[str] = ()) -> Iterator[Part]:
    """Yield everything that a deserialized configuration asks for beyond the allowlist, from its first line to its last."""
    for part in _objects(configuration):
        yield from _beyond_the_list(part, registered)


def needs_hub(found: Configurations) -> bool:
    """Return whether a configuration asks for anything from KerasHub."""
    decoded = [found.archive, None if found.hdf5 is None else _decoded(found.hdf5)]
    return any(_is_of_hub(part) for each in decoded for part in _objects(each))


def refusal(path: Any, parts: Collection[Part]) -> UnsafeModelError:
    """Return the error for a file that asks for these parts."""
    running = [part for part in parts if part.runs]
    names = in_words(running or parts)
    if all(part.of_hub and part.runs for part in parts) and importlib.util.find_spec(allowlist.KERAS_HUB) is None:
        return UnsafeModelError(f"{path}: it needs KerasHub: {names}. It was not run.\nInstall it: pip install keras-hub")
    if running:
        return UnsafeModelError(
            f"{path}: the file needs more than plain layers: {names}.\n"
            "It was not run. If you trust whoever made the file, --allow-unsafe lets it run."
        )
    return UnsafeModelError(f"{path}: it needs parts that Keras does not have: {names}. It was not run.\n{IMPORT_IT}")


def in_words(parts: Collection[Part]) -> str:
    """Return the names of the parts, separated by commas; if there are many, only the first."""
    names = [part.name for part in parts]
    return ", ".join(names[:MOST_NAMED]) + (f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else "")


def _check_length(length: int) -> None:
    if length > LARGEST_CONFIG:
        raise ValueError(f"{length:,} characters long; expected at most {LARGEST_CONFIG:,}")


def _decoded(text: str) -> Any:
    objects = 0

    def checked(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal objects
        if len(keys := {key for key, _ in pairs}) < len(pairs):
            raise ValueError(f"one of the keys {', '.join(sorted(keys))[:100]!r} occurs twice")
        objects += "class_name" in keys
        if objects > MOST_OBJECTS:
            raise ValueError(f"more than {MOST_OBJECTS:,} layers and parts of layers")
        return dict(pairs)

    return json.loads(text, object_pairs_hook=checked)


def _as_keras_takes_it(configuration: Any) -> Any:
    """Return the configuration without the outermost model's loss and optimizer.

    Loading with `compile=False` drops them before anything is built. A user-defined loss is no reason to refuse a model that is
    only looked at.
    """
    if not isinstance(configuration, dict):
        return configuration
    return {key: value for key, value in configuration.items() if key != "compile_config"}


def _objects(configuration: Any) -> Iterator[dict[Any, Any]]:
    """Yield every object in a configuration, from its first line to its last."""
    waiting = [configuration]
    while waiting:  # no recursion: a configuration may be nested deeper than Python's calls
        part = waiting.pop()
        if isinstance(part, dict):
            yield part
            inside = list(part.values())
            if part.get("class_name") == "Lambda":
                inside = [_without_bytecode(value) for value in inside]  # a Lambda is there to hold code: one name is enough
        elif isinstance(part, (list, tuple)):
            inside = list(part)
        else:
            continue
        waiting.extend(reversed(inside))


def _without_bytecode(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {key: each for key, each in value.items() if not (isinstance(each, dict) and each.get("class_name") == BYTECODE)}


def _beyond_the_list(part: dict[Any, Any], registered: Collection[str]) -> Iterator[Part]:
    """Yield what one object of a configuration asks for itself, not counting what is inside it."""
    for key, value in part.items():
        if key != "name" and isinstance(value, str) and value in allowlist.FUNCTION_WORDS:
            yield Part(f"the function keras.layers.{value}", runs=True)
    if "class_name" not in part:
        return
    kind, module, config = part["class_name"], part.get("module"), part.get("config")
    if not isinstance(kind, str) or not isinstance(module, str | None) or not isinstance(part.get("registered_name"), str | None):
        yield Part("a class whose name is not text", runs=True)
    elif kind == BYTECODE:
        yield Part("a Python lambda", runs=True)
    elif kind == "function":
        if not _is_listed_function(part, registered):
            yield Part(f"the function {_function_name(part)}", _is_of_keras(module))
    elif not _is_listed_class(part, registered):
        place = "" if module in (None, "", "keras.layers") else f" of {_shown(module)}"
        yield Part(_called(kind, config) + place, kind in allowlist.CODE or _is_of_keras(module), _is_of_hub(part))
    elif kind in allowlist.LOOKUPS and isinstance(config, dict):
        for key in allowlist.LOOKUP_PATHS:
            if isinstance(config.get(key), str):
                yield Part(f"{_called(kind, config)} with the file {_shown(config[key])}", runs=True)


def _is_listed_class(part: dict[Any, Any], registered: Collection[str]) -> bool:
    kind, module = part["class_name"], part.get("module")
    if _is_of_hub(part) and any(str(name).endswith(allowlist.HUB_READERS) for name in (kind, part.get("registered_name"))):
        return False
    # An HDF5 file's outermost objects are looked up by class name alone, all others by registered name first
    if part.get("registered_name", kind) in registered and kind not in allowlist.CODE | allowlist.FUNCTION_WORDS:
        return True
    if not module:
        return kind in allowlist.VALUES or kind in allowlist.WITHOUT_MODULE
    if module in allowlist.OPERATIONS:
        return allowlist.OPERATION.fullmatch(kind) is not None and kind not in allowlist.TAKE_FUNCTIONS
    return kind in allowlist.CLASSES.get(module, ())


def _is_listed_function(part: dict[Any, Any], registered: Collection[str]) -> bool:
    name, module = part.get("config"), part.get("module")
    if not isinstance(name, str):
        return False
    if name in registered or (module == "builtins" and any(each.endswith(f">{name}") for each in registered)):
        return True
    # Keras looks up some functions by one name and some by the other
    if part.get("registered_name") not in (None, "function", name):
        return False
    return name in allowlist.FUNCTIONS.get(module or "", ())


def _is_of_hub(part: dict[Any, Any]) -> bool:
    """Return whether an object claims to be part of KerasHub, by any of the names that Keras might look up."""
    names = (part.get("module"), part.get("registered_name"), part.get("class_name"))
    return any(isinstance(name, str) and re.split("[.>]", name)[0] == allowlist.KERAS_HUB for name in names)


def _is_of_keras(module: Any) -> bool:
    return isinstance(module, str) and module.partition(".")[0] in allowlist.PACKAGES


def _function_name(part: dict[Any, Any]) -> str:
    module, name, registered_name = part.get("module"), part.get("config"), part.get("registered_name")
    written = _shown(name if module in (None, "", "builtins") else f"{module}.{name}")
    return written if registered_name in (None, "function", name) else f"{written}, alias {_shown(registered_name)}"


def _called(kind: str, config: Any) -> str:
    name = config.get("name") if isinstance(config, dict) else None
    return f"{_shown(kind)} `{_shown(name)}`" if isinstance(name, str) else _shown(kind)


def _shown(name: Any) -> str:
    text = "".join(each if each.isprintable() and each != "`" else " " for each in str(name))
    return text if len(text) <= LONGEST_NAME else f"{text[:LONGEST_NAME]}..."
