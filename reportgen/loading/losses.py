"""What a model was compiled with, as its file or the model in memory tells: mainly the loss of each output."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..backend import keras

LARGEST = 20_000_000  # bytes of a configuration; no network that we know comes near
DEEPEST = 20  # lists in lists
# the keys under which Keras 2 and 3 write each kind
PARTS = {"optimizer": ("optimizer", "optimizer_config"), "loss": ("loss",), "metric": ("metrics", "weighted_metrics")}
WRAPPERS = ("LossFunctionWrapper", "MeanMetricWrapper", "SumOverBatchSizeMetricWrapper")  # they wrap a named function
SHORT = ("accuracy", "acc", "crossentropy", "ce", "bce", "mse", "mae", "mape", "msle", "kld", "cosineproximity", "logcosh")


@dataclass(frozen=True)
class Loss:
    """A loss: its name in lower case without underscores ("binarycrossentropy"), as shown, and whether it takes logits."""

    name: str
    shown: str
    from_logits: bool


# one loss for all outputs, or one for each by name or index
Losses = Loss | dict[str, Loss] | tuple[Loss | None, ...] | None


def losses_of(model: Any) -> Losses:
    """Return the losses that a model in memory was compiled with; None if it was not compiled, or has no loss."""
    try:
        return losses_from(model.loss if getattr(model, "compiled", False) else None)
    except Exception:  # a property of the user's own class may raise anything
        return None


def losses_in(path: Path) -> Losses:
    """Return the losses that a model's file names. Nothing is built: a user-defined loss is a name like any other."""
    try:
        return losses_from(_compiled(path).get("loss"))
    except Exception:  # an untrusted file may hold anything; without a loss the model can still be looked at
        return None


def unknown_in(path: Path, registered: Collection[str]) -> tuple[str, ...]:
    """Return the optimizers, losses and metrics that a model's file names and Keras does not have, each once, in words.

    None of them is built: they matter for training alone. `registered`: the names that the user made known to Keras.
    """
    try:
        compiled = _compiled(path)
        found = [
            f"the {kind} {name[:60]}"
            for kind, keys in PARTS.items()
            for key in keys
            for name in _names(compiled.get(key))
            if name.isprintable() and not _is_known(name, kind) and not {name, name.rpartition(">")[2]} & set(registered)
        ]
    except Exception:  # a file from outside may hold anything
        return ()
    return tuple(dict.fromkeys(found))


def _names(said: Any, depth: int = 0) -> Iterator[str]:
    """Yield the names of classes and functions in the arguments of `compile`, as a file holds them."""
    if depth > DEEPEST:
        return
    if isinstance(said, str):
        yield said
    elif isinstance(said, Mapping) and "class_name" in said:
        kind, config = said["class_name"], said.get("config")
        if kind == "function":
            yield from _names(config if isinstance(config, str) else said.get("registered_name"), depth + 1)
        elif kind in WRAPPERS and isinstance(config, Mapping):
            yield from _names(config.get("fn"), depth + 1)
        else:
            yield from _names(said.get("registered_name") or kind, depth + 1)
    elif isinstance(said, (Mapping, list)):
        for each in said.values() if isinstance(said, Mapping) else said:
            yield from _names(each, depth + 1)


def _is_known(name: str, kind: str) -> bool:
    rooms = [keras.optimizers] if kind == "optimizer" else [keras.losses, keras.metrics]
    known = {_plain(each) for room in rooms for each in dir(room)}
    return _plain(name) in known or (kind != "optimizer" and _plain(name) in SHORT)


def _plain(name: str) -> str:
    """Return a name in lower case, without underscores and without the package of a registered one."""
    return name.rpartition(">")[2].replace("_", "").lower()


def _compiled(path: Path) -> dict[str, Any]:
    """Return the arguments of `compile`, as a file holds them; raises whatever a broken file makes Python raise."""
    if path.is_dir():
        file = path / "config.json"
        text: str | bytes = file.read_bytes() if file.is_file() and file.stat().st_size <= LARGEST else "{}"
        return json.loads(text).get("compile_config") or {}
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo("config.json").file_size > LARGEST:
                return {}
            return json.loads(archive.read("config.json")).get("compile_config") or {}
    import h5py

    with h5py.File(path) as file:
        text = file.attrs.get("training_config") or "{}"
    return json.loads(text) if len(text.encode() if isinstance(text, str) else text) <= LARGEST else {}


def losses_from(said: Any) -> Losses:
    """Return losses from an argument of `compile` or a file: a name, a configuration, a function, or these by output."""
    one = _loss(said)
    if one is not None:
        return one
    if isinstance(said, Mapping):
        return {str(name): loss for name, each in said.items() if (loss := _loss(each)) is not None}
    if isinstance(said, Sequence) and not isinstance(said, str):
        return tuple(map(_loss, said))
    return None


def _loss(said: Any) -> Loss | None:
    if isinstance(said, Mapping) and "class_name" in said:
        config = said.get("config")
        if said["class_name"] == "function":  # a function in a file: its name
            return _named(config if isinstance(config, str) else said.get("registered_name"), False)
        if isinstance(config, Mapping) and said["class_name"] == "LossFunctionWrapper":
            return _loss(config.get("fn"))
        logits = isinstance(config, Mapping) and config.get("from_logits") is True
        return _named(said["class_name"], logits)
    if isinstance(said, str):
        return _named(said, False)
    if callable(said) and not isinstance(said, (Mapping, Sequence)):
        known = getattr(said, "__name__", None) or type(said).__name__
        return _named(known, getattr(said, "from_logits", False) is True)
    return None


def _named(name: Any, from_logits: bool) -> Loss | None:
    if not isinstance(name, str) or not name.isprintable() or len(name) > 100:
        return None
    return Loss(_plain(name), name, from_logits)


def loss_for(losses: Losses, name: str, place: int, outputs: int) -> Loss | None:
    """Return the loss of the output at index `place` of so many; a single loss holds for every output."""
    if isinstance(losses, Loss):
        return losses
    if isinstance(losses, dict):
        return losses.get(name)
    if isinstance(losses, tuple) and len(losses) == outputs:
        return losses[place]
    return None
