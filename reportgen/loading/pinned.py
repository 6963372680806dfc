"""Make Keras build the configuration that was checked, even if the file has changed by the time Keras reads it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..backend import json_utils, saving_lib, saving_utils
from ..errors import ModelError
from .gate import Configurations


@contextmanager
def building_only(checked: Configurations) -> Iterator[None]:
    """While this lasts, the first model that this thread loads is built from these configurations, whatever Keras reads.

    Raises `ModelError` if the file is of another kind than when it was checked.
    """
    thread = threading.get_ident()
    from_archive, from_hdf5 = saving_lib.deserialize_keras_object, saving_utils.model_from_config

    def own_builders() -> None:
        saving_lib.deserialize_keras_object, saving_utils.model_from_config = from_archive, from_hdf5

    def build_from_archive(read: Any, *args: Any, **options: Any) -> Any:
        if threading.get_ident() != thread:
            return from_archive(read, *args, **options)
        own_builders()  # for the layers inside
        return from_archive(_known(checked.archive), *args, **options)

    def build_from_hdf5(read: Any, *args: Any, **options: Any) -> Any:
        if threading.get_ident() != thread:
            return from_hdf5(read, *args, **options)
        own_builders()
        return from_hdf5(_with_ellipses_spelled(json_utils.decode(_known(checked.hdf5))), *args, **options)

    saving_lib.deserialize_keras_object, saving_utils.model_from_config = build_from_archive, build_from_hdf5
    try:
        yield
    finally:
        own_builders()


def _known(configuration: Any) -> Any:
    if configuration is None:
        raise ModelError("The model file was replaced by a file of another kind while it was being read; run the command again.")
    return configuration


def _with_ellipses_spelled(value: Any) -> Any:
    """Return a decoded configuration with `...` written for Keras's newer reader, which is the one that reads nodes."""
    if value is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(value, dict):
        return {key: _with_ellipses_spelled(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_with_ellipses_spelled(each) for each in value)
    return value
