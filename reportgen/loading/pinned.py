"""Keras builds the configuration that was checked, even where the file is another by the time Keras reads it."""

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
    """While this lasts, the model that this thread loads first is built from these configurations, whatever Keras reads.

    Raises `ModelError` where the file is of a kind that it was not when it was checked.
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
        raise ModelError("The model file was replaced by one of another kind while it was read.")
    return configuration


def _with_ellipses_spelled(value: Any) -> Any:
    """A decoded configuration in which `...` is spelled as Keras's newer reader takes it: nodes are read by that one."""
    if value is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(value, dict):
        return {key: _with_ellipses_spelled(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_with_ellipses_spelled(each) for each in value)
    return value
