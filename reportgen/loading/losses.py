"""What a model was trained for: the loss of each output, as its file or the model at hand tells it."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LARGEST = 20_000_000  # characters of a configuration; that of no network we know comes near
DEEPEST = 20  # lists in lists


@dataclass(frozen=True)
class Loss:
    """A loss by its name, in small letters without underscores ("binarycrossentropy"), and whether it was given logits."""

    name: str
    shown: str
    from_logits: bool


# a loss for the single output, or one for each by name or place
Losses = Loss | dict[str, Loss] | tuple[Loss | None, ...] | None


def losses_of(model: Any) -> Losses:
    """Those that a model at hand was compiled with; None where it was not, or what it holds is no loss."""
    try:
        return losses_from(model.loss if getattr(model, "compiled", False) else None)
    except Exception:  # a property of the user's own class may raise anything
        return None


def losses_in(path: Path) -> Losses:
    """Those that a model's file names. Nothing is built: a loss of the user's own is a name like any other."""
    try:
        return losses_from(_configured(path))
    except Exception:  # a file from outside may hold anything; without a loss the model is still looked at
        return None


def _configured(path: Path) -> Any:
    if path.is_dir():
        file = path / "config.json"
        text: str | bytes = file.read_bytes() if file.is_file() and file.stat().st_size <= LARGEST else "{}"
        return (json.loads(text).get("compile_config") or {}).get("loss")
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo("config.json").file_size > LARGEST:
                return None
            return (json.loads(archive.read("config.json")).get("compile_config") or {}).get("loss")
    import h5py

    with h5py.File(path) as file:
        text = file.attrs.get("training_config") or "{}"
    return json.loads(text).get("loss") if len(text) <= LARGEST else None


def losses_from(said: Any) -> Losses:
    """Losses from what `compile` was given or a file holds: a name, a configuration, a function, or these by output."""
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
    return Loss(name.rpartition(">")[2].replace("_", "").lower(), name, from_logits)


def loss_for(losses: Losses, name: str, place: int, outputs: int) -> Loss | None:
    """The loss of the output at `place` of so many; one loss that was given for all holds for each."""
    if isinstance(losses, Loss):
        return losses
    if isinstance(losses, dict):
        return losses.get(name)
    if isinstance(losses, tuple) and len(losses) == outputs:
        return losses[place]
    return None
