"""Resolve a model reference before TensorFlow is imported: a bundled model, an application, or a file."""

from __future__ import annotations

import difflib
import importlib.util
import json
import os
import stat
import zipfile
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple

from ..errors import ModelError, OptionError, ReportgenError, UnsafeModelError, reason_of
from ..files import check_readable, is_folder
from ..metrics import Metric
from .applications import APPLICATIONS
from .foreign import foreign_kind
from .packed import Section, opened_member
from .state import State, state_of

BUNDLED = {"minivgg": "minivgg.keras", "minivgg@early": "minivgg-early.keras"}
TEST_ACCURACY = "CIFAR-10 test accuracy"
SUFFIXES = (".keras", ".h5", ".hdf5")
HUB, HUB_PACKAGE = "hf://", "huggingface_hub"
SAVED_MODEL = ("saved_model.pb", "saved_model.pbtxt")
ANY_FILE = 64_000_000  # bytes that any file may unpack to, however small it is
ZIP_START = b"PK\x03\x04"
MOST_COMPRESSION = 100  # times; zip compresses zeros a thousandfold, weights hardly at all
# Keras goes by these names, whatever the files hold
ARCHIVE, SHARDED, WEIGHTS, NUMPY_WEIGHTS = ".keras", ".weights.json", "model.weights.h5", "model.weights.npz"


class Checked(NamedTuple):
    """The result of a check: the state of the file or folder before it began, and the bytes of the weights in it."""

    state: State
    stored: int


class Reference(NamedTuple):
    """What a reference stands for; `name` is what the report calls it.

    It is an application's key, a file that ships with reportgen, a user's file (or folder), a model on the Hugging Face Hub
    ("hf://USER/MODEL"), or a model in memory. `checked` is what was found in a user's file.
    """

    name: str
    application: str | None = None
    file: Path | None = None
    bundled: bool = False
    hub: str | None = None
    checked: Checked | None = None


def find_reference(reference: str | Path) -> Reference:
    """Return what `reference` stands for. Raises `ModelError` if it is neither a known name nor a model file."""
    text = str(reference)
    if isinstance(reference, str) and text.lower() in BUNDLED:
        return Reference(text.lower(), file=bundled_file(BUNDLED[text.lower()]), bundled=True)
    if isinstance(reference, str) and text.lower() in APPLICATIONS:
        return Reference(text.lower(), application=text.lower())
    if text.startswith(HUB):
        _check_hub(text)
        return Reference(text.rpartition("/")[2], hub=text)
    path = Path(reference)
    if path.suffix.lower() not in SUFFIXES and len(path.parts) == 1 and not os.path.lexists(text[:255]):
        raise ModelError(f"{text}: no model of this name and no such file.{_close_to(text)} `reportgen models` lists the names.")
    return Reference(path.stem, file=path, checked=check_model_file(path))


def _check_hub(reference: str) -> None:
    parts = reference.removeprefix(HUB).split("/")
    if len(parts) != 2 or not all(parts):
        raise ModelError(f"{reference}: expected hf://USER/MODEL, a model that Keras saved to the Hugging Face Hub.")
    if importlib.util.find_spec(HUB_PACKAGE) is None:
        raise ModelError(f"{reference}: models on the Hugging Face Hub need another package: pip install {HUB_PACKAGE}")


def check_weights(found: Reference, weights: str | None) -> None:
    """Raise `OptionError` if `--weights` does not apply to the model, or names no file; `ModelError` for a file to refuse."""
    if weights is None:
        return
    if found.application is None:
        raise OptionError(f"--weights only applies to an architecture known by name; {found.name} has weights of its own.")
    if weights not in ("imagenet", "random"):
        check_readable(Path(weights), OptionError, "imagenet, random, or a file of weights")
        _check_weights_file(Path(weights))


def bundled_file(name: str) -> Path:
    """Return the path of a file that ships beside MiniVGG's code."""
    return Path(str(files("reportgen.loading.minivgg").joinpath(name)))


def check_model_file(path: Path, cache: Path | None = None) -> Checked:
    """Check a file that Keras wrote: a zip with a config, such a zip unpacked to a folder, or HDF5.

    `cache`: for a folder that the Hub's own package downloaded, where its links may lead. Raises `ModelError` for any other file.
    """
    state = state_of(path)
    if is_folder(path) and (path / "config.json").is_file():
        _check_folder(path, cache)
        stored = _check_hdf5(path / WEIGHTS) if os.path.lexists(path / WEIGHTS) else 0
        return Checked(state, stored + _check_numpy(path / NUMPY_WEIGHTS, path))
    if is_folder(path) and any((path / name).exists() for name in SAVED_MODEL):
        # `keras.layers.TFSMLayer` would open it, but as a single opaque layer that runs whatever is in it
        raise ModelError(
            f"{path}: a SavedModel, whose layers Keras 3 cannot see; it was not opened.\n"
            'Open it with the version of Keras that wrote it, and save it again: model.save("model.keras").'
        )
    check_readable(path, ModelError, "a .keras or .h5 file, made by model.save(...)")
    kind = foreign_kind(path)
    if kind is not None:
        raise ModelError(f"{path}: {kind[0]}.\n{kind[1]}")
    if path.name.endswith(ARCHIVE) and zipfile.is_zipfile(path):
        return Checked(state, _check_archive(path))
    declared = _check_if_hdf5(path)
    if declared is None:
        raise _not_a_model(path)
    return Checked(state, declared)


def _check_folder(path: Path, cache: Path | None) -> None:
    """Raise `UnsafeModelError` if a model's folder holds more than files and folders of its own.

    A link would bring another file's content into the report, and a pipe would block forever.
    """
    for folder, folders, names in os.walk(path):
        for name in (*folders, *names):
            member = Path(folder, name)
            mode = member.lstat().st_mode
            is_in_cache = cache is not None and member.resolve().is_relative_to(cache.resolve()) and member.is_file()
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or (stat.S_ISLNK(mode) and is_in_cache)):
                raise UnsafeModelError(
                    f"{path}: {str(member.relative_to(path))[:100]!r} in it is a link, a pipe or a device, which Keras "
                    "never saves; the folder was not opened."
                )


def _check_weights_file(path: Path) -> None:
    """Check the file that Keras would read weights from; a file of another kind is left for Keras to refuse."""
    if path.name.endswith(ARCHIVE):
        _check_archive(path)
    elif path.name.endswith(SHARDED):
        for shard in _shards(path):
            _check_hdf5(shard)
    else:
        _check_if_hdf5(path)


def weight_files(path: Path) -> list[Path]:
    """Return the files that hold the weights which a `.weights.json` lists; none for a file of another kind."""
    return _shards(path) if path.name.endswith(SHARDED) else []


def _shards(path: Path) -> list[Path]:
    """Return the files beside a `.weights.json` that hold the weights it lists."""
    names = {f"{path.name.removesuffix(SHARDED)}_00000.weights.h5"}  # Keras opens this one, listed or not
    try:
        for listed in json.loads(path.read_bytes())["weight_map"].values():
            names.update([listed] if isinstance(listed, str) else listed)
        return [path.with_name(name) for name in names if path.with_name(name).exists()]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(f"{path}: not a list of weights; expected a file from model.save_weights(...).") from error


def _check_if_hdf5(path: Path) -> int | None:
    """Return the bytes that an HDF5 file's arrays take, even if other bytes come first; None for a file of another kind.

    Raises `ModelError` if Keras must not read it.
    """
    import h5py  # takes a while to import, and most references name no file

    return _check_hdf5(path) if h5py.is_hdf5(path) else None


def _check_hdf5(path: Path) -> int:
    check_readable(path, ModelError, "HDF5, as Keras writes it")
    return _check_declared(path, path)


def _not_a_model(path: Path) -> ModelError:
    """Return the error for a file without a model. A zip lists its members at its end, so one cut short only begins as a zip."""
    with path.open("rb") as file:
        begins_as_zip = file.read(len(ZIP_START)) == ZIP_START
    if begins_as_zip and not zipfile.is_zipfile(path):
        return ModelError(f"{path}: the file is damaged or truncated: it begins as a zip and has no end. Copy or save it again.")
    return ModelError(f"{path}: not a model that Keras saved; expected a .keras or .h5 file, made by model.save(...).")


def _check_numpy(content: Path | IO[bytes] | Section, path: Path) -> int:
    """Return the bytes of NumPy's archive of weights, which Keras reads in place of HDF5; 0 if it is no archive."""
    if not zipfile.is_zipfile(content):
        return 0
    with zipfile.ZipFile(content) as arrays:
        declared = sum(member.file_size for member in arrays.infolist())
    _check_size(path, declared, MOST_COMPRESSION * path.stat().st_size)
    return declared


def _check_archive(path: Path) -> int:
    """Return the bytes of the weights in a `.keras` file.

    Raises `ModelError` unless it is a zip with a config, whose members stay inside its folder and unpack to a plausible size.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = {member.filename: member for member in archive.infolist()}
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        members = {}
    if "config.json" not in members:
        raise _not_a_model(path)
    for name in members:
        if name.startswith(("/", "\\")) or ".." in PurePosixPath(name.replace("\\", "/")).parts:
            raise UnsafeModelError(f"{path}: the archive would write outside its folder ({name[:100]!r}); it was not opened.")
    _check_size(path, sum(member.file_size for member in members.values()), MOST_COMPRESSION * path.stat().st_size)
    try:
        if WEIGHTS in members:
            with opened_member(path, WEIGHTS) as content:
                return _check_declared(path, content)
        if NUMPY_WEIGHTS in members:
            with opened_member(path, NUMPY_WEIGHTS) as content:
                return _check_numpy(content, path)
        return 0
    except ReportgenError:
        raise
    except Exception as error:  # for a damaged archive, zipfile raises whatever its decompressor does
        raise ModelError(f"{path}: its weights cannot be unpacked ({reason_of(error)}).") from error


def _check_declared(path: Path, content: Path | IO[bytes] | Section) -> int:
    from .hdf5 import declared_bytes

    declared = declared_bytes(content, path)
    _check_size(path, declared, MOST_COMPRESSION * path.stat().st_size)
    return declared


def _check_size(path: Path, unpacked: int, limit: int) -> None:
    if unpacked > max(limit, ANY_FILE):
        raise ModelError(
            f"{path}: the file unpacks to {unpacked / 1e6:,.0f} MB, which is too much for a model of its size; it was not opened."
        )


def _close_to(text: str) -> str:
    close = difflib.get_close_matches(text.lower(), [*BUNDLED, *APPLICATIONS], n=3)
    return f" Did you mean {' or '.join(sorted(close))}?" if close else ""


def _facts(file: str) -> dict[str, Any]:
    """Return what was measured of a bundled model when it was trained."""
    facts: dict[str, Any] = json.loads(bundled_file("minivgg.json").read_text("utf-8"))[file.removesuffix(".keras")]
    return facts


def stated_metrics(reference: Reference) -> tuple[Metric, ...]:
    """Return the metrics that are known of a bundled model; () for any other."""
    return (Metric(TEST_ACCURACY, _facts(BUNDLED[reference.name])["test_accuracy"]["all"]),) if reference.bundled else ()


def listing() -> str:
    """Return the models that can be called by name, as a text table."""
    rows = [("NAME", "INPUT", "PARAMETERS", "WEIGHTS")]
    for name, file in BUNDLED.items():
        facts = _facts(file)
        right = f"bundled; {facts['test_accuracy']['all']:.2%} accuracy on CIFAR-10's test images"
        rows.append((name, "64 x 64", f"{facts['parameters']:,}", right))
    for name, application in sorted(APPLICATIONS.items()):
        size = f"{application.size} x {application.size}"
        rows.append((name, size, f"{application.parameters:,}", f"ImageNet, {application.megabytes:,} MB, downloaded once"))
    return "\n".join(f"{name:<20}{size:>11}{parameters:>14}   {weights}" for name, size, parameters, weights in rows)
